// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <initializer_list>

#include "base/error.hpp"
#include "config/document.hpp"
#include "schedule/import.hpp"

namespace host {
namespace {

// The first of these keys that the job has.
const Json* find_any(const Json& job, std::initializer_list<const char*> keys) {
  for (const char* key : keys)
    if (const auto found = job.find(key); found != job.end()) return &*found;
  return nullptr;
}

std::string scalar(const Json* value) {
  if (value == nullptr) return "";
  if (value->is_string()) return value->get<std::string>();
  return value->is_number_integer() ? to_text(*value) : "";
}

// crontab(minute='*/5', day_of_week=1) as a map: what is missing is `*`.
std::string cron_of_fields(const Json& fields) {
  const std::array<const Json*, 5> values{find_any(fields, {"minute"}), find_any(fields, {"hour"}),
                                          find_any(fields, {"day", "day_of_month"}),
                                          find_any(fields, {"month"}),
                                          find_any(fields, {"day_of_week", "weekday"})};
  std::string cron;
  for (const Json* value : values) {
    const auto text = scalar(value);
    cron.append(cron.empty() ? "" : " ")
        .append(value == nullptr ? "*"
                : text.empty()   ? "not-text"
                                 : text);
  }
  return cron;
}

class DefinitionsReader {
 public:
  DefinitionsReader(Document document, std::string zone)
      : document_(std::move(document)), zone_(std::move(zone)) {}

  std::vector<ImportEntry> read() {
    const Json& root = document_.value();
    if (root.is_object())
      for (const char* key : {"jobs", "tasks", "cron", "schedules", "definitions"})
        if (const auto found = root.find(key); found != root.end() && found->is_structured()) {
          read_jobs(*found, child_pointer("", key));
          return std::move(entries_);
        }
    read_jobs(root, "");
    return std::move(entries_);
  }

 private:
  void read_jobs(const Json& jobs, const std::string& at) {
    if (jobs.is_array())
      for (std::size_t i = 0; i < jobs.size(); ++i) read_job("", jobs[i], child_pointer(at, i));
    else if (jobs.is_object())
      for (const auto& [name, job] : jobs.items()) read_job(name, job, child_pointer(at, name));
    else
      entries_.push_back({.where = document_.position(at),
                          .zone = zone_,
                          .left = "expected a list or a map of jobs",
                          .wrong = true});
  }

  void read_job(const std::string& key, const Json& job, const std::string& at) {
    ImportEntry entry{.where = document_.key_position(at),
                      .label = key,
                      .zone = zone_,
                      .advice = "keep it where it runs, or write a plugin for it"};
    if (job.is_string() && !key.empty()) {
      entry.schedule = interval_or_cron(job.get<std::string>());
    } else if (job.is_object()) {
      read_map(entry, job);
    } else {
      entry.left = "a job must be a map, or its schedule as text";
      entry.wrong = true;
    }
    if (!entry.label.empty()) entry.names.push_back(task_name(entry.label));
    entries_.push_back(std::move(entry));
  }

  static void read_map(ImportEntry& entry, const Json& job) {
    if (const auto name = scalar(find_any(job, {"name", "id"})); !name.empty()) entry.label = name;
    for (const char* key : {"task", "command", "script", "function"})
      for (auto& name : names_in_command(scalar(find_any(job, {key}))))
        entry.names.push_back(std::move(name));
    if (const auto zone = scalar(find_any(job, {"timezone", "zone", "tz"})); !zone.empty())
      entry.zone = zone;
    const Json *enabled = find_any(job, {"enabled"}), *paused = find_any(job, {"paused"});
    if ((enabled != nullptr && *enabled == false) || (paused != nullptr && *paused == true))
      entry.left = "it is switched off there";
    else
      read_schedule(entry, job);
  }

  static void read_schedule(ImportEntry& entry, const Json& job) {
    const Json* schedule = find_any(job, {"schedule", "cron", "crontab"});
    const Json* every = find_any(job, {"every"});
    if (schedule != nullptr && schedule->is_object() && !schedule->empty()) {
      entry.schedule = cron_of_fields(*schedule);
    } else if (schedule != nullptr && schedule->is_string()) {
      entry.schedule = interval_or_cron(schedule->get<std::string>());
    } else if (every != nullptr && every->is_string()) {
      entry.schedule = "every: " + every->get<std::string>();
    } else if (schedule == nullptr && every == nullptr) {
      entry.left = "it has no schedule: it runs on demand";
    } else {
      entry.left = "its schedule is neither text nor a map of cron's fields, such as minute";
      entry.wrong = true;
    }
  }

  Document document_;
  std::string zone_;
  std::vector<ImportEntry> entries_;
};

}  // namespace

std::vector<ImportEntry> read_definitions(std::string_view text, const std::string& file,
                                          const std::string& zone) {
  try {
    return DefinitionsReader(parse_yaml(text, file), zone).read();
  } catch (const Error& error) {
    return {{.where = file, .zone = zone, .left = error.message(), .wrong = true}};
  }
}

}  // namespace host
