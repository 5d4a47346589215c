// SPDX-License-Identifier: Apache-2.0
#include "app/host.hpp"

#include <sysexits.h>

#include <algorithm>
#include <csignal>

#include "app/forge_visit.hpp"
#include "app/model_routes.hpp"
#include "app/offline.hpp"
#include "app/running_host.hpp"
#include "base/boot.hpp"
#include "base/process.hpp"
#include "base/redactor.hpp"
#include "services/gitea_service.hpp"
#include "services/http_service.hpp"
#include "services/jobs_service.hpp"
#include "services/model_service.hpp"
#include "services/playbooks_service.hpp"
#include "services/process_service.hpp"
#include "services/state_service.hpp"
#include "services/tokens_service.hpp"
#include "tokens/renamed_repo.hpp"

namespace host {
namespace {

// What is written to somebody who has gone, or past a limit of sizes, fails where it is written.
void take_errors_not_signals() {
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);
}

void make_folders(const Paths& paths) {
  make_directories(paths.timmy_home, 0700);
  make_directories(paths.run, 0700);
  make_directories(paths.plugins(), 0755);
  make_directories(paths.stamps(), 0755);
  make_directories(paths.scratch(), 0700);
}

}  // namespace

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
      ledger_(store_, loop_, clock_, log_.named("tokens"), config_.config.host_name),
      budget_file_(options.paths.token_budget(), ledger_, loop_, log_.named("tokens")),
      budget_waits_(queue_, loop_, log_.named("tokens")),
      usage_export_(store_, loop_, log_.named("tokens"), options.paths.token_usage()),
      call_ledger_(make_call_ledger(ledger_, loop_, loop_)),
      models_(http_, *call_ledger_, loop_, log_.redactor(), log_.named("models"),
              model_routes(config_.config)),
      deadman_({.paths = options.paths, .host_name = config_.config.host_name, .boot = this_boot()},
               loop_, store_, clock_, deadman_runner_, log_.named("deadman")),
      quarantine_(store_, loop_, log_.named("quarantine")),
      services_(log_.named("services")),
      runs_(
          services_, ledger_, budget_waits_, clock_,
          [this](const RunnableTask& task) {
            return Runs::Terms{plan_.grants[task.plugin], plan_.writes[task.plugin],
                               plan_.pipelines[task.name],
                               plan_.bypassing.contains(task.plugin) || !cage_.in_force("seccomp")};
          },
          [this](JobId job, const RunnableTask& task, const Verdict& verdict, JobState state) {
            finished(job, task, verdict, state);
          },
          [this](const RunnableTask& task, const Verdict& refusal) { unmade(task, refusal); }),
      pool_(context, loop_, log_.named("workers"), installation_.worker, services_,
            pool_settings(options.paths, config_.config)),
      executor_(queue_, pool_, runs_, loop_, log_.named("jobs"),
                {.running = config_.config.queue.concurrency}),
      interrupted_writes_(gitea_, store_, loop_, log_.named("gitea"),
                          [this] { executor_.set_available("gitea", gitea_.available()); }),
      scheduler_(store_, queue_, loop_, log_.named("schedule")),
      webhooks_(context, loop_, log_.named("webhooks"), store_, queue_,
                [this](const ForgeEvent& event) {
                  if (dispatch_) dispatch_->heard(event);
                  return event_jobs(plan_, event,
                                    renames_.old_names(event.repo, clock_.monotonic()));
                }),
      signals_(context, SIGTERM, SIGINT, SIGHUP) {}

void Host::start() {
  sweep_scratch(options_.paths.scratch());
  for (const auto& warning : config_.warnings) log_.warn("{}", warning);
  add_services();
  apply_queue_settings();
  queue_.set_ready_handler([this](const std::string& task) { executor_.ready(task); });
  gitea_.set_available_handler([this](bool available) { gitea_changed(available); });
  gitea_.set_renamed_handler(
      [this](const RepoName& from, const RepoName& to) { repository_renamed(from, to); });
  store_.set_health_handler([this](const StoreHealth& health) { store_changed(health); });
  quarantine_.set_handler([this](const std::string&) { rescan(); });
  wait_for_signals();
  notify_.starting("opening the database");
  queue_.recover([this](Result<Recovery> recovery) {
    if (!recovery.ok()) return fatal(recovery.error());
    ledger_.recover([this, recovery](Result<Ledger::Recovery> account) {
      if (!account.ok()) return fatal(account.error());
      quarantine_.load([this, recovery](Status loaded) {
        if (!loaded.ok()) return fatal(loaded.error());
        recovered(recovery.value());
      });
    });
  });
}

void Host::add_services() {
  services_.add(make_gitea_service(gitea_, store_, clock_, log_.named("gitea"),
                                   [this](const std::string& target) {
                                     if (dispatch_) dispatch_->written(target);
                                   }));
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
  services_.add(make_model_service(models_, ledger_));
  services_.add(make_playbooks_service(desk_, store_, clock_));
  services_.add(make_process_service(deadman_));
  services_.add(make_tokens_service(ledger_, store_, [this](int keep) {
    const auto file = usage_export_.rotate(clock_.wall(), keep);
    return file ? std::optional(file->string()) : std::nullopt;
  }));
}

void Host::recovered(const Recovery& recovery) {
  if (stopping_) return;
  if (recovery.interrupted > 0)
    log_.warn("{} runs of the host before this one were interrupted and go back to the queue{}",
              recovery.interrupted,
              recovery.held > 0 ? fmt::format("; {} of them are held", recovery.held) : "");
  queue_.last_ends([this](Result<std::map<std::string, WallTime>> last) {
    if (last.ok()) last_ends_.merge(std::move(last).value());
  });
  // Before the first worker starts, so that --list-tasks never shows a whole cage by default.
  cage_ = look_at_cage(installation_.worker);
  // Jobs that wait for Gitea are held until what a host before may have written there is known.
  executor_.set_available("gitea", false);
  interrupted_writes_.look();
  open_tokens();
  open_deadman();
  rescan();
  admin_ = std::make_unique<AdminApi>(context_, loop_, log_.named("admin"), store_, queue_,
                                      scheduler_, *this, options_.paths.socket(),
                                      options_.paths.cookie(), token_sources());
  open_dispatch();
  scheduler_.set_stop_handler(
      [this](JobId job, bool at_once) { (void)executor_.cancel(job, at_once); });
  clock_watch_ = std::make_unique<ClockWatch>(context_, [this] { scheduler_.clock_changed(); });
  watch_folders();
  open_webhooks();
  notify_.start_watchdog();
  notify_.ready(status_line());
  log_.info("timmy-host {} is ready on \"{}\": {}", TIMMY_VERSION, config_.config.host_name,
            status_line());
}

// Without them the host goes on: what they would have told is found by the next poll.
void Host::open_webhooks() {
  const auto open = attempt([this] { webhooks_.configure(config_.config.webhooks); });
  webhooks_fault_ = open.ok() ? "" : open.error().message();
  if (!open.ok()) log_.named("webhooks").error("none come in: {}", open.error().what());
}

void Host::gitea_changed(bool available) {
  if (available)
    log_.named("gitea").info("{} answers again; waiting jobs go on", config_.config.gitea.url);
  else
    log_.named("gitea").warn("{} can't be reached; jobs that need it wait",
                             config_.config.gitea.url);
  if (available) {
    if (dispatch_) dispatch_->forge_is_back();
    interrupted_writes_.look();
  } else {
    interrupted_writes_.rest();
    executor_.set_available("gitea", false);
  }
  const bool waited_for = std::any_of(plan_.tasks.begin(), plan_.tasks.end(), [](const auto& task) {
    const auto& systems = task.second.waits_for;
    return std::find(systems.begin(), systems.end(), "gitea") != systems.end();
  });
  gitea_.set_waiting(!available && waited_for);
  notify_.status(status_line());
}

void Host::repository_renamed(const RepoName& from, const RepoName& to) {
  if (dispatch_)
    dispatch_->renamed(from, to);
  else
    store_.submit([from = from.full(), to = to.full(),
                   now = clock_.wall()](Unit& unit) { rename_issue_accounts(unit, from, to, now); },
                  [](const Status&) {});
  if (renames_.note(from, to, clock_.monotonic()))
    log_.named("gitea").warn(
        "{} is now {}; its events count for {} until host.yaml has the new name", from.full(),
        to.full(), from.full());
}

// The store has said what is wrong, in the log.
void Host::store_changed(const StoreHealth& health) {
  executor_.set_claiming(health.writable);
  if (!stopping_) notify_.status(status_line());
}

void Host::finished(JobId job, const RunnableTask& task, const Verdict& verdict, JobState state) {
  if (verdict.kind != Verdict::Kind::interrupted) last_ends_[task.name] = clock_.wall();
  if (state == JobState::completed) deadman_.completed(task.name, job.value());
  const bool fault =
      verdict.kind == Verdict::Kind::crashed || verdict.kind == Verdict::Kind::timed_out;
  if (fault)
    quarantine_.note_fault(task.plugin, task.worker->image->sha256,
                           verdict.message + " in job " + std::to_string(job.value()));
  const bool ended =
      state == JobState::completed || state == JobState::cancelled || state == JobState::discarded;
  if (ended && admin_) admin_->job_ended(job);
}

// Set aside, or each of its jobs would be burned on it. What the linker refuses is the bytes' own
// fault; what the plugin's `create` refuses may be that of what it got.
void Host::unmade(const RunnableTask& task, const Verdict& refusal) {
  const auto& made_of = *task.worker;
  const auto key = refusal.code == "load" ? made_of.image->sha256
                                          : setup_key(made_of.image->sha256, made_of.config_json,
                                                      made_of.readable, made_of.writable);
  loop_.post([this, plugin = task.plugin, key, why = refusal.message] {
    quarantine_.refuse(plugin, key, why);
  });
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
  budget_watch_.reset();
  deadman_files_.clear();
  interrupted_writes_.rest();
  scheduler_.stop();
  const auto left = std::make_shared<int>(2);
  const auto ended = [this, left] {
    if (--*left == 0) close_rooms();
  };
  stop_dispatch(ended);
  executor_.drain(grace, ended);
}

// Nothing runs any more that could ask them.
void Host::close_rooms() {
  pool_.close([this] {
    const auto end = [this] {
      log_.info("stopped");
      context_.stop();
    };
    webhooks_.stop([this, end] {
      const auto close_admin = [this, end] {
        if (admin_)
          admin_->stop(end);
        else
          end();
      };
      if (meter_)
        meter_->stop(close_admin);
      else
        close_admin();
    });
  });
}

void Host::fatal(const Error& error) {
  log_.error("can't go on: {}", error.what());
  exit_status_ = EX_IOERR;
  context_.stop();
}

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
