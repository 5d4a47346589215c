// SPDX-License-Identifier: Apache-2.0
#include "services/runs.hpp"

#include <algorithm>

#include "services/job_issue.hpp"
#include "services/reported_usage.hpp"
#include "services/state_service.hpp"

namespace host {
namespace {

// Of a run that the forge's rate limit kept from its work. The limit itself is kept by the client.
constexpr Duration kForgePause = std::chrono::seconds(30);
constexpr Duration kLeastWait = std::chrono::seconds(1);
// Of a run to which its budget granted nothing since others held what was left; that often in a
// row, then it is for the job's own policy.
constexpr Duration kHeldPause = std::chrono::seconds(30);
constexpr int kMostHeldPauses = 20;

// Where it has to wait for the forge longer, the budget is not what it waits for.
void wait_for_budget(RunId run, const BudgetMoment& refused, WallTime now, BudgetWaits& waits,
                     RunHooks::Closing& closing) {
  const auto left = std::max<Duration>(refused.renews - now, kLeastWait);
  if (closing.wait && *closing.wait >= left) return;
  closing.wait = left;
  closing.note_wait = waits.noting(run, refused.generation, left);
}

}  // namespace

Runs::Runs(ServiceTable& services, Ledger& ledger, BudgetWaits& waits, const Clock& clock,
           TermsOf terms_of, Finished finished, Unmade unmade)
    : services_(&services),
      ledger_(&ledger),
      waits_(&waits),
      clock_(&clock),
      terms_of_(std::move(terms_of)),
      finished_(std::move(finished)),
      unmade_(std::move(unmade)) {}

void Runs::opened(const ClaimedJob& job, const RunnableTask& task) {
  auto context = std::make_shared<RunContext>();
  context->run = job.run;
  context->plugin = task.plugin;
  context->task = task.name;
  context->key = job.key;
  auto terms = terms_of_(task);
  context->grants = std::move(terms.grants);
  context->writes = terms.writes;
  context->attempt = job.attempt;
  context->pipeline = terms.pipeline.empty() ? task.name : std::move(terms.pipeline);
  context->issue = issue_of_job(job.payload, context->grants);
  context->bypassable = terms.bypassable;
  services_->open(std::move(context));
}

void Runs::begun(RunId run) { services_->begin(run); }

RunHooks::Closing Runs::closed(RunId run, const Verdict& verdict) {
  const auto context = services_->close(run);
  if (!context) return {};
  Closing closing{.commit = {},
                  .charge = {},
                  .followers = std::move(context->followers),
                  .unreachable = std::move(context->unreachable)};
  const auto now = clock_->wall();
  if (!context->staged_state.empty())
    closing.commit = [context, now](Unit& unit) {
      write_staged_state(unit, context->plugin, context->staged_state, now);
    };
  auto reports = std::move(context->reports);
  if (const auto said = reported_usage(verdict.result)) reports.push_back(*said);
  if (!reports.empty())
    closing.charge =
        ledger_->reporting(spender_of(*context), std::move(reports), context->token_day);
  for (const auto reservation : context->reservations) ledger_->release(reservation, {});
  if (context->forge_asked_to_wait) closing.wait = kForgePause;
  if (waits_for_others(*context, verdict))
    closing.wait = std::max(closing.wait.value_or(kHeldPause), kHeldPause);
  if (context->refused) wait_for_budget(run, *context->refused, now, *waits_, closing);
  return closing;
}

bool Runs::waits_for_others(const RunContext& run, const Verdict& verdict) {
  const bool waits = run.tokens_held && !run.refused && verdict.kind == Verdict::Kind::failed &&
                     !verdict.permanent;
  if (waits && ++waits_for_others_[run.run.job] <= kMostHeldPauses) return true;
  waits_for_others_.erase(run.run.job);
  return false;
}

void Runs::finished(JobId job, const RunnableTask& task, const Verdict& verdict, JobState state) {
  finished_(job, task, verdict, state);
}

void Runs::unmade(const RunnableTask& task, const Verdict& refusal) { unmade_(task, refusal); }

}  // namespace host
