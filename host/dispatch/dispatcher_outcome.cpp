// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher_outcome.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/plural.hpp"

namespace host::dispatch {
namespace {

// To the agent again if it has an attempt and tokens left, else the end. `used`: with this attempt.
Outcome again(const Item& item, const Playbook& playbook, int used, std::string reason,
              std::string feedback) {
  Outcome outcome;
  outcome.counts = used > item.attempts;
  if (used >= playbook.limits.attempts) {
    outcome.reason =
        fmt::format("{}; that was attempt {} of {}", reason, used, playbook.limits.attempts);
  } else if (item.tokens >= playbook.limits.tokens) {
    outcome.reason = fmt::format("{}; its {} tokens are spent", reason, playbook.limits.tokens);
  } else {
    outcome.move = Move::send_back;
    outcome.reason = std::move(reason);
    outcome.feedback = std::move(feedback);
  }
  return outcome;
}

Outcome then(Move move, std::string reason, bool counts) {
  Outcome outcome;
  outcome.move = move;
  outcome.reason = std::move(reason);
  outcome.counts = counts;
  return outcome;
}

Outcome wait_for(std::string reason, Duration delay) {
  auto outcome = then(Move::wait, std::move(reason), false);
  outcome.delay = delay;
  return outcome;
}

// One of its pauses, of which it has `most`. Without a bound a program could ask for the next one
// for ever.
Outcome pause_or_fail(const Item& item, const std::string& why, Duration delay, int most) {
  const int pauses = item.rate_limits + 1;
  if (pauses > most)
    return then(Move::fail, fmt::format("{}; it has had its {} pauses", why, most), false);
  auto outcome = wait_for(fmt::format("{}; pause {} of {}", why, pauses, most), delay);
  outcome.pauses = true;
  return outcome;
}

// Any program can say 75.
Outcome pause_for_server(const Item& item, const RunFacts& facts, const OutcomeTerms& terms) {
  auto delay = terms.rate_limit_pause;
  for (int more = 0; more < item.rate_limits && delay < terms.longest_rate_limit_pause; ++more)
    delay *= 2;
  return pause_or_fail(item, facts.reason.empty() ? "it was rate-limited" : facts.reason,
                       std::min(delay, terms.longest_rate_limit_pause), terms.most_rate_limits);
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
  return facts.renews && item.tokens < playbook.limits.tokens;
}

// Any program can ask for more than is left of a cap, each day anew. And a cap that has begun anew
// by now is waited for, too: nothing says that it grants more to the next run.
Outcome pause_for_cap(const Item& item, const RunFacts& facts, const OutcomeTerms& terms) {
  auto outcome =
      pause_or_fail(item, end_in_words(facts),
                    std::max(*facts.renews - terms.now, terms.least_pause), terms.most_cap_pauses);
  outcome.for_cap = outcome.pauses;
  return outcome;
}

// Of an attempt that ended by itself.
Outcome outcome_of_work(const Item& item, const Playbook& playbook, const RunFacts& facts,
                        const ImportedWork& work, const OutcomeTerms& terms) {
  const int used = item.attempts + 1;
  const bool comment = playbook.report.kind == ReportKind::comment;
  const auto retry = [&](std::string reason, std::string feedback) {
    return again(item, playbook, used, std::move(reason), std::move(feedback));
  };
  if (!work.problems.empty())
    return retry(fmt::format("its commits were refused: {}", work.problems.front()),
                 "Your commits were refused:\n" + listed(work.problems));
  if (comment ? facts.report.empty() : work.head.empty()) {
    if (waits_for_cap(item, playbook, facts)) return pause_for_cap(item, facts, terms);
    const char* what = comment ? "it wrote no report" : "it committed nothing";
    // One that ended well meant it: that the work can't be done is a finding, and not repeated;
    // unless it could not go on.
    if (facts.status == 0 && !comment && facts.refused.empty()) return then(Move::fail, what, true);
    return retry(
        fmt::format("{} ({})", what, end_in_words(facts)),
        fmt::format("The attempt before this one ended with status {}, and {}.{}", facts.status,
                    what, facts.refused.empty() ? "" : " It had no tokens left."));
  }
  return then(Move::pass, comment ? "it wrote its report" : plural(work.commits, "commit"), true);
}

}  // namespace

Outcome outcome_of_run(const Item& item, const Playbook& playbook, const RunFacts& facts,
                       const ImportedWork& work, const std::optional<Error>& refused,
                       const OutcomeTerms& terms) {
  switch (facts.how) {
    case RunEnd::not_started:
      return wait_for("it was not started: " + facts.reason, terms.least_pause);
    case RunEnd::rate_limited:
      if (waits_for_cap(item, playbook, facts)) return pause_for_cap(item, facts, terms);
      return pause_for_server(item, facts, terms);
    // Its commits are kept all the same.
    case RunEnd::not_usable: return then(Move::fail, "the agent " + facts.reason, true);
    // By nobody who wants the item stopped, or that is dealt with before: the host was ending.
    case RunEnd::cancelled:
    case RunEnd::interrupted:
      return then(Move::interrupt, "its run was cut short by the host's end", false);
    case RunEnd::crashed:
    case RunEnd::deadline:
    case RunEnd::stalled:
    case RunEnd::budget:
      if (waits_for_cap(item, playbook, facts)) return pause_for_cap(item, facts, terms);
      [[fallthrough]];
    case RunEnd::limit:
      return again(item, playbook, item.attempts + 1,
                   fmt::format("the run was ended: {}", end_in_words(facts)),
                   fmt::format("The attempt before this one was ended by the host: {}. What was "
                               "committed until then is still here.",
                               end_in_words(facts)));
    case RunEnd::exited: break;
  }
  if (refused)
    return again(item, playbook, item.attempts + 1,
                 fmt::format("its commits were refused: {}", refused->message()),
                 fmt::format("Your commits were refused: {}", refused->message()));
  return outcome_of_work(item, playbook, facts, work, terms);
}

Outcome outcome_of_gates(const Item& item, const Playbook& playbook, const WorkVerdict& verdict) {
  std::vector<std::string> failed;
  for (const auto& check : verdict.checks)
    if (check.state != Check::State::passed) failed.push_back(check.name);
  if (verdict.passed())
    return then(Move::pass, plural(verdict.checks.size(), "check") + " passed", false);
  return again(item, playbook, item.attempts,
               fmt::format("not passed: {}", fmt::join(failed, ", ")), feedback(verdict));
}

}  // namespace host::dispatch
