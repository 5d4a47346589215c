// SPDX-License-Identifier: Apache-2.0
#include "gitea/types.hpp"

#include <algorithm>
#include <cctype>

#include "base/error.hpp"

namespace host {
namespace {

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 100 && text != "." && text != ".." &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) {
           return c < 0x80 && (std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.');
         });
}

}  // namespace

RepoName parse_repo_name(std::string_view text) {
  const auto slash = text.find('/');
  const auto owner = text.substr(0, slash);
  const auto name = slash == std::string_view::npos ? std::string_view{} : text.substr(slash + 1);
  if (!is_name(owner) || !is_name(name))
    throw Error(Code::usage, "\"" + std::string(text.substr(0, 200)) + "\" names no repository",
                "Write it as owner/name.");
  return {std::string(owner), std::string(name)};
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

bool TokenScopes::has(std::string_view scope) const {
  return std::any_of(granted.begin(), granted.end(), [&](const std::string& each) {
    return each == scope || (scope.starts_with("read:") && each.starts_with("write:") &&
                             std::string_view(each).substr(6) == scope.substr(5));
  });
}

}  // namespace host
