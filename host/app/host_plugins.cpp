// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include "app/announce.hpp"
#include "app/forge_visit.hpp"
#include "app/model_routes.hpp"
#include "app/offline.hpp"
#include "app/running_host.hpp"

namespace host {
namespace {

// How long after the store refused the schedules they are brought again.
constexpr Duration kSchedulesPause = std::chrono::seconds(5);

}  // namespace

void require_trusted(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (fd) check_trusted(fd.get(), path, true);
}

PoolSettings pool_settings(const Paths& paths, const HostConfig& config) {
  return {.workers = config.workers.max, .forbidden = forbidden_paths(paths, config)};
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
  const Plan before = std::exchange(plan_, make_plan(entries_, options_.paths, config_.config));
  scheduler_.set(plan_.schedule, [this](Status stored) {
    if (stored.ok()) return;
    log_.error("storing the schedules: {}", stored.error().what());
    schedules_again_ = loop_.after(kSchedulesPause, [this] { rescan(); });
  });
  executor_.set_tasks(plan_.tasks);
  std::set<std::string> names;
  for (const auto& [name, task] : plan_.tasks) names.insert(name);
  deadman_.set_tasks(names);
  // What was sent ahead under the old bytes, config or grants comes back, and goes to new workers.
  for (const auto& plugin : changed_plugins(before, plan_)) {
    pool_.retire(plugin);
    services_.forget_denials(plugin);
  }
  notify_.status(status_line());
}

void Host::note_reload(const std::string& error) {
  last_reload_ = {{"ok", error.empty()}, {"at", format_utc(clock_.wall())}, {"error", error}};
}

void Host::reload() {
  notify_.reloading();
  try {
    if (stopping_ || !admin_)
      throw Error(Code::conflict, stopping_ ? "this host is stopping" : "this host is starting");
    require_trusted(options_.config);
    auto fresh = load_or_default(options_.config, options_.host_name, options_.paths);
    auto entries = scan(fresh);
    const auto routes = model_routes(fresh.config);
    auto meter = prepare_meter(fresh.config);
    webhooks_.configure(fresh.config.webhooks);
    webhooks_fault_.clear();
    // From here on nothing refuses: taken whole, or not at all.
    gitea_.configure(gitea_options(fresh.config));
    renames_ = {};
    config_ = std::move(fresh);
    configure_models(routes, std::move(meter));
    budget_file_.read({});
    log_.set_level(config_.config.log.level);
    apply_queue_settings();
    pool_.configure(pool_settings(options_.paths, config_.config));
    watch_folders();
    if (dispatch_)
      dispatch_->configure(config_.config);
    else
      open_dispatch();
    for (const auto& warning : config_.warnings) log_.warn("{}", warning);
    apply(std::move(entries));
    note_reload("");
    log_.info("took the new {}", options_.config.string());
  } catch (...) {
    const Error error = current_error();
    note_reload(error.what());
    log_.error("kept the old configuration: {}", error.what());
    // Where they had to leave their port for the new address, the old one may be gone since.
    if (!config_.config.webhooks.listen.empty() && webhooks_.address().empty() &&
        webhooks_fault_.empty())
      webhooks_fault_ = "the address that they had can't be had again; reload once it is free";
    notify_.ready("kept the old configuration: " + error.message());
    throw;
  }
  notify_.ready(status_line());
}

}  // namespace host
