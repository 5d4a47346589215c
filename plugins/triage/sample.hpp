// SPDX-License-Identifier: Apache-2.0
//
// What the tests of rules and outcomes are made of.
#pragma once

#include <string>
#include <vector>

#include "condition.hpp"

namespace triage {

inline const timmy::Time kNow =
    std::chrono::sys_days(std::chrono::January / 5 / 2026) + std::chrono::hours(12);

// An issue of a day ago that nobody touched since.
inline Snapshot issue(const std::string& title, const std::string& body = {},
                      const Names& labels = {}) {
  Snapshot one;
  one.repo = "org/app";
  one.number = 7;
  one.title = title;
  one.body = body;
  one.labels = labels;
  one.author = "ada";
  one.created_at = one.updated_at = kNow - std::chrono::hours(24);
  one.taken = kNow;
  return one;
}

inline Snapshot pull(const std::string& title) {
  Snapshot one = issue(title);
  one.kind = Kind::pull;
  return one;
}

inline timmy::Json rule(const std::string& name, const timmy::Json& when,
                        timmy::Json does = {{"add_labels", {"x"}}}) {
  does["name"] = name;
  does["when"] = when;
  return does;
}

}  // namespace triage
