// SPDX-License-Identifier: Apache-2.0
#include "app/offline.hpp"

#include <algorithm>
#include <cstdlib>

#include "app/deadman_check.hpp"
#include "app/deadman_report.hpp"
#include "app/dispatch_rules.hpp"
#include "app/enforcement.hpp"
#include "app/installation.hpp"
#include "app/instance_lock.hpp"
#include "app/meter_bypass.hpp"
#include "app/model_routes.hpp"
#include "app/plan.hpp"
#include "app/report.hpp"
#include "plugins/catalogue.hpp"
#include "plugins/plugin_file.hpp"
#include "store/open.hpp"
#include "store/unit.hpp"

namespace host {
namespace {

std::vector<PluginEntry> scan(Catalogue& catalogue, const LoadedConfig& loaded, const Paths& paths,
                              const std::vector<std::filesystem::path>& plugin_dirs,
                              const QuarantineRecords* quarantine = nullptr) {
  auto entries = catalogue.scan(
      {.folders = plugin_folders(Installation::find().plugins, paths, loaded.config, plugin_dirs),
       .config = &loaded,
       .quarantine = quarantine,
       .paths = &paths});
  refuse_unschedulable(entries);
  return entries;
}

// Of a file that a scan had no need to read whole. One that can't be read now stays without.
void add_hash(PluginEntry& entry) {
  if (!entry.sha256.empty() || !entry.manifest) return;
  const auto hash =
      attempt([&] { return sha256_of(open_plugin_file(entry.path).get(), entry.path); });
  if (hash.ok()) entry.sha256 = hash.value();
}

struct Listing {
  std::vector<PluginEntry> entries;
  std::vector<std::string> warnings;
};

Listing list(const LoadedConfig& loaded, const Paths& paths,
             const std::vector<std::filesystem::path>& plugin_dirs) {
  Listing listing{.entries = {}, .warnings = loaded.warnings};
  const auto quarantine = stored_quarantine(paths);
  if (!quarantine.unread.empty()) listing.warnings.push_back(quarantine.unread);
  Catalogue catalogue;
  listing.entries = scan(catalogue, loaded, paths, plugin_dirs, &quarantine.records);
  return listing;
}

// Line and column of "FILE:LINE:COLUMN"; zeros of anything else.
std::pair<int, int> place_of(const Problem& problem) {
  const auto number_after = [&](std::size_t colon) {
    return colon == std::string::npos ? 0 : std::atoi(problem.where.c_str() + colon + 1);
  };
  const auto column = problem.where.rfind(':');
  const auto line = column == std::string::npos || column == 0
                        ? std::string::npos
                        : problem.where.rfind(':', column - 1);
  return {number_after(line), number_after(column)};
}

// No entry of the file can have this name.
constexpr const char* kHostWithoutEntry = "(no entry)";

// What the plugins of this machine have against the settings of each host of the file.
class PluginCheck {
 public:
  PluginCheck(const std::filesystem::path& file, const Paths& paths,
              const std::vector<std::filesystem::path>& plugin_dirs, ConfigCheck& check)
      : file_(file), paths_(paths), plugin_dirs_(plugin_dirs), check_(check) {}

  void run(const LoadedConfig& own) {
    look_at(own, "", true);
    const Json hosts = own.document.value().value("hosts", Json::object());
    for (const auto& [name, settings] : hosts.items())
      if (name != own.config.host_name) look_at(load(name), "host \"" + name + "\": ", true);
    if (own.config.has_own_entry)
      look_at(load(kHostWithoutEntry), "a host without an entry: ", false);
    std::stable_sort(check_.errors.begin(), check_.errors.end(),
                     [](const Problem& a, const Problem& b) { return place_of(a) < place_of(b); });
  }

 private:
  LoadedConfig load(const std::string& host_name) const {
    return load_host_config(file_, host_name, paths_, Environment::of_process());
  }

  // `whole`: what is missing in these settings is added by nobody.
  void look_at(const LoadedConfig& loaded, const std::string& whose, bool whole) {
    for (const auto& line : meter_bypasses(loaded.config)) add_warning(whose + line);
    if (const auto routes = attempt([&] { return model_routes(loaded.config); }); !routes.ok())
      add_error({loaded.position("/model"), "/model", whose + routes.error().message()});
    for (const auto& entry : scan(catalogue_, loaded, paths_, plugin_dirs_)) {
      // What is installed on another host can't be seen from here.
      const bool certain = whose.empty() || (whole && entry.state == PluginState::invalid_config);
      for (const auto& problem : entry.problems)
        if (certain)
          add_error(problem);
        else
          add_warning(problem.where + ": " + whose + problem.message);
      const auto settings = loaded.config.plugins.find(entry.id);
      const bool wanted = settings != loaded.config.plugins.end() && settings->second.enabled;
      if (!wanted || !entry.problems.empty() || entry.ready() ||
          entry.state == PluginState::shadowed)
        continue;
      const std::string text =
          entry.id + " " + std::string(name(entry.state)) + ": " + entry.reason + "; " + entry.fix;
      if (whose.empty() && entry.state == PluginState::refused)
        add_error({settings->second.where, child_pointer("/plugins", entry.id), text});
      else
        add_warning(whose + text);
    }
  }

  // What stands in `defaults` is found once for each host.
  void add_error(const Problem& problem) {
    const bool known =
        std::any_of(check_.errors.begin(), check_.errors.end(), [&](const Problem& other) {
          return other.where == problem.where && other.message == problem.message;
        });
    if (!known) check_.errors.push_back(problem);
  }
  void add_warning(std::string text) {
    auto& all = check_.warnings;
    if (std::find(all.begin(), all.end(), text) == all.end()) all.push_back(std::move(text));
  }

  const std::filesystem::path& file_;
  const Paths& paths_;
  const std::vector<std::filesystem::path>& plugin_dirs_;
  ConfigCheck& check_;
  Catalogue catalogue_;
};

}  // namespace

StoredQuarantine stored_quarantine(const Paths& paths) {
  const auto unread = [](const std::string& why) {
    return StoredQuarantine{{}, "whether a plugin is quarantined was not looked at: " + why};
  };
  std::error_code ignored;
  const auto path = paths.database();
  if (std::filesystem::file_size(path, ignored) == 0 || ignored) return {};
  if (const auto pid = lock_holder(paths.lock()); pid > 0)
    return unread("pid " + std::to_string(pid) + " has the database open");
  if (std::filesystem::file_size(path.string() + "-wal", ignored) > 0 && !ignored)
    return unread("the last host did not stop cleanly");
  try {
    Connection connection(path, Connection::Mode::still);
    Unit unit(connection);
    return {read_quarantine(unit), {}};
  } catch (const Error& error) {
    return unread(error.message());
  }
}

LoadedConfig load_or_default(const std::filesystem::path& config, const std::string& host_name,
                             const Paths& paths) {
  const auto environment = Environment::of_process();
  std::error_code ignored;
  if (std::filesystem::exists(config, ignored))
    return load_host_config(config, host_name, paths, environment);
  auto loaded = parse_host_config("defaults: {}", config, host_name, paths, environment);
  loaded.warnings = {"there is no " + config.string() +
                     ": no plugin is enabled; see docs/configuration.md"};
  return loaded;
}

Json offline_tasks(const std::filesystem::path& config, const std::string& host_name,
                   const Paths& paths, const std::vector<std::filesystem::path>& plugin_dirs) {
  const auto loaded = load_or_default(config, host_name, paths);
  const auto now = SystemClock().wall();
  auto [entries, warnings] = list(loaded, paths, plugin_dirs);
  const auto cage = look_at_cage(Installation::find().worker);
  if (const auto missing = cage.missing(); !missing.empty())
    warnings.push_back("workers are caged without " + missing);
  if (entries.empty()) {
    std::string looked;
    for (const auto& folder :
         plugin_folders(Installation::find().plugins, paths, loaded.config, plugin_dirs))
      looked += (looked.empty() ? "" : ", ") + folder.path.string();
    warnings.push_back("there is no plugin in " + looked);
  }
  return {{"tasks", tasks_report(
                        entries,
                        [now, host = loaded.config.host_name](const PluginTask& task) {
                          return times_by_schedule(task, host, now);
                        },
                        cage)},
          {"cage", cage_json(cage)},
          {"deadman", stored_deadman_report(paths)},
          {"warnings", warnings}};
}

Json unjudged_tasks(const Paths& paths, const std::vector<std::filesystem::path>& plugin_dirs) {
  const auto nothing_enabled =
      parse_host_config("defaults: {}", "host.yaml", "", paths, Environment());
  Catalogue catalogue;
  auto entries = scan(catalogue, nothing_enabled, paths, plugin_dirs);
  for (auto& entry : entries) {
    if (entry.state != PluginState::disabled) continue;
    entry.state = PluginState::not_judged;
    entry.code = Refusal::not_judged;
    entry.reason = "host.yaml can't be used, so nobody knows whether it is enabled";
    entry.fix = "Mend what timmy-host --check-config lists.";
  }
  const auto cage = look_at_cage(Installation::find().worker);
  const auto never = [](const PluginTask&) { return TaskTimes{}; };
  return {{"tasks", tasks_report(entries, never, cage)},
          {"cage", cage_json(cage)},
          {"deadman", stored_deadman_report(paths)},
          {"warnings", Json::array()}};
}

Json offline_config(const std::filesystem::path& config, const std::string& host_name,
                    const Paths& paths) {
  const auto loaded = load_or_default(config, host_name, paths);
  Json report = config_report(loaded);
  report["warnings"] = loaded.warnings;
  return report;
}

Json offline_plugins(const std::filesystem::path& config, const std::string& host_name,
                     const Paths& paths, const std::vector<std::filesystem::path>& plugin_dirs) {
  const auto loaded = load_or_default(config, host_name, paths);
  auto [entries, warnings] = list(loaded, paths, plugin_dirs);
  for (auto& entry : entries) add_hash(entry);
  const auto cage = look_at_cage(Installation::find().worker);
  return {{"plugins", plugins_report(entries, cage)},
          {"cage", cage_json(cage)},
          {"warnings", warnings}};
}

ConfigCheck offline_check(const std::filesystem::path& config, const std::string& host_name,
                          const Paths& paths,
                          const std::vector<std::filesystem::path>& plugin_dirs) {
  ConfigCheck check;
  try {
    const auto loaded = load_host_config(config, host_name, paths, Environment::of_process());
    check.warnings = loaded.warnings;
    PluginCheck(config, paths, plugin_dirs, check).run(loaded);
    const auto rules = load_rules(loaded.config, paths);
    check.errors.insert(check.errors.end(), rules.faults.begin(), rules.faults.end());
    check.warnings.insert(check.warnings.end(), rules.warnings.begin(), rules.warnings.end());
    const auto deadman =
        check_deadman(loaded.config, paths, [&] { return ask_own_login(loaded.config); });
    check.errors.insert(check.errors.end(), deadman.errors.begin(), deadman.errors.end());
    check.warnings.insert(check.warnings.end(), deadman.warnings.begin(), deadman.warnings.end());
    const auto bypasses = meter_bypasses(*rules.rules);
    check.warnings.insert(check.warnings.end(), bypasses.begin(), bypasses.end());
  } catch (const ConfigError& error) {
    check.errors = error.problems();
  }
  return check;
}

}  // namespace host
