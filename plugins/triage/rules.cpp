// SPDX-License-Identifier: Apache-2.0
#include "rules.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdio>

namespace triage {
namespace {

using Names = std::vector<std::string>;

bool contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool found(const RE2& pattern, const std::string& text) { return RE2::PartialMatch(text, pattern); }

// FNV-1a, 64 bits.
std::string hash(const std::string& text) {
  std::uint64_t value = 0xcbf29ce484222325;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  char hex[17];
  std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(value));
  return hex;
}

}  // namespace

Rule::Rule(const timmy::Json& config)
    : name_(config.at("name").get<std::string>()), adds_(config.at("add_labels").get<Names>()) {
  const auto& when = config.at("when");
  title_ = compile(when, "title");
  body_ = compile(when, "body");
  text_ = compile(when, "text");
  labels_ = when.value("labels", Names());
  without_labels_ = when.value("without_labels", Names());
}

Rule::Pattern Rule::compile(const timmy::Json& when, const char* condition) const {
  const auto stated = when.find(condition);
  if (stated == when.end()) return nullptr;
  auto pattern = std::make_unique<RE2>(stated->get<std::string>(), RE2::Quiet);
  if (!pattern->ok())
    throw timmy::Permanent("bad_pattern", "rule \"" + name_ + "\": when." + condition +
                                              " is no RE2 pattern: " + pattern->error());
  return pattern;
}

bool Rule::matches(const timmy::Issue& issue) const {
  if (title_ && !found(*title_, issue.title)) return false;
  if (body_ && !found(*body_, issue.body)) return false;
  if (text_ && !found(*text_, issue.title) && !found(*text_, issue.body)) return false;
  const auto carried = [&](const std::string& label) { return contains(issue.labels, label); };
  return std::all_of(labels_.begin(), labels_.end(), carried) &&
         std::none_of(without_labels_.begin(), without_labels_.end(), carried);
}

Rules::Rules(const timmy::Json& config) : fingerprint_(hash(config.dump())) {
  for (const auto& rule : config) rules_.emplace_back(rule);
}

Change Rules::change(const timmy::Issue& issue) const {
  Change change;
  for (const auto& rule : rules_) {
    if (!rule.matches(issue)) continue;
    const auto before = change.labels.size();
    for (const auto& label : rule.adds())
      if (!contains(issue.labels, label) && !contains(change.labels, label))
        change.labels.push_back(label);
    if (change.labels.size() != before) change.rules.push_back(rule.name());
  }
  return change;
}

}  // namespace triage
