// SPDX-License-Identifier: Apache-2.0
#include "plugins/grants.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/glob.hpp"

namespace host {
namespace {

// No empty, "." or ".." between slashes (a leading slash is a path's), no control byte.
bool plain(std::string_view value) {
  for (const unsigned char byte : value)
    if (byte < ' ' || byte == 0x7f) return false;
  if (value.starts_with('/')) value.remove_prefix(1);
  for (;;) {
    const auto slash = value.find('/');
    const auto segment = value.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (slash == std::string_view::npos) return true;
    value.remove_prefix(slash + 1);
  }
}

// The grants whose values are repositories, which the forge takes for the same in either case
// (Gitea: repo_model.Repository.LowerName).
bool of_forge(std::string_view grant) { return grant.starts_with("gitea."); }

std::string lowered(std::string_view name) {
  std::string text(name);
  for (char& byte : text)
    if (byte >= 'A' && byte <= 'Z') byte = static_cast<char>(byte - 'A' + 'a');
  return text;
}

std::vector<std::string> globs_from(const std::string& grant, const Json& value) {
  const auto wrong = [&] {
    return Error(Code::invalid, "grant \"" + grant +
                                    "\" must be a list of texts, one text, or true, not " +
                                    to_text(value));
  };
  if (value.is_string()) return {value.get<std::string>()};
  if (value.is_boolean() && value.get<bool>()) return {"*"};
  if (!value.is_array()) throw wrong();
  std::vector<std::string> globs;
  for (const auto& one : value) {
    if (!one.is_string()) throw wrong();
    globs.push_back(one.get<std::string>());
  }
  return globs;
}

}  // namespace

bool glob_matches(std::string_view glob, std::string_view value) {
  if (!plain(value)) return false;
  return glob == "*" || matches_glob(glob, value, {.question_mark = false, .stops_at = '/'});
}

Grants::Grants(std::map<std::string, std::vector<std::string>> values) {
  for (auto& [grant, globs] : values)
    if (!globs.empty()) values_.emplace(grant, std::move(globs));
}

Grants Grants::from(const Json& map) {
  if (!map.is_object())
    throw Error(Code::invalid, "grants must be a map from a grant to what it covers");
  std::map<std::string, std::vector<std::string>> values;
  for (const auto& [grant, value] : map.items()) values.emplace(grant, globs_from(grant, value));
  return Grants(std::move(values));
}

bool Grants::permits(std::string_view grant, std::string_view value) const {
  const auto& globs = values(grant);
  if (!of_forge(grant))
    return std::any_of(globs.begin(), globs.end(),
                       [&](const std::string& glob) { return glob_matches(glob, value); });
  const auto name = lowered(value);
  return std::any_of(globs.begin(), globs.end(),
                     [&](const std::string& glob) { return glob_matches(lowered(glob), name); });
}

bool Grants::reaches(std::string_view grant, std::string_view owner) const {
  const auto& globs = values(grant);
  const auto name = lowered(owner);
  return std::any_of(globs.begin(), globs.end(), [&](const std::string& glob) {
    return glob == "*" || glob_matches(lowered(glob.substr(0, glob.find('/'))), name);
  });
}

bool Grants::has(std::string_view grant) const { return values_.find(grant) != values_.end(); }

const std::vector<std::string>& Grants::values(std::string_view grant) const {
  static const std::vector<std::string> none;
  const auto found = values_.find(grant);
  return found == values_.end() ? none : found->second;
}

Json Grants::json() const {
  Json map = Json::object();
  for (const auto& [grant, globs] : values_) map[grant] = globs;
  return map;
}

std::string Grants::text() const {
  std::string line;
  for (const auto& [grant, globs] : values_) {
    line += (line.empty() ? "" : "; ") + grant + ": ";
    for (std::size_t i = 0; i < globs.size(); ++i) line += (i == 0 ? "" : ", ") + globs[i];
  }
  return line;
}

}  // namespace host
