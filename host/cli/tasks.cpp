// SPDX-License-Identifier: Apache-2.0
#include <fstream>
#include <iostream>
#include <ostream>

#include "app/offline.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "cli/batch.hpp"
#include "cli/command.hpp"
#include "cli/deadman_text.hpp"
#include "cli/job_text.hpp"
#include "cli/job_wait.hpp"
#include "cli/json_option.hpp"
#include "cli/plugin_text.hpp"
#include "cli/table.hpp"

namespace host::cli {
namespace {

// "2026-11-23T14:05:00Z" without the seconds and letters that a table need not repeat.
std::string short_time(const Json& time) {
  if (!time.is_string()) return "-";
  std::string text = time.get<std::string>().substr(0, 16);
  if (text.size() > 10) text[10] = ' ';
  return text;
}

std::string next_text(const Json& row) {
  const Json paused = row.value("paused", Json());
  if (paused.is_string()) return "paused: " + paused.get<std::string>();
  return short_time(row.value("next_run", Json()));
}

std::string text_of(const Json& row, const char* key) {
  const auto text = row.value(key, "");
  return text.empty() ? "-" : text;
}

std::string schedule_text(const Json& row) {
  if (row.value("task", "").empty()) return "-";
  auto text = row.value("schedule", "");
  if (text.empty()) return "on demand";
  if (const auto zone = row.value("zone", "UTC"); zone != "UTC") text += " " + zone;
  return row.value("overridden", false) ? text + " (set)" : text;
}

// "fs.write: /a, /b; not granted: http (optional)".
std::string grants_text(const Json& row) {
  std::string text;
  const Json grants = row.value("grants", Json::object());
  const Json in_force = row.value("in_force", Json::object());
  for (const auto& [grant, values] : grants.items()) {
    text += (text.empty() ? "" : "; ") + grant + ": ";
    for (std::size_t i = 0; i < values.size(); ++i)
      text += (i == 0 ? "" : ", ") + values[i].get<std::string>();
    if (in_force.contains(grant) && in_force[grant]["in_force"] == false) text += " (not in force)";
  }
  // Of what nobody has weighed there is nothing to call lacking.
  const auto state = row.value("state", "");
  const bool weighed = state == "ready" || state == "not granted" || state == "quarantined";
  std::string lacking;
  for (const auto& need : row.value("needs", Json::array()))
    if (need["granted"].empty())
      lacking += (lacking.empty() ? (weighed ? "not granted: " : "asks for: ") : ", ") +
                 need.value("grant", "") + (need.value("required", true) ? "" : " (optional)");
  if (!lacking.empty()) text += (text.empty() ? "" : "; ") + lacking;
  if (row.value("dry_run", false)) text += (text.empty() ? "" : "; ") + std::string("dry run");
  return text.empty() ? "-" : text;
}

void print_tasks(std::ostream& out, const Json& report) {
  Table table({"TASK", "PLUGIN", "VERSION", "STATE", "SCHEDULE", "NEXT RUN", "LAST RUN", "GRANTS"});
  for (const auto& row : report["tasks"])
    table.add({text_of(row, "task"), text_of(row, "plugin"), text_of(row, "version"),
               text_of(row, "state"), schedule_text(row), next_text(row),
               short_time(row.value("last_run", Json())), grants_text(row)});
  table.print(out);
  print_layers(out, report.value("cage", Json::array()));
  print_deadman_attention(out, report.value("deadman", Json::object()));
  std::string last;
  for (const auto& row : report["tasks"]) {
    const auto reason = row.value("reason", "");
    const std::string line = row.value("path", "") + row.value("plugin", "") + reason;
    if (reason.empty() || line == last) continue;
    last = line;
    out << '\n'
        << printable(row.value("plugin", "")) << ": " << printable(row.value("state", "")) << ": "
        << printable(reason) << '\n';
    if (const auto fix = row.value("fix", ""); !fix.empty())
      out << "  " << printable(fix, true) << '\n';
  }
}

void print_report(Session& session, const Json& report) {
  if (session.json)
    session.out << to_indented_text(report) << '\n';
  else
    print_tasks(session.out, report);
  for (const auto& warning : report.value("warnings", Json::array()))
    session.err << "timmy-host: " << printable(warning.get<std::string>()) << '\n';
}

int list_tasks(Session& session, const options::variables_map&) try {
  print_report(session, session.asks_host() ? session.client().get("/v1/tasks")
                                            : offline_tasks(session.config, session.host_name,
                                                            session.paths, session.plugin_dirs));
  return 0;
} catch (const ConfigError&) {
  // What is installed can be said all the same; what is wrong with the file comes after it.
  print_report(session, unjudged_tasks(session.paths, session.plugin_dirs));
  throw;
}

// For somebody who waits.
void say_how_it_stands(Session& session, const Json& job) {
  session.err << fmt::format("timmy-host: job {} is {}, after {} of {} attempts\n",
                             job["id"].get<std::int64_t>(), job["state"].get<std::string>(),
                             job["attempt"].get<int>(), job["max_attempts"].get<int>());
}

int enqueue(Session& session, const options::variables_map& given) {
  if (given.count("batch")) return enqueue_batch(session, given["batch"].as<std::string>());
  if (!given.count("task")) throw Error(Code::usage, "which task?", "See timmy-host --list-tasks.");
  Json request{{"task", given["task"].as<std::string>()},
               {"payload", json_option(given, "payload")}};
  if (given.count("priority")) request["priority"] = given["priority"].as<int>();
  if (given.count("delay"))
    request["delay_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(
                              parse_duration(given["delay"].as<std::string>()))
                              .count();
  if (given.count("unique-key")) request["unique_key"] = given["unique-key"].as<std::string>();
  if (given.count("concurrency-key"))
    request["concurrency_key"] = given["concurrency-key"].as<std::string>();
  const auto client = session.client();
  const Json inserted = client.post("/v1/jobs", request);
  const auto id = inserted["id"].get<std::int64_t>();
  if (!given.count("wait")) {
    if (session.json)
      session.out << to_indented_text(inserted) << '\n';
    else
      session.out << (inserted.value("duplicate", false) ? "already waiting as job " : "job ") << id
                  << '\n';
    return 0;
  }
  auto ended = ended_job(client, id);
  while (!ended) {
    say_how_it_stands(session, client.get("/v1/jobs/" + std::to_string(id)));
    ended = ended_job(client, id);
  }
  const Json& job = *ended;
  if (session.json)
    session.out << to_indented_text(job) << '\n';
  else
    print_job(session.out, job);
  return job["state"] == "completed" ? 0 : 1;
}

}  // namespace

std::vector<Command> task_commands() {
  return {
      {.words = "tasks",
       .arguments = "",
       .summary = "list every task: state, schedule, next run, grants",
       .details =
           "Shows every plugin found and its tasks, also those that can't run here, with "
           "the reason and "
           "the line that mends it. No code of a plugin is run. Asks the running host; "
           "without one, or "
           "with --config, --host or --plugin-dir, it reads host.yaml and the plugin folders "
           "itself. "
           "Times are UTC. Below the table stands what holds plugins to their grants. Where "
           "host.yaml can't be used, what is installed is listed all the same, and the exit "
           "status is 78.",
       .examples = {"timmy-host --list-tasks", "timmy-host tasks --json",
                    "timmy-host tasks --plugin-dir ./build/plugins"},
       .declare = [](auto&, auto&) {},
       .run = list_tasks},
      {.words = "enqueue",
       .arguments = "TASK",
       .summary = "run a task now, or later",
       .details = "Inserts a job; it is durable when the command returns, and its id is printed. "
                  "With --wait the "
                  "command ends with the job: exit status 0 if it completed, 1 if not.",
       .examples = {"timmy-host enqueue heartbeat --wait",
                    "timmy-host enqueue gitea_issue_triage --payload '{\"full\": true}'",
                    "timmy-host enqueue gitea_issue_triage --delay 10m --unique-key later",
                    "timmy-host enqueue --batch jobs.jsonl"},
       .declare =
           [](options::options_description& own,
              options::positional_options_description& positional) {
             own.add_options()("payload", options::value<std::string>()->value_name("JSON"),
                               "what the task is given: JSON, @FILE, or - for standard input")(
                 "batch", options::value<std::string>()->value_name("FILE"),
                 "a job for each line of FILE (-: standard input), each a JSON object with task, "
                 "payload and the like")("wait", "wait for the job's end and show it")(
                 "delay", options::value<std::string>()->value_name("TIME"),
                 "not before, such as 10m")("priority", options::value<int>()->value_name("N"),
                                            "0 (first) to 9; default 5")(
                 "unique-key", options::value<std::string>()->value_name("KEY"),
                 "do nothing while a job of this task and key waits")(
                 "concurrency-key", options::value<std::string>()->value_name("KEY"),
                 "run only so many jobs of this task and key at once as the task says")(
                 "task", options::value<std::string>()->value_name("TASK"),
                 "the task (same as the argument)");
             positional.add("task", 1);
           },
       .reads_files = false,
       .run = enqueue},
  };
}

}  // namespace host::cli
