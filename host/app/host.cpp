// SPDX-License-Identifier: Apache-2.0
#include "app/host.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "app/announce.hpp"
#include "app/installation.hpp"
#include "app/instance_lock.hpp"
#include "app/offline.hpp"
#include "app/plan.hpp"
#include "app/report.hpp"
#include "app/service_notify.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "config/host_config.hpp"
#include "config/json_schema.hpp"
#include "control/admin_api.hpp"
#include "gitea/client.hpp"
#include "gitea/token.hpp"
#include "http/client.hpp"
#include "plugins/catalogue.hpp"
#include "plugins/folder_watch.hpp"
#include "plugins/quarantine.hpp"
#include "queue/queue.hpp"
#include "schedule/clock_watch.hpp"
#include "schedule/scheduler.hpp"
#include "services/gitea_service.hpp"
#include "services/http_service.hpp"
#include "services/jobs_service.hpp"
#include "services/runs.hpp"
#include "services/service_table.hpp"
#include "services/state_service.hpp"
#include "store/threaded_store.hpp"
#include "workers/executor.hpp"
#include "workers/pool.hpp"

namespace host {
namespace {

// How long after the store refused the schedules they are brought again.
constexpr Duration kSchedulesPause = std::chrono::seconds(5);

// What the database's log doesn't grow to unless somebody keeps it from being written back.
constexpr std::uint64_t kLargeLog = 256u << 20;

// What is written to somebody who has gone, or past a limit of sizes, fails where it is written.
void take_errors_not_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

// A plugin that asks where the host is must not find it readable: with this, /proc/<host>/mem and
// environ belong to root.
void hide_process() {
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) throw system_error("closing this process to others");
}

// What hands out grants and names credentials, and what holds the state, is nobody else's to write.
void require_trusted(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (fd) check_trusted(fd.get(), path, true);
}

void make_folders(const Paths& paths) {
  make_directories(paths.timmy_home, 0700);
  make_directories(paths.run, 0700);
  make_directories(paths.plugins(), 0755);
  make_directories(paths.stamps(), 0755);
  make_directories(paths.scratch(), 0700);
}

GiteaOptions gitea_options(const HostConfig& config) {
  GiteaOptions options;
  options.url = config.gitea.url;
  options.allow_plaintext = config.gitea.allow_plaintext;
  options.token_files = config.gitea.token_files;
  return options;
}

PoolSettings pool_settings(const Paths& paths, const HostConfig& config) {
  return {.workers = config.workers.max, .forbidden = forbidden_paths(paths, config)};
}

class Host final : public HostControl {
 public:
  Host(boost::asio::io_context& context, const HostOptions& options, LoadedConfig config, Log log);

  void start();
  [[nodiscard]] int exit_status() const { return exit_status_; }

  // HostControl:
  [[nodiscard]] Json status() const override;
  [[nodiscard]] Json tasks() const override;
  [[nodiscard]] Json plugins() const override;
  [[nodiscard]] Json config() const override { return config_report(config_); }
  [[nodiscard]] Json queues() const override;
  void check_pausable(Pausable kind, const std::string& name) const override;
  void pauses_changed() override { executor_.look_again(); }
  [[nodiscard]] NewJob new_job(const std::string& task) const override;
  bool stop_running(JobId job) override { return executor_.cancel(job); }
  void reset_plugin(const std::string& id, Reply<bool> done) override;
  void reload() override;
  void check_database(Reply<Done> done) override { store_.check(std::move(done)); }
  void back_up_database(const std::filesystem::path& file, bool replace,
                        Reply<std::uint64_t> done) override {
    store_.back_up(file, replace, std::move(done));
  }

 private:
  void add_services();
  void recovered(const Recovery& recovery);
  [[nodiscard]] std::vector<PluginEntry> scan(const LoadedConfig& config);
  void rescan();
  void watch_folders();
  void look_at_cage();
  void apply(std::vector<PluginEntry> entries);
  void apply_queue_settings();
  void gitea_changed(bool available);
  void store_changed(const StoreHealth& health);
  void open_gitea();
  void finished(JobId job, const RunnableTask& task, const Verdict& verdict, JobState state);
  void wait_for_signals();
  void on_signal(int number);
  void stop();
  void fatal(const Error& error);
  [[nodiscard]] std::string status_line() const;
  [[nodiscard]] const PluginEntry* entry_of_task(const std::string& task) const;

  boost::asio::io_context& context_;
  HostOptions options_;
  LoadedConfig config_;
  Log log_;
  SystemClock clock_;
  AsioLoop loop_;
  WallTime started_ = clock_.wall();
  Installation installation_ = Installation::find();
  InstanceLock lock_;
  ServiceNotify notify_;
  ThreadedStore store_;
  CurlClient http_;
  GiteaClient gitea_;
  Queue queue_;
  Quarantine quarantine_;
  Catalogue catalogue_;
  std::vector<PluginEntry> entries_;
  Plan plan_;
  ServiceTable services_;
  Runs runs_;
  WorkerPool pool_;
  Executor executor_;
  Scheduler scheduler_;
  std::unique_ptr<ClockWatch> clock_watch_;
  std::unique_ptr<FolderWatch> folder_watch_;
  std::unique_ptr<AdminApi> admin_;
  boost::asio::signal_set signals_;
  Timer schedules_again_;
  std::string uncaged_;  // the layers of the cage that this machine lacks
  bool stopping_ = false;
  int exit_status_ = 0;
};

Host::Host(boost::asio::io_context& context, const HostOptions& options, LoadedConfig config,
           Log log)
    : context_(context),
      options_(options),
      config_(std::move(config)),
      log_(std::move(log)),
      loop_(context, clock_),
      lock_(options.paths.lock()),
      notify_(loop_),
      store_({.path = options.paths.database(), .init = options.init}, loop_, log_.named("store"),
             [this](const Error& error) { fatal(error); }),
      http_(context, loop_),
      gitea_(http_, loop_, log_.named("gitea"), gitea_options(config_.config)),
      queue_(store_, loop_, log_.named("queue")),
      quarantine_(store_, loop_, log_.named("quarantine")),
      services_(log_.named("services")),
      runs_(
          services_, clock_, [this](const std::string& plugin) { return plan_.grants[plugin]; },
          [this](JobId job, const RunnableTask& task, const Verdict& verdict, JobState state) {
            finished(job, task, verdict, state);
          }),
      pool_(context, loop_, log_.named("workers"), installation_.worker, services_,
            pool_settings(options.paths, config_.config)),
      executor_(queue_, pool_, runs_, loop_, log_.named("jobs"),
                {.running = config_.config.queue.concurrency}),
      scheduler_(store_, queue_, loop_, log_.named("schedule")),
      signals_(context, SIGTERM, SIGINT, SIGHUP) {}

void Host::start() {
  sweep_scratch(options_.paths.scratch());
  for (const auto& warning : config_.warnings) log_.warn("{}", warning);
  add_services();
  apply_queue_settings();
  queue_.set_ready_handler([this](const std::string& task) { executor_.ready(task); });
  gitea_.set_available_handler([this](bool available) { gitea_changed(available); });
  store_.set_health_handler([this](const StoreHealth& health) { store_changed(health); });
  quarantine_.set_handler([this](const std::string&) { rescan(); });
  wait_for_signals();
  notify_.starting("opening the database");
  queue_.recover([this](Result<Recovery> recovery) {
    if (!recovery.ok()) return fatal(recovery.error());
    quarantine_.load([this, recovery](Status loaded) {
      if (!loaded.ok()) return fatal(loaded.error());
      recovered(recovery.value());
    });
  });
}

void Host::add_services() {
  services_.add(make_gitea_service(gitea_, store_, clock_));
  services_.add(make_state_service(store_, clock_));
  services_.add(make_jobs_service(queue_, store_, [this](const std::string& task) {
    std::optional<KnownTask> known;
    if (const auto* entry = entry_of_task(task)) known = KnownTask{entry->id, new_job(task)};
    return known;
  }));
  services_.add(
      make_http_service(http_, store_, clock_, log_.redactor(), [this](const std::string& name) {
        const auto found = config_.config.credentials.find(name);
        return found == config_.config.credentials.end() ? std::nullopt
                                                         : std::optional(found->second);
      }));
}

void Host::recovered(const Recovery& recovery) {
  if (stopping_) return;
  if (recovery.interrupted > 0)
    log_.warn("{} runs of the host before this one were interrupted and go back to the queue{}",
              recovery.interrupted,
              recovery.held > 0 ? fmt::format("; {} of them are held", recovery.held) : "");
  look_at_cage();
  executor_.set_available("gitea", false);
  open_gitea();
  rescan();
  admin_ =
      std::make_unique<AdminApi>(context_, loop_, log_.named("admin"), store_, queue_, scheduler_,
                                 *this, options_.paths.socket(), options_.paths.cookie());
  clock_watch_ = std::make_unique<ClockWatch>(context_, [this] { scheduler_.clock_changed(); });
  watch_folders();
  notify_.start_watchdog();
  notify_.ready(status_line());
  log_.info("timmy-host {} is ready on \"{}\": {}", TIMMY_VERSION, config_.config.host_name,
            status_line());
}

// Jobs that wait for Gitea are held until what a host before may have written there is known.
void Host::open_gitea() {
  resolve_intents(gitea_, store_, clock_, log_.named("gitea"), [this](Result<int> resolved) {
    if (!resolved.ok()) log_.warn("looking after interrupted writes: {}", resolved.error().what());
    executor_.set_available("gitea", gitea_.available());
  });
}

// Asked before the first worker starts, so that --list-tasks never shows a whole cage by default.
void Host::look_at_cage() {
  const auto cage = attempt([this] { return probe_cage(installation_.worker); });
  uncaged_ = cage.ok() ? cage.value().missing() : "all: " + cage.error().message();
}

void Host::watch_folders() {
  std::vector<std::filesystem::path> folders;
  for (const auto& folder :
       plugin_folders(installation_.plugins, options_.paths, config_.config, options_.plugin_dirs))
    folders.push_back(folder.path);
  folder_watch_ = std::make_unique<FolderWatch>(context_, loop_, log_.named("plugins"), folders,
                                                [this] { rescan(); });
}

std::vector<PluginEntry> Host::scan(const LoadedConfig& config) {
  auto entries = catalogue_.scan({.folders = plugin_folders(installation_.plugins, options_.paths,
                                                            config.config, options_.plugin_dirs),
                                  .config = &config,
                                  .quarantine = &quarantine_.records(),
                                  .paths = &options_.paths,
                                  .load = true});
  refuse_unschedulable(entries);
  return entries;
}

// Something in the folders, or a quarantine, changed. Nobody waits for the outcome, so what goes
// wrong must end here.
void Host::rescan() {
  if (stopping_) return;
  const auto done = attempt([this] { apply(scan(config_)); });
  if (!done.ok()) log_.error("looking at the plugins again: {}", done.error().what());
}

void Host::apply_queue_settings() {
  const auto& settings = config_.config.queue;
  executor_.set_running(settings.concurrency);
  executor_.set_queues(settings.queues);
  queue_.set_retention({.completed = settings.keep_completed,
                        .cancelled = settings.keep_cancelled,
                        .discarded = settings.keep_discarded});
}

void Host::apply(std::vector<PluginEntry> entries) {
  const auto log = log_.named("plugins");
  for (const auto& [level, text] : announcements(entries_, entries)) log.write(level, text);
  entries_ = std::move(entries);
  const Plan before = std::exchange(plan_, make_plan(entries_, options_.paths));
  scheduler_.set(plan_.schedule, [this](Status stored) {
    if (stored.ok()) return;
    log_.error("storing the schedules: {}", stored.error().what());
    schedules_again_ = loop_.after(kSchedulesPause, [this] { rescan(); });
  });
  executor_.set_tasks(plan_.tasks);
  // What was sent ahead under the old bytes, config or grants comes back, and goes to new workers.
  for (const auto& plugin : changed_plugins(before, plan_)) pool_.retire(plugin);
  notify_.status(status_line());
}

void Host::gitea_changed(bool available) {
  if (available)
    log_.named("gitea").info("{} answers again; waiting jobs go on", config_.config.gitea.url);
  else
    log_.named("gitea").warn("{} can't be reached; jobs that need it wait",
                             config_.config.gitea.url);
  if (available)
    open_gitea();
  else
    executor_.set_available("gitea", false);
  const bool waited_for = std::any_of(plan_.tasks.begin(), plan_.tasks.end(), [](const auto& task) {
    const auto& systems = task.second.waits_for;
    return std::find(systems.begin(), systems.end(), "gitea") != systems.end();
  });
  gitea_.set_waiting(!available && waited_for);
  notify_.status(status_line());
}

// The store has said what is wrong, in the log.
void Host::store_changed(const StoreHealth& health) {
  executor_.set_claiming(health.writable);
  if (!stopping_) notify_.status(status_line());
}

void Host::finished(JobId job, const RunnableTask& task, const Verdict& verdict, JobState state) {
  const bool fault =
      verdict.kind == Verdict::Kind::crashed || verdict.kind == Verdict::Kind::timed_out;
  if (fault)
    quarantine_.note_fault(task.plugin, task.worker->image->sha256,
                           verdict.message + " in job " + std::to_string(job.value()));
  const bool ended =
      state == JobState::completed || state == JobState::cancelled || state == JobState::discarded;
  if (ended && admin_) admin_->job_ended(job);
}

Json Host::status() const {
  int ready = 0;
  Json attention = Json::array();
  for (const auto& entry : entries_) {
    ready += entry.ready();
    if (!entry.ready() && entry.state != PluginState::disabled &&
        entry.state != PluginState::shadowed)
      attention.push_back(entry.id + " (" + std::string(name(entry.state)) + "): " + entry.reason);
  }
  if (!uncaged_.empty()) attention.push_back("workers are caged without " + uncaged_);
  const auto store = store_.stats();
  if (!store.health.writable) attention.push_back("no job starts: " + store.health.reason);
  if (store.wal_bytes > kLargeLog)
    attention.push_back(fmt::format(
        "the database's log is at {} MiB: some program has had the database open for long",
        store.wal_bytes >> 20));
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
          {"workers", pool_.stats().workers.size()},
          {"services", services_.names()},
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
  if (!uncaged_.empty()) warnings.push_back("workers are caged without " + uncaged_);
  const auto times = [this](const PluginTask& task) {
    const auto schedule = scheduler_.view(task.spec.name);
    return schedule ? TaskTimes{schedule->next, schedule->last_run, schedule->paused} : TaskTimes{};
  };
  return {{"tasks", tasks_report(entries_, times)}, {"warnings", warnings}};
}

Json Host::plugins() const { return {{"plugins", plugins_report(entries_)}}; }

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

void Host::reset_plugin(const std::string& id, Reply<bool> done) {
  const bool known = std::any_of(entries_.begin(), entries_.end(),
                                 [&](const auto& entry) { return entry.id == id; });
  if (!known)
    throw Error(Code::not_found, "no plugin \"" + id + "\" was found",
                "See timmy-host plugins list.");
  quarantine_.clear(id, std::move(done));
}

void Host::reload() {
  notify_.reloading();
  try {
    if (stopping_ || !admin_)
      throw Error(Code::conflict, stopping_ ? "this host is stopping" : "this host is starting");
    require_trusted(options_.config);
    auto fresh = load_or_default(options_.config, options_.host_name, options_.paths);
    auto entries = scan(fresh);
    // From here on nothing refuses: taken whole, or not at all.
    gitea_.configure(gitea_options(fresh.config));
    config_ = std::move(fresh);
    log_.set_level(config_.config.log.level);
    apply_queue_settings();
    pool_.configure(pool_settings(options_.paths, config_.config));
    watch_folders();
    for (const auto& warning : config_.warnings) log_.warn("{}", warning);
    apply(std::move(entries));
    log_.info("took the new {}", options_.config.string());
  } catch (...) {
    const Error error = current_error();
    log_.error("kept the old configuration: {}", error.what());
    notify_.ready("kept the old configuration: " + error.message());
    throw;
  }
  notify_.ready(status_line());
}

void Host::wait_for_signals() {
  signals_.async_wait([this](const boost::system::error_code& failed, int number) {
    if (failed) return;
    on_signal(number);
    wait_for_signals();
  });
}

void Host::on_signal(int number) {
  if (number == SIGHUP) {
    // What is wrong stands in the log; the host goes on as before.
    if (!stopping_) (void)attempt([this] { reload(); });
  } else if (stopping_) {
    log_.warn("told to stop again: what still runs is interrupted now");
    executor_.hurry();
  } else {
    stop();
  }
}

void Host::stop() {
  stopping_ = true;
  const auto grace = config_.config.queue.shutdown_grace;
  log_.info("stopping: {} jobs run and get {} to end", executor_.load().begun,
            format_duration(grace));
  notify_.stopping("waiting for running jobs");
  folder_watch_.reset();
  scheduler_.stop();
  executor_.drain(grace, [this] {
    pool_.close([this] {
      const auto end = [this] {
        log_.info("stopped");
        context_.stop();
      };
      if (admin_)
        admin_->stop(end);
      else
        end();
    });
  });
}

void Host::fatal(const Error& error) {
  log_.error("can't go on: {}", error.what());
  exit_status_ = EX_IOERR;
  context_.stop();
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

}  // namespace

int run_host(const HostOptions& options) {
  hide_process();
  require_trusted(options.config);
  require_trusted(options.paths.timmy_home);
  take_errors_not_signals();
  auto config = load_or_default(options.config, options.host_name, options.paths);
  const auto level = config.config.log.level;
  make_folders(options.paths);
  const auto redactor = std::make_shared<Redactor>();
  boost::asio::io_context context(1);
  Host host(context, options, std::move(config), Log::to_stderr(level, redactor));
  host.start();
  context.run();
  return host.exit_status();
}

}  // namespace host
