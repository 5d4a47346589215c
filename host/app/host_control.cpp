// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <filesystem>
#include <iterator>

#include "app/deadman_report.hpp"
#include "app/offline.hpp"
#include "app/report.hpp"
#include "app/running_host.hpp"
#include "base/log_loss.hpp"
#include "config/json_schema.hpp"
#include "control/webhook_json.hpp"

namespace host {
namespace {

// What the database's log doesn't grow to unless somebody keeps it from being written back.
constexpr std::uint64_t kLargeLog = 256u << 20;

Json workers_json(const PoolStats& pool) {
  return {{"alive", pool.workers.size()},
          {"standby", pool.standby != 0},
          {"waiting", pool.waiting},
          {"started", pool.started},
          {"crashed", pool.crashed},
          {"killed", pool.killed},
          {"outgrown", pool.outgrown},
          {"protocol_errors", pool.protocol_errors},
          {"stale_frames", pool.stale_frames},
          {"dropped_lines", pool.dropped_lines},
          {"failed_starts", pool.failed_starts}};
}

Json schedule_json(const Scheduler& scheduler) {
  const auto& stats = scheduler.stats();
  return {{"ticks", stats.ticks},           {"missed", stats.missed},
          {"overlapped", stats.overlapped}, {"duplicates", stats.duplicates},
          {"repeated", stats.repeated},     {"corrections", stats.corrections},
          {"failures", stats.failures},     {"longest_delay_us", stats.longest_delay.count()}};
}

// Of this process, but for the one that this takes.
std::ptrdiff_t open_files() {
  std::error_code error;
  const std::filesystem::directory_iterator open("/proc/self/fd", error);
  return error ? -1 : std::distance(begin(open), end(open)) - 1;
}

}  // namespace

Json Host::status() const {
  int ready = 0;
  Json attention = Json::array();
  for (const auto& entry : entries_) {
    ready += entry.ready();
    if (!entry.ready() && entry.state != PluginState::disabled &&
        entry.state != PluginState::shadowed)
      attention.push_back(entry.id + " (" + std::string(name(entry.state)) + "): " + entry.reason);
  }
  if (const auto missing = cage_.missing(); !missing.empty())
    attention.push_back("workers are caged without " + missing);
  const auto pool = pool_.stats();
  if (!pool.start_error.empty())
    attention.push_back("no worker can be started: " + pool.start_error);
  if (const auto lost = lost_log_lines(); lost > 0)
    attention.push_back(
        fmt::format("{} lines of the log were lost: stderr did not take them", lost));
  if (interrupted_writes_.open() > 0 && gitea_.available())
    attention.push_back(fmt::format(
        "jobs that need Gitea wait: what became of {} interrupted writes is not known yet ({})",
        interrupted_writes_.open(), interrupted_writes_.first_open()));
  for (const auto& line : renames_.lines(clock_.monotonic()))
    attention.push_back(line + "; change the name in host.yaml");
  const auto store = store_.stats();
  if (!store.health.writable) attention.push_back("no job starts: " + store.health.reason);
  if (store.wal_bytes > kLargeLog)
    attention.push_back(fmt::format(
        "the database's log is at {} MiB: some program has had the database open for long",
        store.wal_bytes >> 20));
  for (const auto& task : queue_.pauses().tasks)
    attention.push_back("task " + task + " is paused; timmy-host tasks resume " + task);
  for (const auto& queue : queue_.pauses().queues)
    attention.push_back("queue " + queue + " is paused; timmy-host queues resume " + queue);
  add_tokens_attention(attention);
  add_dispatch_attention(attention);
  const auto deadman = deadman_.report();
  for (const auto& line : deadman_attention(deadman)) attention.push_back("deadman: " + line);
  if (!webhooks_fault_.empty()) attention.push_back("no webhooks come in: " + webhooks_fault_);
  const auto queue = queue_.stats();
  return {{"version", TIMMY_VERSION},
          {"host", config_.config.host_name},
          {"has_own_entry", config_.config.has_own_entry},
          {"pid", ::getpid()},
          {"started", format_utc(started_)},
          {"draining", stopping_},
          {"gitea", config_.config.gitea.url.empty() ? "not configured"
                    : !gitea_.available()            ? config_.config.gitea.url + " (away)"
                    : !gitea_.authorised()           ? config_.config.gitea.url + " (token refused)"
                                                     : config_.config.gitea.url},
          {"plugins", {{"found", entries_.size()}, {"ready", ready}}},
          {"attention", std::move(attention)},
          {"claimed", executor_.load().claimed},
          {"running", executor_.load().begun},
          {"workers", workers_json(pool)},
          {"open_files", open_files()},
          {"schedule", schedule_json(scheduler_)},
          {"last_reload", last_reload_},
          {"services", services_.names()},
          {"webhooks", webhooks_report(webhooks_)},
          {"tokens", tokens_report()},
          {"dispatch", dispatch_ ? dispatch_->report() : Json()},
          {"deadman", deadman},
          {"queue",
           {{"inserted", queue.inserted},
            {"duplicates", queue.duplicates},
            {"claimed", queue.claimed},
            {"finished", queue.finished},
            {"stale", queue.stale},
            {"poison", queue.poison},
            {"held", queue.held},
            {"stale_calls", services_.stale_calls()}}},
          {"store",
           {{"writable", store.health.writable},
            {"since", format_utc(store.health.since)},
            {"reason", store.health.reason},
            {"wal_bytes", store.wal_bytes},
            {"operations", store.operations},
            {"commits", store.commits},
            {"failures", store.failures},
            {"failed_commits", store.failed_commits},
            {"waiting", store.waiting},
            {"longest_commit_us", store.longest_commit.count()},
            {"checking", store.checking}}}};
}

Json Host::tasks() const {
  auto warnings = config_.warnings;
  if (const auto missing = cage_.missing(); !missing.empty())
    warnings.push_back("workers are caged without " + missing);
  if (dispatch_)
    for (const auto& line : dispatch_->attention()) warnings.push_back(line);
  const auto times = [this](const PluginTask& task) {
    const auto schedule = scheduler_.view(task.spec.name);
    TaskTimes shown;
    if (schedule)
      shown = {.next = schedule->next,
               .delay = schedule->task->delay,
               .paused = schedule->paused ? "schedule" : ""};
    if (const auto plan = plan_.tasks.find(task.spec.name); plan != plan_.tasks.end()) {
      const auto& pauses = queue_.pauses();
      if (pauses.queues.contains(plan->second.queue)) shown.paused = "queue " + plan->second.queue;
      if (pauses.tasks.contains(plan->first)) shown.paused = "task";
      const auto over = ledger_.pauses().find(plan_.pipelines.at(plan->first));
      if (over != ledger_.pauses().end()) shown.paused = "pipeline " + over->first;
    }
    const auto last = last_ends_.find(task.spec.name);
    if (last != last_ends_.end()) shown.last = last->second;
    return shown;
  };
  return {{"tasks", tasks_report(entries_, times, cage_)},
          {"cage", cage_json(cage_)},
          {"deadman", deadman_.report()},
          {"warnings", warnings}};
}

Json Host::plugins() const {
  return {{"plugins", plugins_report(entries_, cage_)}, {"cage", cage_json(cage_)}};
}

Json Host::config() const { return config_report(config_); }

Json Host::queues() const {
  const auto& pauses = queue_.pauses();
  std::map<std::string, Json> tasks;  // by queue
  for (const auto& [name, limit] : config_.config.queue.queues) tasks[name] = Json::array();
  for (const auto& [name, task] : plan_.tasks) {
    auto& list = tasks[task.queue];
    list.push_back({{"task", name},
                    {"paused", pauses.tasks.contains(name)},
                    {"concurrency", task.concurrency},
                    {"rate", to_text(task.rate)}});
  }
  Json all = Json::array();
  for (auto& [name, list] : tasks) {
    const auto limit = config_.config.queue.queues.find(name);
    all.push_back({{"queue", name},
                   {"concurrency", limit == config_.config.queue.queues.end()
                                       ? config_.config.queue.concurrency
                                       : limit->second},
                   {"paused", pauses.queues.contains(name)},
                   {"running", executor_.running_in(name)},
                   {"tasks", std::move(list)}});
  }
  return {{"queues", std::move(all)}};
}

void Host::check_pausable(Pausable kind, const std::string& name) const {
  std::vector<std::string> names;
  for (const auto& [task, runnable] : plan_.tasks)
    names.push_back(kind == Pausable::task ? task : runnable.queue);
  const auto& pauses = kind == Pausable::task ? queue_.pauses().tasks : queue_.pauses().queues;
  if (pauses.contains(name) || std::find(names.begin(), names.end(), name) != names.end()) return;
  const auto meant = nearest(name, names);
  throw Error(
      Code::not_found, "no " + std::string(host::name(kind)) + " \"" + name + "\" runs here",
      (meant.empty() ? "" : "Did you mean \"" + meant + "\"? ") + "See timmy-host queues list.");
}

NewJob Host::new_job(const std::string& task) const {
  std::vector<std::string> names;
  for (const auto& entry : entries_)
    for (const auto& known : entry.tasks) {
      names.push_back(known.spec.name);
      if (known.spec.name != task) continue;
      if (entry.ready()) return prototype(known.spec);
      throw Error(Code::conflict,
                  "task \"" + task + "\" does not run here: " + entry.id + " is " +
                      std::string(name(entry.state)) +
                      (entry.reason.empty() ? "" : ": " + entry.reason),
                  entry.fix);
    }
  const auto meant = nearest(task, names);
  throw Error(
      Code::not_found, "no plugin has a task \"" + task + "\"",
      (meant.empty() ? "" : "Did you mean \"" + meant + "\"? ") + "See timmy-host --list-tasks.");
}

void Host::list_webhooks(std::optional<std::int64_t> before, int limit, Reply<Json> done) {
  webhooks_.list(before, limit, deliveries_reply(std::move(done)));
}

void Host::replay_webhook(std::int64_t id, Reply<Json> done) {
  webhooks_.replay(id, replay_reply(id, std::move(done)));
}

void Host::reset_plugin(const std::string& id, Reply<bool> done) {
  const bool known = std::any_of(entries_.begin(), entries_.end(),
                                 [&](const auto& entry) { return entry.id == id; });
  if (!known)
    throw Error(Code::not_found, "no plugin \"" + id + "\" was found",
                "See timmy-host plugins list.");
  quarantine_.clear(id, std::move(done));
}

std::string Host::status_line() const {
  int ready = 0;
  for (const auto& entry : entries_) ready += entry.ready();
  return fmt::format("{} of {} plugins run, {} tasks{}", ready, entries_.size(), plan_.tasks.size(),
                     config_.config.gitea.url.empty() ? ", no Gitea configured"
                     : gitea_.available()             ? ""
                                                      : ", Gitea is away") +
         (store_.stats().health.writable ? "" : "; no job starts: the database can't be written");
}

const PluginEntry* Host::entry_of_task(const std::string& task) const {
  for (const auto& entry : entries_)
    for (const auto& known : entry.tasks)
      if (known.spec.name == task && entry.ready()) return &entry;
  return nullptr;
}

}  // namespace host
