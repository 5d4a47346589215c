// SPDX-License-Identifier: Apache-2.0
#include "app/report.hpp"

#include "app/enforcement.hpp"
#include "schedule/policy.hpp"
#include "schedule/schedule.hpp"

namespace host {
namespace {

Json time_or_null(const std::optional<WallTime>& time) {
  return time ? Json(format_utc(*time)) : Json();
}

Json abi_of(const PluginEntry& entry) {
  if (!entry.manifest) return {};
  const auto& abi = entry.manifest->abi;
  return {{"major", abi.major}, {"minor", abi.minor}, {"minimum", abi.minimum}};
}

Json base_of(const PluginEntry& entry, const CageReport& cage) {
  return {{"plugin", entry.id},
          {"version", entry.manifest ? entry.manifest->version : ""},
          {"state", name(entry.state)},
          {"code", name(entry.code)},
          {"reason", entry.reason},
          {"fix", entry.fix},
          {"grants", entry.grants.json()},
          {"dry_run", entry.writes.dry_run},
          {"path", entry.path.string()},
          {"sha256", entry.sha256},
          {"enabled_at", entry.enabled_at},
          {"abi", abi_of(entry)},
          {"needs", needs_json(entry, cage)},
          {"in_force", in_force_json(entry, cage)}};
}

Json task_row(const PluginEntry& entry, const PluginTask& task, const TimesOf& times,
              const CageReport& cage) {
  Json row = base_of(entry, cage);
  const auto when = entry.ready() ? times(task) : TaskTimes{};
  row.update({{"task", task.spec.name},
              {"description", task.spec.description},
              {"schedule", task.spec.schedule},
              {"zone", task.spec.zone},
              {"overridden", task.overridden},
              {"waits_for", task.spec.waits_for},
              {"events", task.spec.events},
              {"paused", when.paused.empty() ? Json() : Json(when.paused)},
              {"next_run", time_or_null(when.next)},
              {"last_run", time_or_null(when.last)},
              {"delay_ms", when.delay / std::chrono::milliseconds(1)}});
  return row;
}

}  // namespace

TaskTimes times_by_schedule(const PluginTask& task, std::string_view host, WallTime now) {
  TaskTimes times{.delay = schedule_delay(task.spec.jitter, host, task.spec.name)};
  if (task.spec.schedule.empty()) return times;
  const auto schedule = Schedule::parse(task.spec.schedule, Zone::load(task.spec.zone));
  if (const auto instant = schedule.next(now - times.delay)) times.next = *instant + times.delay;
  return times;
}

Json tasks_report(const std::vector<PluginEntry>& entries, const TimesOf& times,
                  const CageReport& cage) {
  Json rows = Json::array();
  for (const auto& entry : entries) {
    for (const auto& task : entry.tasks) rows.push_back(task_row(entry, task, times, cage));
    if (!entry.tasks.empty()) continue;
    Json row = base_of(entry, cage);
    row["task"] = "";
    rows.push_back(std::move(row));
  }
  return rows;
}

Json config_report(const LoadedConfig& config) {
  Json values = Json::array();
  for (const auto& leaf : config.effective)
    values.push_back({{"setting", dotted_path(leaf.pointer)},
                      {"value", leaf.value},
                      {"origin", name(leaf.origin)},
                      {"where", leaf.where}});
  return {{"host", config.config.host_name},
          {"file", config.document.file()},
          {"settings", config.settings},
          {"values", std::move(values)}};
}

Json plugins_report(const std::vector<PluginEntry>& entries, const CageReport& cage) {
  Json rows = Json::array();
  for (const auto& entry : entries) {
    Json row = base_of(entry, cage);
    row["id"] = entry.id;
    row["notes"] = entry.notes;
    row["signed_by"] = entry.signed_by;
    row["config"] = entry.config;
    row["tasks"] = Json::array();
    row["events"] = Json::object();
    for (const auto& task : entry.tasks) {
      row["tasks"].push_back(task.spec.name);
      if (!task.spec.events.empty()) row["events"][task.spec.name] = task.spec.events;
    }
    if (entry.manifest) {
      const auto& manifest = *entry.manifest;
      row["license"] = manifest.license;
      row["description"] = manifest.description;
      row["limits"] = {{"memory_bytes", entry.limits.memory_bytes},
                       {"file_bytes", entry.limits.file_bytes},
                       {"files", entry.limits.files},
                       {"mutations", entry.writes.most},
                       {"cpu_ms", entry.limits.cpu / std::chrono::milliseconds(1)}};
      row["config_schema"] = manifest.config_schema;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace host
