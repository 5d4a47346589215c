// SPDX-License-Identifier: Apache-2.0
#include "services/runs.hpp"

#include "services/state_service.hpp"

namespace host {

Runs::Runs(ServiceTable& services, const Clock& clock, TermsOf terms_of, Finished finished,
           Unmade unmade)
    : services_(&services),
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
  auto terms = terms_of_(task.plugin);
  context->grants = std::move(terms.grants);
  context->writes = terms.writes;
  services_->open(std::move(context));
}

void Runs::begun(RunId run) { services_->begin(run); }

RunHooks::Closing Runs::closed(RunId run) {
  const auto context = services_->close(run);
  if (!context) return {};
  Closing closing{.commit = {},
                  .followers = std::move(context->followers),
                  .unreachable = std::move(context->unreachable)};
  if (!context->staged_state.empty())
    closing.commit = [context, now = clock_->wall()](Unit& unit) {
      write_staged_state(unit, context->plugin, context->staged_state, now);
    };
  return closing;
}

void Runs::finished(JobId job, const RunnableTask& task, const Verdict& verdict, JobState state) {
  finished_(job, task, verdict, state);
}

void Runs::unmade(const RunnableTask& task, const Verdict& refusal) { unmade_(task, refusal); }

}  // namespace host
