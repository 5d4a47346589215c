// SPDX-License-Identifier: Apache-2.0
//
// From the catalogue's entries to what runs: which tasks, in which workers, when. Pure.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "config/host_config.hpp"
#include "config/paths.hpp"
#include "gitea/webhook.hpp"
#include "plugins/catalogue.hpp"
#include "schedule/scheduler.hpp"
#include "workers/executor.hpp"

namespace host {

// A task that events of the forge start.
struct Subscription {
  std::string plugin;
  NewJob prototype;
};

struct Plan {
  std::map<std::string, RunnableTask> tasks;                // by task
  std::vector<ScheduledTask> schedule;                      // those of `tasks` that have a schedule
  std::map<std::string, std::vector<Subscription>> events;  // by the event's kind
  std::map<std::string, Grants> grants;                     // by plugin
  std::map<std::string, WriteTerms> writes;                 // by plugin
  std::map<std::string, std::string> pipelines;             // by task
  std::map<std::string, std::string> sha256;                // by plugin
  std::set<std::string> bypassing;  // plugins whose grants lead past the meter
};

// Takes the entries that are ready and were scanned with `load` and `paths`, by their config.
[[nodiscard]] Plan make_plan(const std::vector<PluginEntry>& entries, const Paths& paths,
                             const HostConfig& config);

// What tasks of a pipeline wait for while it is paused, as Executor::set_available() names it.
[[nodiscard]] std::string pipeline_system(std::string_view pipeline);

// Refuses what the scheduler would not take, so that setting the plan can't fail. The manifest is
// at fault: what host.yaml says of schedules has been checked by the catalogue.
void refuse_unschedulable(std::vector<PluginEntry>& entries);

// Plugins of which a worker of `before` must not begin another run: gone, other bytes, config,
// limits or grants.
[[nodiscard]] std::vector<std::string> changed_plugins(const Plan& before, const Plan& after);

// What an event starts: a job of each task that asks for its kind and whose plugin may read the
// repository, by its name in the event or else by one of `old_names`; the job is told the name that
// the plugin may use. Events of one object (of one ref, for a push; of one commit, for a status)
// have one unique key, so that they join a job that waits.
[[nodiscard]] std::vector<NewJob> event_jobs(const Plan& plan, const ForgeEvent& event,
                                             const std::vector<std::string>& old_names = {});

// The job that a task's schedule, or `enqueue`, inserts.
[[nodiscard]] NewJob prototype(const TaskSpec& task);

}  // namespace host
