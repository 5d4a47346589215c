// SPDX-License-Identifier: Apache-2.0
//
// What `--list-tasks` and `plugins` say, as JSON: the same whether a host runs or not.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "config/host_config.hpp"
#include "plugins/catalogue.hpp"

namespace host {

// When a task runs, as somebody knows it.
struct TaskTimes {
  std::optional<WallTime> next;
  std::optional<WallTime> last;
  Duration delay{};    // of its jitter; `next` has it in
  std::string paused;  // by an operator, and what: "schedule", "task", "queue NAME"; or empty
};
using TimesOf = std::function<TaskTimes(const PluginTask& task)>;

// The next time by the schedule alone, for a listing without a host.
[[nodiscard]] TaskTimes times_by_schedule(const PluginTask& task, std::string_view host,
                                          WallTime now);

// One object a task, in the entries' order: task, plugin, version, description, state, reason, fix,
// schedule, zone, overridden, paused (null, or what is; only a running host knows), next_run,
// last_run, grants, path. A plugin whose tasks can't be read gives one object with an empty task.
[[nodiscard]] Json tasks_report(const std::vector<PluginEntry>& entries, const TimesOf& times);

// What a host runs with: host, file, settings (merged, with defaults), and each leaf of them as
// {setting, value, origin, where}.
[[nodiscard]] Json config_report(const LoadedConfig& config);

// One object a plugin: id, version, license, description, abi, state, reason, fix, notes, path,
// sha256 (empty where nobody had to know), signed_by (the name of the key, or empty), tasks, needs
// with what is granted, grants, limits, config, config_schema; and in_force: of each grant its
// values, enforced_by ("host", on each call, or "landlock", by the kernel) and in_force (null where
// nobody has looked). `lacking`: the layers of the cage that this machine lacks; nullopt when that
// is not known.
[[nodiscard]] Json plugins_report(const std::vector<PluginEntry>& entries,
                                  const std::optional<std::string>& lacking);

}  // namespace host
