// SPDX-License-Identifier: Apache-2.0
#include "app/plan.hpp"

#include <algorithm>
#include <set>

#include "app/meter_bypass.hpp"
#include "base/json.hpp"
#include "base/result.hpp"

namespace host {
namespace {

std::vector<std::filesystem::path> granted_paths(const Grants& grants, std::string_view grant) {
  std::vector<std::filesystem::path> granted;
  for (const auto& text : grants.values(grant)) granted.emplace_back(text);
  return granted;
}

std::shared_ptr<const WorkerSpec> worker_of(const PluginEntry& entry, const Paths& paths,
                                            bool fresh) {
  WorkerSpec spec;
  spec.image = entry.image;
  spec.plugin_id = entry.id;
  spec.config_json = to_text(entry.config);
  spec.readable = granted_paths(entry.grants, "fs.read");
  spec.writable = granted_paths(entry.grants, "fs.write");
  spec.scratch = paths.scratch();
  spec.limits = entry.limits;
  spec.fresh = fresh;
  return std::make_shared<const WorkerSpec>(std::move(spec));
}

RunnableTask runnable(const PluginEntry& entry, const TaskSpec& task,
                      std::shared_ptr<const WorkerSpec> worker) {
  return {.name = task.name,
          .plugin = entry.id,
          .worker = std::move(worker),
          .timeout = task.timeout,
          .retry = task.retry,
          .concurrency = task.concurrency,
          .queue = task.queue,
          .rate = task.rate,
          .waits_for = task.waits_for};
}

ScheduledTask scheduled(const TaskSpec& task, std::string_view host) {
  ScheduledTask out;
  out.task = task.name;
  out.schedule = task.schedule;
  out.zone = task.zone;
  out.catch_up = task.catch_up;
  out.catchup_window = task.catchup_window;
  out.delay = schedule_delay(task.jitter, host, task.name);
  out.overlap = task.overlap;
  out.concurrency = task.concurrency;
  out.prototype = prototype(task);
  out.prototype.unique_key = task.unique_key;
  return out;
}

// By which a plugin with these grants may read the repository; null: by none.
const std::string* readable_name(const Grants& grants, const std::string& repo,
                                 const std::vector<std::string>& old_names) {
  if (grants.permits("gitea.read", repo)) return &repo;
  const auto old = std::find_if(old_names.begin(), old_names.end(), [&](const auto& name) {
    return grants.permits("gitea.read", name);
  });
  return old == old_names.end() ? nullptr : &*old;
}

}  // namespace

void refuse_unschedulable(std::vector<PluginEntry>& entries) {
  for (auto& entry : entries) {
    if (!entry.ready()) continue;
    for (const auto& task : entry.tasks) {
      if (task.spec.schedule.empty()) continue;
      const auto fits = attempt([&] { Scheduler::check(scheduled(task.spec, "")); });
      if (fits.ok()) continue;
      entry.state = PluginState::refused;
      entry.code = Refusal::unschedulable;
      entry.reason = fits.error().message();
      entry.fix = fits.error().next_step() + " In its manifest.json, then build the plugin again.";
      entry.image.reset();
      break;
    }
  }
}

std::vector<std::string> changed_plugins(const Plan& before, const Plan& after) {
  std::set<std::string> changed;
  for (const auto& [name, task] : before.tasks) {
    const auto same = after.tasks.find(name);
    if (same == after.tasks.end() || !same->second.worker->same_worker(*task.worker) ||
        after.grants.at(task.plugin) != before.grants.at(task.plugin))
      changed.insert(task.plugin);
  }
  return {changed.begin(), changed.end()};
}

std::vector<NewJob> event_jobs(const Plan& plan, const ForgeEvent& event,
                               const std::vector<std::string>& old_names) {
  std::vector<NewJob> jobs;
  const auto subscribed = plan.events.find(event.kind);
  if (subscribed == plan.events.end()) return jobs;
  for (const auto& [plugin, prototype] : subscribed->second) {
    const auto* repo = readable_name(plan.grants.at(plugin), event.repo, old_names);
    if (repo == nullptr) continue;
    NewJob job = prototype;
    job.source = "webhook";
    job.payload = to_text({{"event", event.kind},
                           {"action", event.action},
                           {"repo", *repo},
                           {"number", event.number},
                           {"ref", event.ref}});
    job.unique_key =
        "event " + *repo +
        (event.number > 0 ? "#" + std::to_string(event.number) : " " + event.kind + event.ref);
    jobs.push_back(std::move(job));
  }
  return jobs;
}

NewJob prototype(const TaskSpec& task) {
  NewJob job;
  job.task = task.name;
  job.max_attempts = task.retry.max_attempts;
  job.key_limit = task.key_concurrency;
  return job;
}

std::string pipeline_system(std::string_view pipeline) {
  return "the budget of pipeline " + std::string(pipeline);
}

Plan make_plan(const std::vector<PluginEntry>& entries, const Paths& paths,
               const HostConfig& config) {
  Plan plan;
  for (const auto& entry : entries) {
    if (!entry.ready() || !entry.image) continue;
    const auto settings = config.plugins.find(entry.id);
    const auto pooled = worker_of(entry, paths, false);
    for (const auto& task : entry.tasks) {
      const auto worker = task.spec.fresh_process ? worker_of(entry, paths, true) : pooled;
      auto run = runnable(entry, task.spec, worker);
      const bool shared = settings != config.plugins.end() && !settings->second.pipeline.empty();
      const auto& pipeline = shared ? settings->second.pipeline : task.spec.name;
      run.waits_for.push_back(pipeline_system(pipeline));
      plan.pipelines.emplace(task.spec.name, pipeline);
      plan.tasks.emplace(task.spec.name, std::move(run));
      if (!task.spec.schedule.empty())
        plan.schedule.push_back(scheduled(task.spec, config.host_name));
      for (const auto& kind : task.spec.events)
        plan.events[kind].push_back({entry.id, prototype(task.spec)});
    }
    plan.grants[entry.id] = entry.grants;
    plan.writes[entry.id] = entry.writes;
    plan.sha256[entry.id] = entry.image->sha256;
    if (may_bypass_meter(config, entry.id)) plan.bypassing.insert(entry.id);
  }
  return plan;
}

}  // namespace host
