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
#include "workers/cage.hpp"

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

// One object a task, in the entries' order: task, plugin, version, description, state, code (of
// plugins/refusal.hpp, or empty), reason, fix, abi (null where it can't be read), enabled_at
// ("file:line:col" of host.yaml, or empty), sha256 (empty where nobody had to know),
// schedule, zone, overridden, paused (null, or what is; only a running host knows), next_run,
// last_run, grants, path; and of its plugin needs and in_force, see app/enforcement.hpp. A plugin
// whose tasks can't be read gives one object with an empty task.
[[nodiscard]] Json tasks_report(const std::vector<PluginEntry>& entries, const TimesOf& times,
                                const CageReport& cage);

// What a host runs with: host, file, settings (merged, with defaults), and each leaf of them as
// {setting, value, origin, where}.
[[nodiscard]] Json config_report(const LoadedConfig& config);

// One object a plugin: id, version, license, description, state, code, reason, fix, abi,
// enabled_at, notes, path, sha256, signed_by (the name of the key, or empty), tasks, grants,
// limits, config, config_schema; needs and in_force, see app/enforcement.hpp.
[[nodiscard]] Json plugins_report(const std::vector<PluginEntry>& entries, const CageReport& cage);

}  // namespace host
