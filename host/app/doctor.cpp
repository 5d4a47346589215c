// SPDX-License-Identifier: Apache-2.0
#include "app/doctor.hpp"

#include <sys/stat.h>

#include "app/dispatch_rules.hpp"
#include "app/enforcement.hpp"
#include "app/forge_visit.hpp"
#include "app/installation.hpp"
#include "app/instance_lock.hpp"
#include "app/meter_bypass.hpp"
#include "app/offline.hpp"
#include "control/admin_client.hpp"
#include "gitea/token.hpp"
#include "plugins/catalogue.hpp"
#include "runs/containment.hpp"
#include "services/gitea_scopes.hpp"
#include "store/open.hpp"

namespace host {
namespace {

using Grade = Finding::Grade;

// A database below this is read whole, which takes about a second.
constexpr std::uint64_t kCheckedInPassing = 256u << 20;
constexpr Duration kPatience = std::chrono::seconds(10);

class Examination {
 public:
  Examination(const std::filesystem::path& config, std::string host_name, const Paths& paths,
              std::vector<std::filesystem::path> plugin_dirs)
      : config_(config),
        host_name_(std::move(host_name)),
        paths_(paths),
        plugin_dirs_(std::move(plugin_dirs)) {}

  std::vector<Finding> run() {
    check("config", [this] { read_config(); });
    check("state folder", [this] { look_at_state(); });
    check("database", [this] { look_at_database(); });
    check("worker", [this] { add(Grade::ok, "worker", Installation::find().worker.string()); });
    check("cage", [this] { list_layers(); });
    check("runs", [this] { look_at_runs(); });
    check("plugins", [this] { look_at_plugins(); });
    check("gitea token", [this] { look_at_token(); });
    check("gitea", [this] { ask_gitea(); });
    check("webhooks", [this] { look_at_webhooks(); });
    check("models", [this] { look_at_models(); });
    check("playbooks", [this] { look_at_playbooks(); });
    return std::move(findings_);
  }

 private:
  void add(Grade grade, std::string check, std::string text, std::string fix = {}) {
    findings_.push_back({grade, std::move(check), std::move(text), std::move(fix)});
  }

  // One check that throws must not keep the others from being made.
  template <class Work>
  void check(const std::string& name, Work work) {
    try {
      work();
    } catch (...) {
      const Error error = current_error();
      add(Grade::fail, name, error.message(), error.next_step());
    }
  }

  void read_config() try {
    std::error_code ignored;
    const bool there = std::filesystem::exists(config_, ignored);
    loaded_ = load_or_default(config_, host_name_, paths_);
    if (there)
      add(Grade::ok, "config", config_.string() + ", host \"" + loaded_->config.host_name + "\"");
    for (const auto& warning : loaded_->warnings) add(Grade::warn, "config", warning);
  } catch (const ConfigError& error) {
    for (const auto& problem : error.problems())
      add(Grade::fail, "config", problem.where + ": " + problem.message, error.next_step());
  }

  void look_at_state() {
    host_pid_ = lock_holder(paths_.lock());
    struct stat info {};
    if (::stat(paths_.timmy_home.c_str(), &info) != 0)
      return add(Grade::warn, "state folder", paths_.timmy_home.string() + " is not there yet",
                 "It is made at the first start.");
    if ((info.st_mode & 022) != 0)
      return add(Grade::fail, "state folder",
                 paths_.timmy_home.string() + " can be written by others",
                 "Run: chmod go-w " + paths_.timmy_home.string());
    add(Grade::ok, "state folder",
        paths_.timmy_home.string() +
            (host_pid_ > 0 ? ", held by pid " + std::to_string(host_pid_) : ", no host runs"));
  }

  // A host that runs has looked at its database, and nobody else may touch it.
  void look_at_database() {
    const auto path = paths_.database().string();
    if (host_pid_ > 0) return ask_host_about(path);
    const auto found = inspect_database({.path = path, .check_in_background = kCheckedInPassing});
    if (!found.there) return add(Grade::ok, "database", path + " is not there yet");
    add(found.unchecked.empty() ? Grade::ok : Grade::warn, "database",
        path + (found.unchecked.empty() ? ", sound" : ": " + found.unchecked));
  }

  // ", without http (optional)": a choice, and no fault.
  static std::string lacking(const PluginEntry& entry) {
    std::string grants;
    if (!entry.ready()) return grants;
    for (const auto& need : entry.manifest->needs)
      if (!entry.grants.has(need.grant)) grants += (grants.empty() ? "" : ", ") + need.grant;
    return grants.empty() ? grants : ", without " + grants + " (optional)";
  }

  void leave_out(const char* check) {
    add(Grade::warn, check, "not looked at, since the configuration can't be used");
  }

  void ask_host_about(const std::string& database) {
    const auto status = attempt([&] { return AdminClient(paths_).get("/v1/status", kPatience); });
    if (!status.ok())
      return add(Grade::warn, "database",
                 database + " is open in pid " + std::to_string(host_pid_) +
                     ", which does not answer: " + status.error().message(),
                 "If it is not just starting, look into its log.");
    const Json store = status.value().value("store", Json::object());
    add(Grade::ok, "database",
        database + ", open in the running host" +
            (store.value("checking", false) ? ", which is still checking it" : ""));
  }

  void list_layers() {
    cage_ = look_at_cage(Installation::find().worker);
    for (const auto& layer : cage_.layers) {
      if (layer.in_force)
        add(Grade::ok, "cage", layer.name + (layer.detail.empty() ? "" : " " + layer.detail));
      else
        add(Grade::warn, "cage", layer.name + " is not in force: " + layer.detail,
            "Plugins are less contained here than docs/guarantees.md says; use a kernel that has "
            "it.");
    }
  }

  // In a folder that a runner service sees, too; its /tmp is its own.
  void look_at_runs() try {
    std::error_code ignored;
    const bool there = std::filesystem::is_directory(paths_.timmy_home, ignored);
    const auto supervisors =
        runs::supervisors_at(paths_.runner_socket(), Installation::find().supervisor);
    const auto in_force = runs::probe_containment(
        *supervisors, there ? paths_.timmy_home : std::filesystem::temp_directory_path());
    for (const auto& [layer, state] : in_force.layers())
      add(Grade::ok, "runs",
          fmt::format("{}{}{}", layer, state->in_force ? " " : " is not in force: ",
                      state->in_force && state->detail.empty() ? "in force" : state->detail));
    for (const auto& line : runs::what_is_not_held(in_force))
      add(Grade::warn, "runs", line, "docs/runs.md says what each layer needs.");
  } catch (const Error& error) {
    // A service of another user's, which this one can't ask.
    if (error.code() != Code::denied) throw;
    add(Grade::warn, "runs", error.message(), "Ask again as that user.");
  }

  void look_at_plugins() {
    if (!loaded_) return leave_out("plugins");
    const auto quarantine = stored_quarantine(paths_);
    if (!quarantine.unread.empty())
      add(host_pid_ > 0 ? Grade::ok : Grade::warn, "plugins", quarantine.unread,
          host_pid_ > 0 ? "timmy-host plugins list asks the running host." : "");
    Catalogue catalogue;
    const auto entries =
        catalogue.scan({.folders = plugin_folders(Installation::find().plugins, paths_,
                                                  loaded_->config, plugin_dirs_),
                        .config = &*loaded_,
                        .quarantine = &quarantine.records,
                        .paths = &paths_});
    for (const auto& entry : entries) {
      if (entry.state == PluginState::disabled || entry.state == PluginState::shadowed) continue;
      const std::string check = "plugin " + entry.id;
      const std::string state = std::string(name(entry.state)) + lacking(entry);
      for (const auto& problem : entry.problems)
        add(Grade::fail, check, state + ": " + problem.where + ": " + problem.message, entry.fix);
      if (entry.problems.empty())
        add(entry.ready() ? Grade::ok : Grade::fail, check,
            state + (entry.reason.empty() ? "" : ": " + entry.reason), entry.fix);
      add_enforcement(check, entry);
      for (const auto& note : entry.notes) add(Grade::warn, check, note);
      if (entry.ready() && may_ask_forge(entry.grants)) asking_gitea_.push_back(entry);
    }
    if (entries.empty()) add(Grade::warn, "plugins", "none were found");
  }

  // What it asks for, what it got, and who holds it to that.
  void add_enforcement(const std::string& check, const PluginEntry& entry) {
    const auto text = enforcement_text(entry, cage_);
    if (text.empty()) return;
    bool whole = true;
    const Json granted = entry.grants.json();
    for (const auto& [grant, values] : granted.items()) whole = whole && in_force(grant, cage_);
    add(whole ? Grade::ok : Grade::warn, check, text);
  }

  void look_at_token() {
    if (!loaded_) return leave_out("gitea");
    if (loaded_->config.gitea.url.empty())
      return add(Grade::warn, "gitea token", "no Gitea is configured",
                 "Set gitea.url in host.yaml, or GITEA_URL.");
    TokenSource source(loaded_->config.gitea.token_files, nullptr);
    (void)source.get();
    token_file_ = source.file().string();
    add(Grade::ok, "gitea token", token_file_);
  }

  // Not whether the address is free: a host that runs has it.
  void look_at_webhooks() {
    if (!loaded_ || loaded_->config.webhooks.listen.empty()) return;
    const auto& webhooks = loaded_->config.webhooks;
    for (const auto& file : webhooks.secret_files)
      (void)TokenSource({file}, nullptr, "webhook secret").get();
    add(Grade::ok, "webhooks",
        fmt::format("come in at {}, by {} secret{}", webhooks.listen, webhooks.secret_files.size(),
                    webhooks.secret_files.size() == 1 ? "" : "s"));
  }

  void look_at_models() {
    if (!loaded_ || loaded_->config.model.routes.empty()) return;
    const auto& model = loaded_->config.model;
    for (const auto& [name, route] : model.routes) {
      if (!route.credential.empty())
        (void)TokenSource({loaded_->config.credentials.at(route.credential)}, nullptr, "model key")
            .get();
      add(Grade::ok, "models",
          fmt::format("route \"{}\" leads to {}, as {}", name, route.url, route.provider));
    }
    for (const auto& line : meter_bypasses(loaded_->config)) add(Grade::warn, "models", line);
  }

  void look_at_playbooks() {
    if (!loaded_ || !dispatches(loaded_->config)) return;
    const auto loaded = load_rules(loaded_->config, paths_);
    for (const auto& fault : loaded.fault_lines())
      add(Grade::fail, "playbooks", fault, "See timmy-host playbooks check.");
    for (const auto& line : meter_bypasses(*loaded.rules)) add(Grade::warn, "playbooks", line);
  }

  void ask_gitea() {
    if (token_file_.empty()) return;  // which was said
    auto options = gitea_options(loaded_->config);
    options.attempts = 1;
    options.request_timeout = kPatience;
    ForgeVisit visit(options);
    const auto user =
        visit.wait<Result<User>>([&](Reply<User> reply) { visit.gitea().whoami(reply); });
    // A token may lack the scope for that alone; what else it lacks is worth knowing.
    if (!user.ok() && (user.error().code() != Code::denied || !visit.gitea().authorised()))
      throw user.error();
    if (user.ok())
      add(Grade::ok, "gitea", options.url + " takes the token of \"" + user.value().login + "\"");
    else
      add(Grade::fail, "gitea", user.error().message(), user.error().next_step());
    look_at_scopes(visit);
  }

  void look_at_scopes(ForgeVisit& visit) {
    const auto scopes = visit.wait<Result<TokenScopes>>(
        [&](Reply<TokenScopes> reply) { visit.gitea().scopes(reply); });
    if (!scopes.ok())
      return add(Grade::warn, "gitea scopes",
                 "it can't be known what the token may be used for: " + scopes.error().message(),
                 "Look at the token's scopes on the server (Settings, Applications).");
    bool whole = true;
    for (const auto& plugin : asking_gitea_)
      for (const auto& missing :
           missing_scopes(plugin.grants, !plugin.writes.dry_run, scopes.value())) {
        add_missing(plugin.id, missing);
        whole = false;
      }
    std::string granted;
    for (const auto& scope : scopes.value().granted)
      granted += (granted.empty() ? "" : ", ") + scope;
    if (whole)
      add(Grade::ok, "gitea scopes",
          granted.empty() ? "the token has none, and no plugin needs any"
                          : "the token has " + granted);
  }

  // Teams are asked for by few, and labels of organisations are not needed by all: without that
  // scope a plugin as a rule does its work.
  void add_missing(const std::string& plugin, const MissingScope& missing) {
    std::string calls;
    for (const auto& method : missing.methods)
      calls += (calls.empty() ? "gitea/1." : ", ") + method;
    const bool of_organisations = missing.scope == "read:organization";
    add(of_organisations ? Grade::warn : Grade::fail, "plugin " + plugin,
        "the token lacks the scope " + missing.scope + ", without which " + calls + " would fail" +
            (of_organisations ? ", and list_labels leaves out the organisation's labels" : ""),
        "Make a token that has it too, and write it to " + token_file_ +
            "; a running host takes it at once.");
  }

  std::filesystem::path config_;
  std::string host_name_;
  Paths paths_;
  std::vector<std::filesystem::path> plugin_dirs_;
  std::optional<LoadedConfig> loaded_;
  CageReport cage_;
  std::string token_file_;                 // empty: none that may be used
  std::vector<PluginEntry> asking_gitea_;  // ready, with a grant for the forge
  pid_t host_pid_ = 0;                     // of the host that runs on these paths
  std::vector<Finding> findings_;
};

}  // namespace

std::string_view name(Finding::Grade grade) noexcept {
  switch (grade) {
    case Grade::ok: return "ok";
    case Grade::warn: return "warn";
    case Grade::fail: return "fail";
  }
  return "fail";
}

std::vector<Finding> examine(const std::filesystem::path& config, const std::string& host_name,
                             const Paths& paths,
                             const std::vector<std::filesystem::path>& plugin_dirs) {
  return Examination(config, host_name, paths, plugin_dirs).run();
}

}  // namespace host
