// SPDX-License-Identifier: Apache-2.0
#include "explain.hpp"

#include "facts.hpp"
#include "glob.hpp"
#include "home.hpp"
#include "names_text.hpp"
#include "outcome.hpp"

namespace triage {
namespace {

using timmy::Json;

const char* word(Holds holds) {
  if (holds == Holds::unknown) return "unknown";
  return holds == Holds::yes ? "yes" : "no";
}

Json conditions(const std::vector<Finding>& findings) {
  Json all = Json::array();
  for (const auto& finding : findings)
    all.push_back({{"condition", finding.condition},
                   {"wanted", finding.wanted},
                   {"value", finding.value},
                   {"holds", word(finding.holds)}});
  return all;
}

Json rules_of(const Rules& rules, const Look& look) {
  Json all = Json::array();
  for (const auto& rule : rules)
    all.push_back({{"rule", rule.name()},
                   {"matches", word(rule.matches(look))},
                   {"conditions", conditions(rule.findings(look))}});
  return all;
}

Json held_back(const Outcome& outcome) {
  Json all = Json::array();
  for (const auto& held : outcome.held)
    all.push_back({{"rule", held.rule}, {"what", held.what}, {"why", held.why}});
  return all;
}

// Those of the rules that asked for a step which want this label of it.
Names rules_for(const std::string& label, const Names& asked, const Rules& rules) {
  Names names;
  for (const auto& rule : rules)
    if (contains(asked, rule.name()) && (contains(rule.adds(), label) || rule.priority() == label))
      names.push_back(rule.name());
  return names;
}

std::string why_left_out(const Clash& clash) {
  if (clash.unsure) return why_unsure(clash);
  const auto other = in_quotes(clash.other);
  return clash.carried ? "the issue carries " + other + ", which it would replace"
                       : other + ", which it would replace, is added first";
}

Json left_out(const Outcome& outcome, const Rules& rules) {
  Json all = Json::array();
  for (const auto& clash : outcome.clashes) {
    all.push_back({{"what", "label " + in_quotes(clash.label)},
                   {"rules", rules_for(clash.label, clash.rules, rules)},
                   {"why", why_left_out(clash)}});
  }
  return all;
}

Json steps_of(const Outcome& outcome) {
  Json all = Json::array();
  for (const auto& step : outcome.steps) all.push_back(step.to_json());
  return all;
}

// Why a round does not come to this issue, whatever the rules say.
Json hindrances(const Names& repos, const Rules& rules, const Snapshot& issue) {
  Json all = Json::array();
  const std::string kind = issue.kind == Kind::pull ? "pull requests" : "issues";
  if (!covers_repo(repos, issue.repo))
    all.push_back(issue.repo + " is not among the repos of triage's config");
  if (!issue.open) all.push_back("it is closed; only what is open is looked at");
  if (!rules.concern(issue.repo, issue.kind))
    all.push_back("no rule is about " + kind + " of " + issue.repo);
  return all;
}

Json issue_json(const Snapshot& issue, const Look& look) {
  return {{"repo", issue.repo},
          {"number", issue.number},
          {"kind", issue.kind == Kind::pull ? "pull request" : "issue"},
          {"title", issue.title},
          {"state", issue.open ? "open" : "closed"},
          {"author", issue.author},
          {"age", age_text(look)},
          {"labels", issue.labels},
          {"assignees", issue.assignees}};
}

}  // namespace

Json explain(timmy::Context& ctx, const Names& repos, const Rules& rules, const std::string& repo,
             std::int64_t number) {
  const auto now = ctx.now();
  const auto issue = Snapshot::of(repo, ctx.gitea().get_issue(repo, number), now);
  const auto home = Homes(ctx.gitea(), ctx.state()).known(repo);
  const auto kept = ctx.state().get(record_key(home, number));
  const Record record = Record::from(kept.value_or(Json::object()));
  const Facts none;
  FactFinder finder(ctx.gitea(), ctx.state());
  const Facts facts = finder.find(rules.needs({issue, none, now}, true), issue);
  const Look look{issue, facts, now};
  const Outcome outcome = decide(rules, look, record);
  const Json hindered = hindrances(repos, rules, issue);
  return {{"issue", issue_json(issue, look)},
          {"hindrances", hindered},
          {"rules", rules_of(rules, look)},
          {"steps", hindered.empty() ? steps_of(outcome) : Json::array()},
          {"resumed", outcome.resumed},
          {"held_back", held_back(outcome)},
          {"left_out", left_out(outcome, rules)},
          {"due", outcome.due ? Json(timmy::format_time(*outcome.due)) : Json()}};
}

}  // namespace triage
