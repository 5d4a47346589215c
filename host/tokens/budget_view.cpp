// SPDX-License-Identifier: Apache-2.0
#include "tokens/budget_view.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"

namespace host {
namespace {

bool names(const Budget& budget, Dimension dimension, const std::string& name) {
  const auto caps = budget.caps.find(dimension);
  return caps != budget.caps.end() && caps->second.contains(name);
}

Standing standing_of(const Budget& budget, Dimension dimension, const std::string& name,
                     const std::vector<Standing>& standings) {
  for (const auto& standing : standings)
    if (standing.dimension == dimension && standing.name == name) return standing;
  Standing none;
  none.dimension = dimension;
  none.name = name;
  none.cap = *budget.find(dimension, name);
  return none;
}

// Over the subject itself, then over each run and issue of it and each model that it may use.
std::vector<CapOver> caps_over(const Budget& budget, const BudgetSubject& subject,
                               const std::vector<Standing>& standings) {
  std::vector<CapOver> caps;
  for (const auto dimension : {Dimension::day, Dimension::pipeline, Dimension::playbook,
                               Dimension::model, Dimension::issue, Dimension::run}) {
    if (dimension == Dimension::day || dimension == subject.kind) {
      const auto name = dimension == subject.kind ? subject.name : std::string();
      if (budget.find(dimension, name) != nullptr)
        caps.push_back({.standing = standing_of(budget, dimension, name, standings),
                        .own = names(budget, dimension, name)});
    } else if (dimension == Dimension::model || !renews(dimension)) {
      const auto named = budget.caps.find(dimension);
      if (named == budget.caps.end()) continue;
      for (const auto& [name, cap] : named->second)
        if (dimension == Dimension::model || name.empty())
          caps.push_back({.standing = standing_of(budget, dimension, name, standings),
                          .own = name != "*" && !name.empty(),
                          .each = true});
    }
  }
  return caps;
}

bool is_of(const OwnStanding& own, const BudgetSubject& subject) {
  const auto& who = own.spender;
  switch (subject.kind) {
    case Dimension::pipeline: return who.pipeline == subject.name;
    case Dimension::playbook: return who.playbook == subject.name;
    case Dimension::issue: return issue_account(who.repo, who.issue) == subject.name;
    case Dimension::model: return !own.model || own.model->text() == subject.name;
    default: return true;
  }
}

std::string about(const CapOver& cap) {
  return cap.each && !cap.own ? "each " + std::string(name(cap.standing.dimension))
                              : describe(cap.standing.dimension, cap.standing.name);
}

std::string until(const Standing& standing) {
  return standing.reset ? " until " + format_utc(*standing.reset) : std::string();
}

std::string consequence(const Standing& standing) {
  const auto end = until(standing);
  switch (standing.cap.when) {
    case WhenReached::pause: return "calls are refused and its pipeline is paused" + end;
    case WhenReached::queue_until_reset: return "calls are refused and jobs wait" + end;
    case WhenReached::refuse: break;
  }
  return "calls are refused" + end;
}

std::string no_price(const Budget& budget, const BudgetSubject& subject,
                     const std::vector<CapOver>& caps) {
  if (subject.kind != Dimension::model) return {};
  const auto slash = subject.name.find('/');
  if (budget.price_of({subject.name.substr(0, slash), subject.name.substr(slash + 1)}) != nullptr)
    return {};
  for (const auto& cap : caps)
    if (cap.standing.cap.cost)
      return fmt::format(
          "every call is refused: the cap over {} limits the cost, and {} has no "
          "price",
          about(cap), subject.name);
  return {};
}

double share(std::int64_t taken, std::int64_t cap) {
  return cap > 0 ? static_cast<double>(taken) / static_cast<double>(cap) : 1.0;
}

}  // namespace

BudgetSubject parse_budget_subject(std::string_view text) {
  if (text.empty())
    throw Error(Code::invalid, "whose budget?",
                "Name a pipeline, a task, an issue (owner/name#12) or a model (provider/model).");
  const auto hash = text.rfind('#');
  if (hash != std::string_view::npos && text.substr(0, hash).find('/') != std::string_view::npos)
    return {Dimension::issue, folded(text)};
  if (text.find('/') != std::string_view::npos)
    return {Dimension::model, model_named("", text).text()};
  return {Dimension::pipeline, std::string(text)};
}

Explanation explain_budget(const Budget& budget, const BudgetSubject& subject,
                           const std::vector<Standing>& standings,
                           const std::vector<OwnStanding>& own) {
  Explanation found{.caps = caps_over(budget, subject, standings)};
  for (const auto& one : own)
    if (is_of(one, subject)) found.own.push_back(one);
  for (std::size_t i = 0; i < found.caps.size(); ++i) {
    const auto& standing = found.caps[i].standing;
    if (!standing.cap.tokens) continue;
    if (!found.tightest || standing.left() < found.caps[*found.tightest].standing.left())
      found.tightest = i;
  }
  if (auto text = no_price(budget, subject, found.caps); !text.empty())
    found.refused.push_back(std::move(text));
  for (const auto& cap : found.caps)
    if (cap.standing.reached())
      found.refused.push_back(
          fmt::format("the cap over {} is reached: {}", about(cap), consequence(cap.standing)));
  for (const auto& one : found.own)
    if (one.standing.reached())
      found.refused.push_back(
          fmt::format("a cap of the run {}, {}, is reached: calls are refused{}", one.spender.run,
                      one.what, until(one.standing)));
  if (found.tightest && !found.caps[*found.tightest].standing.reached()) {
    const auto& cap = found.caps[*found.tightest];
    found.refused.push_back(
        fmt::format("a call that may take more than {} tokens is refused, by "
                    "the cap over {}",
                    cap.standing.left().count(), about(cap)));
  }
  return found;
}

double share_taken(const Standing& standing) {
  double most = 0;
  const auto& cap = standing.cap;
  if (cap.tokens)
    most = std::max(most, share((standing.settled + standing.held + standing.reserved).count(),
                                cap.tokens->count()));
  if (cap.runs) most = std::max(most, share(standing.runs, *cap.runs));
  if (cap.cost)
    most = std::max(most, share((standing.cost_settled + standing.cost_held).nano_dollars(),
                                cap.cost->nano_dollars()));
  return most;
}

}  // namespace host
