// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <timmy/services.hpp>
#include <vector>

#include "comment_template.hpp"
#include "condition.hpp"

namespace triage {

// What became of one condition of a rule, for people.
struct Finding {
  std::string condition;
  std::string wanted;
  std::string value;
  Holds holds = Holds::no;
};

// One rule of the config, compiled.
class Rule {
 public:
  // Throws timmy::Permanent naming the rule and what of it is wrong.
  explicit Rule(const timmy::Json& config);

  // Whether every condition that it states holds; `unknown` where that hangs on facts that are
  // not there.
  [[nodiscard]] Holds matches(const Look& look) const;
  // When it may come to match by nothing but the age; nothing if that changes nothing.
  [[nodiscard]] std::optional<timmy::Time> due(const Look& look) const;
  // The same as matches(), condition by condition.
  [[nodiscard]] std::vector<Finding> findings(const Look& look) const;
  // Adds the facts that it hangs on yet; with `all`, also those of conditions that can't matter.
  void needs(const Look& look, bool all, Needs& needs) const;
  // Whether it is for issues, or for pull requests, of this repository at all.
  [[nodiscard]] bool concerns(const std::string& repo, Kind kind) const;

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const Names& adds() const { return adds_; }
  [[nodiscard]] const Names& removes() const { return removes_; }
  [[nodiscard]] const Names& assigns() const { return assigns_; }
  [[nodiscard]] const Names& round_robin() const { return round_robin_; }
  [[nodiscard]] const std::string& priority() const { return priority_; }  // empty: none
  [[nodiscard]] const std::optional<CommentTemplate>& comment() const { return comment_; }
  [[nodiscard]] bool closes() const { return closes_; }

 private:
  [[nodiscard]] bool takes(Kind kind) const;
  [[nodiscard]] bool old_enough(const Look& look) const;

  std::string name_;
  std::string kind_;
  Names repositories_;  // globs; empty: all
  std::vector<Condition> conditions_;
  std::optional<std::chrono::seconds> older_than_;

  Names adds_, removes_, assigns_, round_robin_;
  std::string priority_;
  std::optional<CommentTemplate> comment_;
  bool closes_ = false;
};

class Rules {
 public:
  // From the config's lists. Throws timmy::Permanent naming the rule and what of it is wrong.
  explicit Rules(const timmy::Json& rules, const timmy::Json& priorities = timmy::Json::array());

  [[nodiscard]] std::vector<Rule>::const_iterator begin() const { return rules_.begin(); }
  [[nodiscard]] std::vector<Rule>::const_iterator end() const { return rules_.end(); }
  // The labels of which an issue carries one at most.
  [[nodiscard]] const Names& priorities() const { return priorities_; }
  [[nodiscard]] bool concern(const std::string& repo, Kind kind) const;
  [[nodiscard]] Needs needs(const Look& look, bool all) const;

  // Differs when the rules do, and stays the same over builds and machines. For telling that issues
  // have to be looked at again, not for security.
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }

 private:
  void check_names() const;
  void check_priorities() const;

  std::vector<Rule> rules_;
  Names priorities_;
  std::string fingerprint_;
};

}  // namespace triage
