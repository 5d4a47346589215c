// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "app/offline.hpp"
#include "base/error.hpp"
#include "cli/argument.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "http/url.hpp"
#include "schedule/schedule.hpp"

namespace host::cli {
namespace {

constexpr int kMostInstants = 1000;

std::string name_given(const options::variables_map& given) {
  if (!given.count("name"))
    throw Error(Code::usage, "which schedule?",
                "Give the task's name; see timmy-host schedules list.");
  return given["name"].as<std::string>();
}

void declare_name(options::options_description& own,
                  options::positional_options_description& positional) {
  declare_argument(own, positional, "name", "TASK", "the schedule's task");
}

std::string time_text(const Json& time) { return time.is_string() ? time.get<std::string>() : "-"; }

std::string next_text(const Json& schedule) {
  return schedule["paused"] == true ? "paused" : time_text(schedule["next_run"]);
}

int list(Session& session, const options::variables_map&) {
  const Json reply = session.client().get("/v1/schedules");
  if (session.json) {
    session.out << to_indented_text(reply) << '\n';
    return 0;
  }
  Table table({"TASK", "SCHEDULE", "ZONE", "CATCH UP", "OVERLAP", "NEXT RUN", "LAST RUN"});
  for (const auto& row : reply["schedules"])
    table.add({row["task"], row["schedule"], row["zone"], row["catch_up"], row["overlap"],
               next_text(row), time_text(row["last_run"])});
  if (table.empty())
    session.err << "no schedules\n";
  else
    table.print(session.out);
  return 0;
}

int show(Session& session, const options::variables_map& given) {
  const Json row = session.client().get("/v1/schedules/" + percent_encode(name_given(given)));
  if (session.json) {
    session.out << to_indented_text(row) << '\n';
    return 0;
  }
  const auto line = [&](const char* label, const std::string& text) {
    session.out << label << printable(text) << '\n';
  };
  line("task      ", row["task"]);
  line("schedule  ", row["schedule"].get<std::string>() + " " + row["zone"].get<std::string>());
  line("catch up  ",
       row["catch_up"].get<std::string>() + " within " + row["catchup_window"].get<std::string>());
  line("overlap   ", row["overlap"]);
  if (const auto delay = row.value("delay_ms", std::int64_t{0}); delay > 0)
    line("delay     ", format_duration(std::chrono::milliseconds(delay)) + " (jitter)");
  line("next run  ", next_text(row));
  line("last run  ", time_text(row["last_run"]));
  return 0;
}

// A schedule, and how long after its instants it is due.
struct Delayed {
  Schedule schedule;
  Duration delay{};
};

// The schedule as text and zone: given, or the named task's, by the running host or by host.yaml.
Delayed schedule_given(Session& session, const options::variables_map& given) {
  const std::string zone = given.count("zone") ? given["zone"].as<std::string>() : "";
  if (given.count("spec")) {
    if (given.count("name")) throw Error(Code::usage, "a task and --spec exclude each other");
    return {
        Schedule::parse(given["spec"].as<std::string>(), Zone::load(zone.empty() ? "UTC" : zone))};
  }
  const auto task = name_given(given);
  const Json report =
      session.client().running()
          ? session.client().get("/v1/tasks")
          : offline_tasks(session.config, session.host_name, session.paths, session.plugin_dirs);
  for (const auto& row : report["tasks"]) {
    if (row["task"] != task) continue;
    const auto text = row["schedule"].get<std::string>();
    if (text.empty())
      throw Error(Code::conflict, "task \"" + task + "\" has no schedule: it runs on demand",
                  "Give it one in host.yaml, or try --spec.");
    return {Schedule::parse(text, Zone::load(zone.empty() ? row["zone"].get<std::string>() : zone)),
            std::chrono::milliseconds(row.value("delay_ms", std::int64_t{0}))};
  }
  throw Error(Code::not_found, "no plugin has a task \"" + task + "\"",
              "See timmy-host --list-tasks.");
}

int next(Session& session, const options::variables_map& given) {
  const auto [schedule, delay] = schedule_given(session, given);
  const int count = given["count"].as<int>();
  if (count < 1 || count > kMostInstants)
    throw Error(Code::usage, "-n must be 1 to " + std::to_string(kMostInstants));
  WallTime at = given.count("from") ? parse_utc(given["from"].as<std::string>()) - Duration(1)
                                    : SystemClock().wall();
  Json instants = Json::array();
  Table table({"LOCAL (" + schedule.zone().name() + ")", "UTC"});
  for (int i = 0; i < count; ++i) {
    const auto instant = schedule.next(at - delay);
    if (!instant) break;
    at = *instant + delay;
    const auto local = format_local(at, schedule.zone());
    instants.push_back({{"local", local}, {"utc", format_utc(at)}});
    table.add({local, format_utc(at)});
  }
  if (session.json)
    session.out << to_indented_text({{"schedule", schedule.text()},
                                     {"zone", schedule.zone().name()},
                                     {"instants", std::move(instants)}})
                << '\n';
  else
    table.print(session.out);
  return 0;
}

int run_now(Session& session, const options::variables_map& given) {
  const auto task = name_given(given);
  const Json reply = session.client().post("/v1/schedules/" + percent_encode(task) + "/run");
  const bool inserted = reply["outcome"] == "inserted";
  if (session.json)
    session.out << to_indented_text(reply) << '\n';
  else if (inserted)
    session.out << "job " << reply["job"] << '\n';
  else
    session.err << "timmy-host: no new job: " << printable(reply.value("reason", "")) << '\n';
  return inserted ? 0 : 1;
}

const char* outcome_text(bool paused, bool changed) {
  if (paused) return changed ? " is paused" : " was paused already";
  return changed ? " goes on" : " was not paused";
}

int change(Session& session, const options::variables_map& given, const std::string& verb) {
  const auto task = name_given(given);
  const Json reply = session.client().post("/v1/schedules/" + percent_encode(task) + "/" + verb);
  if (session.json)
    session.out << to_indented_text(reply) << '\n';
  else
    session.out << printable(task)
                << outcome_text(reply["paused"] == true, reply["changed"] == true) << '\n';
  return 0;
}

Command changing(const std::string& verb, std::string summary, std::string details) {
  return {.words = "schedules " + verb,
          .arguments = "TASK",
          .summary = std::move(summary),
          .details = std::move(details),
          .examples = {"timmy-host schedules " + verb + " gitea_issue_triage"},
          .declare = declare_name,
          .run = [verb](Session& session, const options::variables_map& given) {
            return change(session, given, verb);
          }};
}

}  // namespace

std::vector<Command> schedule_commands() {
  return {
      {.words = "schedules list",
       .arguments = "",
       .summary = "list the schedules in force",
       .details = "Each with its text, zone, what is done about missed ticks and overlaps, and "
                  "when it runs next\n"
                  "and ran last (UTC).",
       .examples = {"timmy-host schedules list", "timmy-host schedules list --json"},
       .declare = [](auto&, auto&) {},
       .run = list},
      {.words = "schedules show",
       .arguments = "TASK",
       .summary = "show one schedule",
       .details = "As schedules list, with the catch-up window.",
       .examples = {"timmy-host schedules show heartbeat"},
       .declare = declare_name,
       .run = show},
      {.words = "schedules next",
       .arguments = "TASK | --spec TEXT",
       .summary = "print when a schedule, or any text, is due",
       .details =
           "In the schedule's zone, and in UTC. Needs no running host; a pause is not looked "
           "at.",
       .examples = {"timmy-host schedules next gitea_issue_triage -n 3",
                    "timmy-host schedules next --spec '30 2 * * *' --zone Europe/Berlin --from "
                    "2026-03-28"},
       .declare =
           [](options::options_description& own,
              options::positional_options_description& positional) {
             declare_name(own, positional);
             own.add_options()("count,n", options::value<int>()->default_value(5)->value_name("N"),
                               "how many (1000 at most)")(
                 "from", options::value<std::string>()->value_name("TIME"),
                 "from when on, in UTC, such as 2026-03-28 or 2026-03-28T01:00Z; default: now")(
                 "spec", options::value<std::string>()->value_name("TEXT"),
                 "this schedule instead of a task's: cron, @daily, every: 90s")(
                 "zone", options::value<std::string>()->value_name("ZONE"),
                 "in this zone; default: the task's, or UTC");
           },
       .run = next},
      {.words = "schedules run",
       .arguments = "TASK",
       .summary = "run a scheduled task now, by its own policies",
       .details = "As if the schedule were due now: the overlap policy and the unique key decide "
                  "whether there is\n"
                  "a job (exit status 1 if not). The next tick comes as ever. Works while the "
                  "schedule is paused.\n"
                  "To run a task whatever its schedule says, use timmy-host enqueue.",
       .examples = {"timmy-host schedules run gitea_issue_triage"},
       .declare = declare_name,
       .run = run_now},
      changing("pause", "hold a schedule back until it is resumed",
               "Durable: restarts, reloads and new versions of the plugin keep it. Jobs that there "
               "are already\n"
               "go on. What comes due meanwhile is not made up later, whatever catch_up says."),
      changing("resume", "let a paused schedule go on",
               "It goes on with its next tick; nothing is made up."),
  };
}

}  // namespace host::cli
