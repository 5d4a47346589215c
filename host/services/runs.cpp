// SPDX-License-Identifier: Apache-2.0
#include "services/runs.hpp"

#include <algorithm>

#include "services/budget_wait.hpp"
#include "services/reported_usage.hpp"
#include "services/state_service.hpp"

namespace host {
namespace {

// Of a run that the forge's rate limit kept from its work. The limit itself is kept by the client.
constexpr Duration kForgePause = std::chrono::seconds(30);

void wait_for_budget(const RunContext& run, WallTime now, RunHooks::Closing& closing) {
  const auto until = *run.budget_renews;
  closing.wait = std::max<Duration>(until - now, closing.wait.value_or(std::chrono::seconds(1)));
  closing.waits = [id = run.run, budget = run.refusing_budget, until, now](Unit& unit) {
    note_budget_wait(unit, id, budget, until, now);
  };
}

}  // namespace

Runs::Runs(ServiceTable& services, Ledger& ledger, const Clock& clock, TermsOf terms_of,
           Finished finished, Unmade unmade)
    : services_(&services),
      ledger_(&ledger),
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
  if (context->budget_renews) wait_for_budget(*context, now, closing);
  return closing;
}

void Runs::finished(JobId job, const RunnableTask& task, const Verdict& verdict, JobState state) {
  finished_(job, task, verdict, state);
}

void Runs::unmade(const RunnableTask& task, const Verdict& refusal) { unmade_(task, refusal); }

}  // namespace host
