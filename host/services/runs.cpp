// SPDX-License-Identifier: Apache-2.0
#include "services/runs.hpp"

namespace host {

Runs::Runs(ServiceTable& services, GrantsOf grants_of, Finished finished)
    : services_(&services), grants_of_(std::move(grants_of)), finished_(std::move(finished)) {}

void Runs::opened(const ClaimedJob& job, const RunnableTask& task) {
  auto context = std::make_shared<RunContext>();
  context->run = job.run;
  context->plugin = task.plugin;
  context->task = task.name;
  context->grants = grants_of_(task.plugin);
  services_->open(std::move(context));
}

void Runs::begun(RunId run) { services_->begin(run); }

RunHooks::Closing Runs::closed(RunId run) {
  const auto context = services_->close(run);
  if (!context) return {};
  Closing closing{.ready_tasks = std::move(context->staged_tasks),
                  .unreachable = std::move(context->unreachable)};
  if (!context->staged.empty())
    closing.commit = [staged = std::move(context->staged)](Unit& unit) {
      for (const auto& write : staged) write(unit);
    };
  return closing;
}

void Runs::finished(JobId job, const RunnableTask& task, const Verdict& verdict, JobState state) {
  finished_(job, task, verdict, state);
}

}  // namespace host
