// SPDX-License-Identifier: Apache-2.0
#include "rules.hpp"

#include <algorithm>

#include "digest.hpp"
#include "duration.hpp"
#include "glob.hpp"
#include "names_text.hpp"

namespace triage {
namespace {

[[noreturn]] void refuse(const std::string& rule, const std::string& why) {
  throw timmy::Permanent("bad_rule", "rule \"" + rule + "\": " + why);
}

}  // namespace

Rule::Rule(const timmy::Json& config) : name_(config.at("name").get<std::string>()) {
  const auto& when = config.at("when");
  const bool asks_for_files = when.contains("files") || when.contains("files_pattern");
  kind_ = when.value("kind", asks_for_files ? "pull" : "issue");
  if (asks_for_files && kind_ == "issue")
    refuse(name_,
           "an issue touches no files, so it never matches; say kind: pull, or leave it out");
  repositories_ = when.value("repository", Names());
  conditions_ = conditions_of(when, name_);
  older_than_ = duration_of(when, "older_than", name_);
  const auto younger_than = duration_of(when, "younger_than", name_);
  if (older_than_ && younger_than && *older_than_ >= *younger_than)
    refuse(name_, "nothing is older than " + duration_text(*older_than_) + " and younger than " +
                      duration_text(*younger_than));
  adds_ = config.value("add_labels", Names());
  removes_ = config.value("remove_labels", Names());
  assigns_ = config.value("assign", Names());
  round_robin_ = config.value("assign_round_robin", Names());
  priority_ = config.value("priority", "");
  closes_ = config.value("close", false);
  if (config.contains("comment")) comment_.emplace(config["comment"].get<std::string>(), name_);
  for (const auto& label : adds_)
    if (contains(removes_, label)) refuse(name_, "it both adds and removes \"" + label + "\"");
}

bool Rule::takes(Kind kind) const {
  return kind_ == "any" || (kind_ == "pull") == (kind == Kind::pull);
}

bool Rule::old_enough(const Look& look) const {
  return !older_than_ ||
         (look.issue.created_at && look.now - *look.issue.created_at >= *older_than_);
}

Holds Rule::matches(const Look& look) const {
  if (!takes(look.issue.kind) || !old_enough(look)) return Holds::no;
  Holds all = Holds::yes;
  for (const auto& condition : conditions_) {
    const Holds one = condition.holds(look);
    if (one == Holds::no) return Holds::no;
    if (one == Holds::unknown) all = one;
  }
  return all;
}

std::optional<timmy::Time> Rule::due(const Look& look) const {
  if (!older_than_ || !look.issue.created_at || old_enough(look)) return std::nullopt;
  const bool else_it_would =
      takes(look.issue.kind) &&
      std::all_of(conditions_.begin(), conditions_.end(),
                  [&](const Condition& condition) { return condition.holds(look) != Holds::no; });
  return else_it_would ? std::optional(*look.issue.created_at + *older_than_) : std::nullopt;
}

std::vector<Finding> Rule::findings(const Look& look) const {
  const auto judged = [](bool yes) { return yes ? Holds::yes : Holds::no; };
  std::vector<Finding> all;
  all.push_back({"kind", kind_, look.issue.kind == Kind::pull ? "pull" : "issue",
                 judged(takes(look.issue.kind))});
  if (older_than_)
    all.push_back(
        {"older_than", duration_text(*older_than_), age_text(look), judged(old_enough(look))});
  for (const auto& condition : conditions_)
    all.push_back({condition.key, condition.wanted, condition.value(look), condition.holds(look)});
  return all;
}

void Rule::needs(const Look& look, bool all, Needs& needs) const {
  if (!all && matches(look) == Holds::no) return;
  for (const auto& condition : conditions_)
    if (condition.needs) condition.needs(look, needs);
  if (!round_robin_.empty()) needs.turns.push_back(name_);
  needs.added.insert(needs.added.end(), adds_.begin(), adds_.end());
  if (!priority_.empty()) needs.added.push_back(priority_);
}

bool Rule::concerns(const std::string& repo, Kind kind) const {
  return takes(kind) && (repositories_.empty() || covers_repo(repositories_, repo));
}

Rules::Rules(const timmy::Json& rules, const timmy::Json& priorities)
    : priorities_(priorities.get<Names>()),
      fingerprint_(digest(rules.dump() + (priorities.empty() ? "" : priorities.dump()))) {
  for (const auto& rule : rules) rules_.emplace_back(rule);
  check_names();
  check_priorities();
}

// What is remembered of a rule is remembered by its name.
void Rules::check_names() const {
  for (auto rule = rules_.begin(); rule != rules_.end(); ++rule) {
    const auto other = std::find_if(rules_.begin(), rules_.end(), [&](const Rule& each) {
      return each.name() == rule->name() && &each != &*rule;
    });
    if (other != rules_.end() && (rule->comment() || !rule->round_robin().empty()))
      refuse(rule->name(),
             "another rule has this name; one with comment or assign_round_robin needs its own");
  }
}

void Rules::check_priorities() const {
  for (const auto& rule : rules_)
    if (!rule.priority().empty() && !contains(priorities_, rule.priority()))
      refuse(rule.name(), "priority \"" + rule.priority() +
                              "\" is not one of the config's priorities: " + listed(priorities_));
}

bool Rules::concern(const std::string& repo, Kind kind) const {
  return std::any_of(rules_.begin(), rules_.end(),
                     [&](const Rule& rule) { return rule.concerns(repo, kind); });
}

Needs Rules::needs(const Look& look, bool all) const {
  Needs needs;
  for (const auto& rule : rules_) rule.needs(look, all, needs);
  return needs;
}

}  // namespace triage
