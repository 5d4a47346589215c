// SPDX-License-Identifier: Apache-2.0
//
// Taking over the schedules of others: a crontab, Hermes' cron/jobs.json, the old definitions.yaml.
// A reader gives one entry for each job that its file holds; plan_import() says what becomes of
// each and writes the lines for host.yaml. Nothing that a file says is ever run. Pure; thread-safe.
//
// An entry is taken over when it names a task: its own name is the task's, or the program or a word
// of its command is (letters' case, `-` for `_`, folders and a .py or .sh are looked past). What
// merely has the word in a folder's name, a URL or a redirection does not name it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace host {

// One job of the file.
struct ImportEntry {
  std::string where;               // "crontab:3", "jobs.json: job 2 (a0b62a159d2a)"
  std::string label;               // its name, or how its command begins; as written
  std::vector<std::string> names;  // in the form of task names: what may name a task
  std::string schedule;            // as Schedule::parse takes it
  std::string zone;                // IANA name
  std::string left;                // why it can't be taken over, if that is known already
  bool wrong = false;              // `left` is a mistake in the file
  std::string advice;              // what to do with it when it names no task
  std::vector<std::string> notes;  // what was read otherwise than one may think
};

// Each lists every problem as an entry of its own, and throws nothing for what the text holds.
// `file` is the name for positions; `zone` holds for entries that name none.

// A user's crontab (crontab(5) of Vixie cron and cronie): variables, comments, @names, a command's
// `%`. CRON_TZ sets the zone of the lines below it; TZ is the command's alone, as there. Days match
// as there: when a day field begins with `*`, `*/2` too, both must match.
[[nodiscard]] std::vector<ImportEntry> read_crontab(std::string_view text, const std::string& file,
                                                    const std::string& zone);

// {"jobs": [...]} as Hermes writes it. Jobs that are paused, completed or due once are left.
[[nodiscard]] std::vector<ImportEntry> read_hermes_jobs(std::string_view text,
                                                        const std::string& file,
                                                        const std::string& zone);

// YAML: a list of jobs, a map from names to jobs, or either under `jobs`, `tasks`, `cron`,
// `schedules` or `definitions`. A job is its schedule as text, or a map:
//   name | id                             the map's key stands for it
//   schedule | cron | crontab | every     text, or a map of minute, hour, day, month, day_of_week
//                                         where what is missing is `*`
//   task | command | script | function    what it ran
//   timezone | zone | tz                  IANA name
//   enabled, paused                       true or false
// Other keys are passed over.
[[nodiscard]] std::vector<ImportEntry> read_definitions(std::string_view text,
                                                        const std::string& file,
                                                        const std::string& zone);

// A task that can be taken over to.
struct ImportTask {
  std::string task;
  std::string plugin;  // whose it is
};

// What becomes of an entry.
struct ImportLine {
  enum class Verdict {
    taken,  // as `task`
    left,   // stays where it is, for `reason`
    wrong,  // as left, and the file has to be mended: not of its form, or it never fires
  };
  Verdict verdict;
  std::string where;
  std::string label;
  std::string task;
  std::string schedule;
  std::string zone;
  std::string reason;
  std::vector<std::string> notes;
};

struct ImportPlan {
  std::vector<ImportLine> lines;  // one an entry, in their order
  std::string fragment;           // YAML to merge into host.yaml; empty when nothing was taken
};

// `catch_up` is written for each task that is taken, unless it is empty.
[[nodiscard]] ImportPlan plan_import(const std::vector<ImportEntry>& entries,
                                     const std::vector<ImportTask>& tasks,
                                     std::string_view catch_up);

// For the readers: the words of a command that may name a task, and a name in the form of a task's.
[[nodiscard]] std::vector<std::string> names_in_command(std::string_view command);
[[nodiscard]] std::string task_name(std::string_view name);

// For the readers: "every 30m" and "every: 30m" as the latter; other text as it is.
[[nodiscard]] std::string interval_or_cron(std::string_view text);

}  // namespace host
