// SPDX-License-Identifier: Apache-2.0
#include "app/offline.hpp"

#include "app/installation.hpp"
#include "app/report.hpp"
#include "plugins/catalogue.hpp"
#include "workers/pool.hpp"

namespace host {
namespace {

std::vector<PluginEntry> scan(const LoadedConfig& loaded, const Paths& paths,
                              const std::vector<std::filesystem::path>& plugin_dirs) {
  Catalogue catalogue;
  return catalogue.scan(
      {.folders = plugin_folders(Installation::find().plugins, paths, loaded.config, plugin_dirs),
       .config = &loaded,
       .paths = &paths});
}

}  // namespace

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
  auto warnings = loaded.warnings;
  const auto cage = attempt([] { return probe_cage(Installation::find().worker).missing(); });
  if (!cage.ok() || !cage.value().empty())
    warnings.push_back("workers are caged without " +
                       (cage.ok() ? cage.value() : "all: " + cage.error().message()));
  return {{"tasks",
           tasks_report(scan(loaded, paths, plugin_dirs),
                        [now](const PluginTask& task) { return times_by_schedule(task, now); })},
          {"warnings", warnings}};
}

Json offline_plugins(const std::filesystem::path& config, const std::string& host_name,
                     const Paths& paths, const std::vector<std::filesystem::path>& plugin_dirs) {
  const auto loaded = load_or_default(config, host_name, paths);
  return {{"plugins", plugins_report(scan(loaded, paths, plugin_dirs))}};
}

ConfigCheck offline_check(const std::filesystem::path& config, const std::string& host_name,
                          const Paths& paths,
                          const std::vector<std::filesystem::path>& plugin_dirs) {
  ConfigCheck check;
  try {
    const auto loaded = load_host_config(config, host_name, paths, Environment::of_process());
    check.warnings = loaded.warnings;
    for (const auto& entry : scan(loaded, paths, plugin_dirs)) {
      const auto settings = loaded.config.plugins.find(entry.id);
      const bool wanted = settings != loaded.config.plugins.end() && settings->second.enabled;
      const std::string line =
          entry.id + " " + std::string(name(entry.state)) + ": " + entry.reason;
      if (entry.state == PluginState::invalid_config)
        check.errors.push_back({settings->second.where, "/plugins/" + entry.id, line});
      else if (wanted && !entry.ready() && entry.state != PluginState::shadowed)
        check.warnings.push_back(line + "; " + entry.fix);
    }
  } catch (const ConfigError& error) {
    check.errors = error.problems();
  }
  return check;
}

}  // namespace host
