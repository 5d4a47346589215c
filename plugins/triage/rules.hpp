// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <re2/re2.h>

#include <memory>
#include <set>
#include <string>
#include <timmy/services.hpp>
#include <vector>

namespace triage {

// One rule of the config, compiled. Every condition that it states must hold.
class Rule {
 public:
  // Throws timmy::Permanent "bad_pattern" naming the rule, the condition and what RE2 says of it.
  explicit Rule(const timmy::Json& config);

  [[nodiscard]] bool matches(const timmy::Issue& issue) const;
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::vector<std::string>& adds() const { return adds_; }

 private:
  using Pattern = std::unique_ptr<const RE2>;
  [[nodiscard]] Pattern compile(const timmy::Json& when, const char* condition) const;

  std::string name_;
  std::vector<std::string> adds_;
  Pattern title_, body_, text_;  // null: not stated
  std::vector<std::string> labels_, without_labels_;
};

// What rules would change of one issue.
struct Change {
  std::vector<std::string> labels;  // that it lacks, in the rules' order
  std::vector<std::string> rules;   // the names of those that ask for them
};

class Rules {
 public:
  // From the config's list.
  explicit Rules(const timmy::Json& config);

  // Conditions see the labels that the issue had when it was read: a rule that builds on another's
  // label matches in the next round, which reads the issue again because it was changed.
  [[nodiscard]] Change change(const timmy::Issue& issue) const;

  // Differs when the rules do, and stays the same over builds and machines. For telling that issues
  // have to be looked at again, not for security.
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }

 private:
  std::vector<Rule> rules_;
  std::string fingerprint_;
};

}  // namespace triage
