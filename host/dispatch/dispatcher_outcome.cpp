// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher_outcome.hpp"

#include <fmt/format.h>

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

std::string listed(const std::vector<std::string>& lines) {
  return fmt::format("{}", fmt::join(lines, "\n"));
}

// Of an attempt that ended by itself.
Outcome outcome_of_work(const Item& item, const Playbook& playbook, const RunFacts& facts,
                        const ImportedWork& work) {
  const int used = item.attempts + 1;
  const bool comment = playbook.report.kind == ReportKind::comment;
  const auto retry = [&](std::string reason, std::string feedback) {
    return again(item, playbook, used, facts.tokens, std::move(reason), std::move(feedback));
  };
  if (!work.problems.empty())
    return retry(fmt::format("its commits were refused: {}", work.problems.front()),
                 "Your commits were refused:\n" + listed(work.problems));
  if (comment ? facts.report.empty() : work.head.empty()) {
    const char* what = comment ? "it wrote no report" : "it committed nothing";
    // One that ended well meant it: that the work can't be done is a finding, and not repeated.
    if (facts.status == 0 && !comment)
      return {.move = Move::fail, .reason = what, .feedback = {}, .counts = true, .delay = {}};
    return retry(fmt::format("{} ({})", what, facts.reason),
                 fmt::format("The attempt before this one ended with status {}, and {}.",
                             facts.status, what));
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
      return pause("the model's server asked for a pause", terms.rate_limit_pause);
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
    case RunEnd::limit:
      return again(item, playbook, item.attempts + 1, facts.tokens,
                   fmt::format("the run was ended: {}", facts.reason),
                   fmt::format("The attempt before this one was ended by the host: {}. What was "
                               "committed until then is still here.",
                               facts.reason));
    case RunEnd::exited: break;
  }
  if (refused)
    return again(item, playbook, item.attempts + 1, facts.tokens,
                 fmt::format("its commits were refused: {}", refused->message()),
                 fmt::format("Your commits were refused: {}", refused->message()));
  return outcome_of_work(item, playbook, facts, work);
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
