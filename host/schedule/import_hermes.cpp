// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "base/json.hpp"
#include "schedule/import.hpp"

namespace host {
namespace {

// A text of the job, or "" where there is none.
std::string text_in(const Json& job, const char* key) {
  const auto found = job.find(key);
  return found != job.end() && found->is_string() ? found->get<std::string>() : "";
}

void mistake(ImportEntry& entry, std::string reason) {
  entry.left = std::move(reason);
  entry.wrong = true;
}

void due_once(ImportEntry& entry) {
  entry.left = "it is due once: use timmy-host enqueue TASK --delay";
}

// A schedule as a person typed it: "every 30m", "0 9 * * *", "30m" and an instant are due once.
void read_text(ImportEntry& entry, const std::string& text) {
  const bool several_words = text.find(' ') != std::string::npos;
  if (!several_words && !text.starts_with('@')) return due_once(entry);
  entry.schedule = interval_or_cron(text);
}

void read_schedule(ImportEntry& entry, const Json& schedule) {
  if (schedule.is_string()) return read_text(entry, schedule.get<std::string>());
  if (!schedule.is_object()) return mistake(entry, "it has no schedule");
  const auto kind = text_in(schedule, "kind");
  if (kind == "once") return due_once(entry);
  if (kind == "cron") {
    entry.schedule = text_in(schedule, "expr");
    if (entry.schedule.empty()) mistake(entry, "its schedule has no `expr`");
  } else if (kind == "interval") {
    const auto minutes = schedule.find("minutes");
    if (minutes == schedule.end() || !minutes->is_number_integer())
      return mistake(entry, "its interval has no whole number of `minutes`");
    entry.schedule = "every: " + to_text(*minutes) + "m";
    entry.notes.emplace_back("an interval counts from 1970 here, from its making in Hermes");
  } else {
    mistake(entry, "its schedule is of no known kind: \"" + kind +
                       "\", expected once, interval or "
                       "cron");
  }
}

ImportEntry read_job(const Json& job, std::size_t number, const std::string& file,
                     const std::string& zone) {
  ImportEntry entry{.where = file + ": job " + std::to_string(number),
                    .zone = zone,
                    .advice = "keep the job in Hermes, or write a plugin for it"};
  if (!job.is_object()) {
    mistake(entry, "a job must be an object");
    return entry;
  }
  if (const auto id = text_in(job, "id"); !id.empty()) entry.where += " (" + id + ")";
  entry.label = text_in(job, "name");
  entry.names = {task_name(entry.label)};
  for (auto& name : names_in_command(text_in(job, "script")))
    entry.names.push_back(std::move(name));
  const auto enabled = job.find("enabled");
  const auto state = text_in(job, "state");
  if (enabled != job.end() && *enabled == false)
    entry.left = "it is paused in Hermes";
  else if (state == "paused" || state == "completed")
    entry.left = "it is " + state + " in Hermes";
  else
    read_schedule(entry, job.contains("schedule") ? job["schedule"] : Json());
  return entry;
}

}  // namespace

std::vector<ImportEntry> read_hermes_jobs(std::string_view text, const std::string& file,
                                          const std::string& zone) {
  std::vector<ImportEntry> entries;
  try {
    const Json root = parse_json(text, file);
    const Json* jobs = root.is_object() && root.contains("jobs") ? &root["jobs"] : nullptr;
    if (jobs == nullptr || !jobs->is_array())
      throw Error(Code::invalid, file + ": no list of `jobs`, as Hermes' cron/jobs.json has it");
    for (std::size_t i = 0; i < jobs->size(); ++i)
      entries.push_back(read_job((*jobs)[i], i + 1, file, zone));
  } catch (const Error& error) {
    entries.push_back({.where = file, .zone = zone, .left = error.message(), .wrong = true});
  }
  return entries;
}

}  // namespace host
