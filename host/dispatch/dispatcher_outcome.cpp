// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher_outcome.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/plural.hpp"

namespace host::dispatch {
namespace {

// To the agent again if it has an attempt and tokens left, else the end. `used`: with this attempt.
Outcome again(const Item& item, const Playbook& playbook, int used, std::int64_t tokens,
              std::string reason, std::string feedback) {
  Outcome outcome;
  outcome.counts = used > item.attempts;
  if (used >= playbook.limits.attempts) {
    outcome.reason =
        fmt::format("{}; that was attempt {} of {}", reason, used, playbook.limits.attempts);
  } else if (item.tokens + tokens >= playbook.limits.tokens) {
    outcome.reason = fmt::format("{}; its {} tokens are spent", reason, playbook.limits.tokens);
  } else {
    outcome.move = Move::send_back;
    outcome.reason = std::move(reason);
    outcome.feedback = std::move(feedback);
  }
  return outcome;
}

Outcome pause(std::string reason, Duration delay) {
  return {.move = Move::wait,
          .reason = std::move(reason),
          .feedback = {},
          .counts = false,
          .delay = delay};
}

// Any program can say 75 for ever: it is heard so often, and no more.
Outcome pause_or_fail(const Item& item, const RunFacts& facts, const OutcomeTerms& terms) {
  const int limits = item.rate_limits + 1;
  const auto why = facts.reason.empty() ? std::string("it was rate-limited") : facts.reason;
  if (limits > terms.most_rate_limits)
    return {.move = Move::fail,
            .reason = fmt::format("{}; it has had its {} pauses", why, terms.most_rate_limits),
            .feedback = {},
            .counts = false,
            .delay = {}};
  auto delay = terms.rate_limit_pause;
  for (int more = 1; more < limits && delay < terms.longest_rate_limit_pause; ++more) delay *= 2;
  return pause(fmt::format("{}; pause {} of {}", why, limits, terms.most_rate_limits),
               std::min(delay, terms.longest_rate_limit_pause));
}

std::string listed(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

// How it ended, for people and for the agent.
std::string end_in_words(const RunFacts& facts) {
  if (facts.refused.empty()) return facts.reason;
  return fmt::format("{}; its last call was refused: {}", facts.reason, facts.refused);
}

// Nothing of its own kept it from going on, and after that cap's reset it can; unless its
// limits.tokens are spent, too.
bool waits_for_cap(const Item& item, const Playbook& playbook, const RunFacts& facts) {
  return facts.renews && item.tokens + facts.tokens < playbook.limits.tokens;
}

Outcome pause_for_cap(const RunFacts& facts, const OutcomeTerms& terms) {
  return pause(end_in_words(facts), std::max(*facts.renews - terms.now, Duration{}));
}

// Of an attempt that ended by itself.
Outcome outcome_of_work(const Item& item, const Playbook& playbook, const RunFacts& facts,
                        const ImportedWork& work, const OutcomeTerms& terms) {
  const int used = item.attempts + 1;
  const bool comment = playbook.report.kind == ReportKind::comment;
  const auto retry = [&](std::string reason, std::string feedback) {
    return again(item, playbook, used, facts.tokens, std::move(reason), std::move(feedback));
  };
  if (!work.problems.empty())
    return retry(fmt::format("its commits were refused: {}", work.problems.front()),
                 "Your commits were refused:\n" + listed(work.problems));
  if (comment ? facts.report.empty() : work.head.empty()) {
    if (waits_for_cap(item, playbook, facts)) return pause_for_cap(facts, terms);
    const char* what = comment ? "it wrote no report" : "it committed nothing";
    // One that ended well meant it: that the work can't be done is a finding, and not repeated;
    // unless it could not go on.
    if (facts.status == 0 && !comment && facts.refused.empty())
      return {.move = Move::fail, .reason = what, .feedback = {}, .counts = true, .delay = {}};
    return retry(
        fmt::format("{} ({})", what, end_in_words(facts)),
        fmt::format("The attempt before this one ended with status {}, and {}.{}", facts.status,
                    what, facts.refused.empty() ? "" : " It had no tokens left."));
  }
  return {.move = Move::pass,
          .reason = comment ? "it wrote its report" : plural(work.commits, "commit"),
          .feedback = {},
          .counts = true,
          .delay = {}};
}

}  // namespace

Outcome outcome_of_run(const Item& item, const Playbook& playbook, const RunFacts& facts,
                       const ImportedWork& work, const std::optional<Error>& refused,
                       const OutcomeTerms& terms) {
  switch (facts.how) {
    case RunEnd::not_started:
      return pause("it was not started: " + facts.reason, terms.not_started_pause);
    case RunEnd::rate_limited:
      if (waits_for_cap(item, playbook, facts)) return pause_for_cap(facts, terms);
      return pause_or_fail(item, facts, terms);
    // Its commits are kept all the same.
    case RunEnd::not_usable:
      return {.move = Move::fail,
              .reason = "the agent " + facts.reason,
              .feedback = {},
              .counts = true,
              .delay = {}};
    // By nobody who wants the item stopped, or that is dealt with before: the host was ending.
    case RunEnd::cancelled:
    case RunEnd::interrupted:
      return {.move = Move::interrupt,
              .reason = "its run was cut short by the host's end",
              .feedback = {},
              .counts = false,
              .delay = {}};
    case RunEnd::crashed:
    case RunEnd::deadline:
    case RunEnd::stalled:
    case RunEnd::budget:
      if (waits_for_cap(item, playbook, facts)) return pause_for_cap(facts, terms);
      [[fallthrough]];
    case RunEnd::limit:
      return again(item, playbook, item.attempts + 1, facts.tokens,
                   fmt::format("the run was ended: {}", end_in_words(facts)),
                   fmt::format("The attempt before this one was ended by the host: {}. What was "
                               "committed until then is still here.",
                               end_in_words(facts)));
    case RunEnd::exited: break;
  }
  if (refused)
    return again(item, playbook, item.attempts + 1, facts.tokens,
                 fmt::format("its commits were refused: {}", refused->message()),
                 fmt::format("Your commits were refused: {}", refused->message()));
  return outcome_of_work(item, playbook, facts, work, terms);
}

Outcome outcome_of_gates(const Item& item, const Playbook& playbook, const WorkVerdict& verdict) {
  std::vector<std::string> failed;
  for (const auto& check : verdict.checks)
    if (check.state != Check::State::passed) failed.push_back(check.name);
  if (verdict.passed())
    return {.move = Move::pass,
            .reason = plural(verdict.checks.size(), "check") + " passed",
            .feedback = {},
            .counts = false,
            .delay = {}};
  return again(item, playbook, item.attempts, 0,
               fmt::format("not passed: {}", fmt::join(failed, ", ")), feedback(verdict));
}

}  // namespace host::dispatch
