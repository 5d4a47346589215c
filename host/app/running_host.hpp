// SPDX-License-Identifier: Apache-2.0
//
// The host's rooms, put together. For app/ only: host.cpp has its life, host_plugins.cpp what it
// takes in from folders and host.yaml, host_tokens.cpp the account and the models behind it,
// host_deadman.cpp what is watched, host_dispatch.cpp work for agents, host_control.cpp what it
// tells and is told.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "app/deadman_looks.hpp"
#include "app/dispatch_room.hpp"
#include "app/enforcement.hpp"
#include "app/host.hpp"
#include "app/installation.hpp"
#include "app/instance_lock.hpp"
#include "app/plan.hpp"
#include "app/service_notify.hpp"
#include "base/file_watch.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "config/host_config.hpp"
#include "control/admin_api.hpp"
#include "control/webhook_server.hpp"
#include "gitea/client.hpp"
#include "gitea/renames.hpp"
#include "http/client.hpp"
#include "plugins/catalogue.hpp"
#include "plugins/folder_watch.hpp"
#include "plugins/quarantine.hpp"
#include "queue/queue.hpp"
#include "schedule/clock_watch.hpp"
#include "schedule/scheduler.hpp"
#include "services/budget_wait.hpp"
#include "services/interrupted_writes.hpp"
#include "services/runs.hpp"
#include "services/service_table.hpp"
#include "store/threaded_store.hpp"
#include "tokens/budget_file.hpp"
#include "tokens/call_ledger.hpp"
#include "tokens/ledger.hpp"
#include "tokens/meter.hpp"
#include "tokens/model_call.hpp"
#include "tokens/usage_export.hpp"
#include "workers/executor.hpp"
#include "workers/pool.hpp"

namespace host {

// Throws Error{denied} if others may write this file or folder: one that hands out grants and names
// credentials, or that holds the state.
void require_trusted(const std::filesystem::path& path);

// What the config says to the pool; to the Gitea client: forge_visit.hpp.
[[nodiscard]] PoolSettings pool_settings(const Paths& paths, const HostConfig& config);

// One host in one process, on the loop of `context`.
class Host final : public HostControl {
 public:
  Host(boost::asio::io_context& context, const HostOptions& options, LoadedConfig config, Log log);

  void start();
  [[nodiscard]] int exit_status() const { return exit_status_; }

  // HostControl:
  [[nodiscard]] Json status() const override;
  [[nodiscard]] Json tasks() const override;
  [[nodiscard]] Json plugins() const override;
  [[nodiscard]] Json config() const override;
  [[nodiscard]] Json queues() const override;
  void check_pausable(Pausable kind, const std::string& name) const override;
  void pauses_changed() override { executor_.look_again(); }
  [[nodiscard]] NewJob new_job(const std::string& task) const override;
  bool stop_running(JobId job) override { return executor_.cancel(job); }
  void reset_plugin(const std::string& id, Reply<bool> done) override;
  void list_webhooks(std::optional<std::int64_t> before, int limit, Reply<Json> done) override;
  void replay_webhook(std::int64_t id, Reply<Json> done) override;
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
  void note_reload(const std::string& error);
  void watch_folders();
  void apply(std::vector<PluginEntry> entries);
  void apply_queue_settings();
  void gitea_changed(bool available);
  void store_changed(const StoreHealth& health);
  void repository_renamed(const RepoName& from, const RepoName& to);
  void open_webhooks();
  void open_tokens();
  // Taken before a reload can no longer be refused.
  struct MeterChange {
    std::unique_ptr<Meter> opened;        // there was none
    std::shared_ptr<Meter::Place> place;  // to which it moves
  };
  [[nodiscard]] MeterChange prepare_meter(const HostConfig& fresh);
  void configure_models(const std::shared_ptr<const ModelRoutes>& routes, MeterChange change);
  [[nodiscard]] std::unique_ptr<Meter> make_meter(const HostConfig& config);
  void open_meter();
  // Throws Error{unavailable} with the reason while there is none.
  [[nodiscard]] Meter& meter();
  void pipelines_changed();
  [[nodiscard]] std::optional<std::string> why_paused(const std::string& pipeline) const;
  [[nodiscard]] TokenSources token_sources();
  void add_tokens_attention(Json& lines) const;
  void open_deadman();
  void open_dispatch();
  void add_dispatch_attention(Json& lines) const;
  void stop_dispatch(const std::function<void()>& done);
  [[nodiscard]] Json tokens_report() const;
  void finished(JobId job, const RunnableTask& task, const Verdict& verdict, JobState state);
  void unmade(const RunnableTask& task, const Verdict& refusal);
  void wait_for_signals();
  void on_signal(int number);
  void stop();
  void close_rooms();
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
  Renames renames_;
  Queue queue_;
  Ledger ledger_;
  BudgetFile budget_file_;
  std::unique_ptr<FileWatch> budget_watch_;
  BudgetWaits budget_waits_;
  UsageExport usage_export_;
  std::unique_ptr<CallLedger> call_ledger_;
  ModelGateway models_;
  std::unique_ptr<Meter> meter_;
  std::string meter_fault_;                 // why it doesn't listen, though there are routes
  std::set<std::string> paused_pipelines_;  // as the executor knows them
  deadman::ProgramRunner deadman_runner_{Environment::of_process()};
  DeadmanLooks deadman_;
  std::vector<std::unique_ptr<FileWatch>> deadman_files_;
  Quarantine quarantine_;
  Catalogue catalogue_;
  std::vector<PluginEntry> entries_;
  Plan plan_;
  // playbooks/1 finds the dispatcher here, once there is one.
  class Desk final : public PlaybookDesk {
   public:
    explicit Desk(Host& host) : host_(host) {}
    void dispatch(Order order, Reply<Json> reply) override;
    void preview(Order order, Reply<Json> reply) override;
    void status(std::int64_t item, Reply<Json> reply) override;

   private:
    Host& host_;
  };
  Desk desk_{*this};
  ServiceTable services_;
  Runs runs_;
  WorkerPool pool_;
  Executor executor_;
  InterruptedWrites interrupted_writes_;
  Scheduler scheduler_;
  std::unique_ptr<ClockWatch> clock_watch_;
  std::unique_ptr<FolderWatch> folder_watch_;
  WebhookServer webhooks_;
  std::string webhooks_fault_;              // why they do not come in, though host.yaml says where
  std::unique_ptr<DispatchRoom> dispatch_;  // none before a playbook is on
  std::string dispatch_fault_;              // why there is none, though one is on
  std::unique_ptr<AdminApi> admin_;
  boost::asio::signal_set signals_;
  Timer schedules_again_;
  Json last_reload_;                           // {ok, at, error}; null before the first
  std::map<std::string, WallTime> last_ends_;  // of runs, by task
  CageReport cage_;                            // what workers are caged by on this machine
  bool stopping_ = false;
  int exit_status_ = 0;
};

}  // namespace host
