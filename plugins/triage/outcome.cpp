// SPDX-License-Identifier: Apache-2.0
#include "outcome.hpp"

#include <algorithm>

#include "names_text.hpp"
#include "round_robin.hpp"

namespace triage {
namespace {

// What the rules that match ask for, put together.
class Wishes {
 public:
  Wishes(const Rules& rules, const Look& look, const Record& record, std::vector<Held>& held)
      : rules_(rules), look_(look), record_(record), held_(held) {}

  void take(const Rule& rule) {
    for (const auto& label : rule.adds()) add(rule, label);
    for (const auto& label : rule.removes()) remove(rule, label);
    for (const auto& login : rule.assigns()) assign(rule, login);
    if (!rule.round_robin().empty() && !round_robin_) round_robin_ = &rule;
    if (!rule.priority().empty() && !priority_) prioritise(*(priority_ = &rule));
    if (rule.comment()) comment(rule);
    if (rule.closes()) close(rule);
  }

  // To be called once all rules have been taken.
  [[nodiscard]] std::vector<Step> steps() {
    choose();
    std::vector<Step> all;
    if (!assign_.names.empty()) all.push_back(assign_);
    if (!label_.names.empty()) all.push_back(label_);
    all.insert(all.end(), unlabel_.begin(), unlabel_.end());
    Names assignees = look_.issue.assignees;
    assignees.insert(assignees.end(), assign_.names.begin(), assign_.names.end());
    for (const Rule* rule : comments_) {
      Step step{.what = Step::What::comment, .rules = {rule->name()}};
      step.text = rule->comment()->text(look_.issue, assignees);
      all.push_back(std::move(step));
    }
    if (close_) all.push_back(*close_);
    return all;
  }

 private:
  void hold(const Rule& rule, const std::string& what, const std::string& why) {
    held_.push_back({rule.name(), what, why});
  }

  static void ask(Step& step, const Rule& rule, const std::string& name) {
    if (!contains(step.names, name)) step.names.push_back(name);
    if (!contains(step.rules, rule.name())) step.rules.push_back(rule.name());
  }

  void add(const Rule& rule, const std::string& label) {
    if (contains(look_.issue.labels, label)) return;
    if (const auto ours = record_.added.find(label); ours != record_.added.end())
      return hold(rule, "label " + in_quotes(label),
                  "triage added it at " + ours->second + ", and it was taken off since");
    ask(label_, rule, label);
  }

  void remove(const Rule& rule, const std::string& label) {
    if (!contains(look_.issue.labels, label)) return;
    if (const auto ours = record_.removed.find(label); ours != record_.removed.end())
      return hold(rule, "taking off label " + in_quotes(label),
                  "triage took it off at " + ours->second + ", and it was put back since");
    unlabel(rule, label);
  }

  void unlabel(const Rule& rule, const std::string& label) {
    for (auto& step : unlabel_)
      if (step.names.front() == label) return ask(step, rule, label);
    ask(unlabel_.emplace_back(Step{.what = Step::What::unlabel}), rule, label);
  }

  void assign(const Rule& rule, const std::string& login) {
    if (has_login(look_.issue.assignees, login) || has_login(assign_.names, login)) return;
    for (const auto& [ours, when] : record_.assigned)
      if (same_login(ours, login))
        return hold(
            rule, "assignee " + login,
            "triage assigned it to " + login + " at " + when + ", and that was taken back since");
    ask(assign_, rule, login);
  }

  // After what rules say by name, which leaves nothing to choose.
  void choose() {
    if (!round_robin_ || !look_.issue.assignees.empty() || !assign_.names.empty()) return;
    if (!record_.assigned.empty()) {
      const auto& [login, when] = *record_.assigned.begin();
      return hold(
          *round_robin_, "an assignee",
          "triage assigned it to " + login + " at " + when + ", and that was taken back since");
    }
    const auto last = look_.facts.turns.find(round_robin_->name());
    assign_.turn = round_robin_->name();
    ask(assign_, *round_robin_,
        whose_turn(round_robin_->round_robin(),
                   last == look_.facts.turns.end() ? Turn() : last->second, look_.issue.name()));
  }

  // What somebody else chose stays. What we chose ourselves may become another, each once.
  void prioritise(const Rule& rule) {
    const auto& label = rule.priority();
    const auto what = "priority " + in_quotes(label);
    Names carried;
    for (const auto& each : rules_.priorities())
      if (contains(look_.issue.labels, each)) carried.push_back(each);
    if (contains(carried, label)) return;
    for (const auto& each : carried)
      if (!record_.priorities.contains(each))
        return hold(rule, what, "somebody chose " + in_quotes(each));
    if (carried.empty() && !record_.priorities.empty())
      return hold(rule, what,
                  "triage chose " + in_quotes(record_.priorities.begin()->first) + " at " +
                      record_.priorities.begin()->second + ", and it was taken off since");
    if (record_.priorities.contains(label))
      return hold(rule, what, "triage has chosen it before, and another since");
    label_.priority = label;
    ask(label_, rule, label);
    for (const auto& each : carried) unlabel(rule, each);
  }

  void comment(const Rule& rule) {
    if (!record_.commented.contains(rule.name())) comments_.push_back(&rule);
  }

  void close(const Rule& rule) {
    if (!record_.closed.empty())
      return hold(rule, "closing it",
                  "triage closed it at " + record_.closed + ", and it was opened again since");
    if (!close_) close_ = Step{.what = Step::What::close};
    close_->rules.push_back(rule.name());
  }

  const Rules& rules_;
  const Look& look_;
  const Record& record_;
  std::vector<Held>& held_;

  Step assign_{.what = Step::What::assign};
  Step label_{.what = Step::What::label};
  std::vector<Step> unlabel_;
  std::vector<const Rule*> comments_;
  std::optional<Step> close_;
  const Rule* round_robin_ = nullptr;
  const Rule* priority_ = nullptr;
};

// A plan of long ago, or by other rules, is none any more: what there is to do is decided anew.
bool stands(const Record& record, const Rules& rules, timmy::Time now) {
  constexpr auto kLife = std::chrono::hours(24);
  const auto planned = timmy::parse_time(record.planned);
  // Also one from beyond now, by a clock that was ahead.
  return planned && std::chrono::abs(now - *planned) <= kLife &&
         record.rules == rules.fingerprint();
}

// They are kept without: see Record.
void give_texts(std::vector<Step>& steps, const Rules& rules, const Snapshot& issue) {
  Names assignees = issue.assignees;
  for (const auto& step : steps)
    if (step.what == Step::What::assign)
      assignees.insert(assignees.end(), step.names.begin(), step.names.end());
  for (auto& step : steps) {
    if (step.what != Step::What::comment || !step.text.empty()) continue;
    for (const auto& rule : rules)
      if (rule.comment() && contains(step.rules, rule.name()))
        step.text = rule.comment()->text(issue, assignees);
  }
}

// What of `step` none of `begun` is about.
std::optional<Step> new_in(Step step, const std::vector<Step>& begun) {
  for (const auto& other : begun) {
    if (other.what != step.what) continue;
    if (step.what == Step::What::close || !step.turn.empty()) return std::nullopt;
    if (step.what == Step::What::comment && step.rules == other.rules) return std::nullopt;
    std::erase_if(step.names, [&](const auto& name) { return contains(other.names, name); });
    if (step.what != Step::What::comment && step.names.empty()) return std::nullopt;
  }
  return step;
}

// Closing comes last.
std::vector<Step> joined(std::vector<Step> begun, const std::vector<Step>& wished) {
  std::vector<Step> all = begun;
  for (const auto& step : wished)
    if (auto more = new_in(step, begun)) all.push_back(std::move(*more));
  std::stable_partition(all.begin(), all.end(),
                        [](const Step& step) { return step.what != Step::What::close; });
  return all;
}

}  // namespace

Outcome decide(const Rules& rules, const Look& look, const Record& kept) {
  Outcome outcome;
  if (!look.issue.open) return outcome;
  const Record record = settled(kept, look.issue);
  Wishes wishes(rules, look, record, outcome.held);
  for (const auto& rule : rules) {
    const Holds matches = rule.matches(look);
    if (matches == Holds::yes) wishes.take(rule);
    if (matches == Holds::unknown) outcome.unjudged.push_back(rule.name());
    if (const auto due = rule.due(look); due && (!outcome.due || *due < *outcome.due))
      outcome.due = due;
  }
  std::vector<Step> begun;
  if (stands(record, rules, look.now)) begun = rest_of_plan(record, look.issue);
  give_texts(begun, rules, look.issue);
  outcome.resumed = !begun.empty();
  outcome.steps = without_clashes(joined(begun, wishes.steps()), look.issue, look.facts.exclusive,
                                  look.facts.unsure, outcome.clashes);
  return outcome;
}

}  // namespace triage
