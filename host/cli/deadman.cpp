// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <ostream>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/result.hpp"
#include "cli/command.hpp"
#include "cli/deadman_look.hpp"
#include "cli/deadman_plugin.hpp"
#include "cli/deadman_text.hpp"
#include "cli/table.hpp"
#include "deadman/rehearsal.hpp"
#include "deadman/standing.hpp"
#include "deadman/time_limit.hpp"
#include "deadman/upkeep.hpp"

namespace host::cli {
namespace {

using Given = options::variables_map;

// Below TimeoutStartSec= of the unit.
constexpr Duration kLongestLook = std::chrono::minutes(4);

// Whoever has the timer's user's state read or changed by sudo must not leave files of root's
// there, which that user could not read. The file of settings belongs to root and is read by
// either.
uid_t work_as_owner(Session& session) {
  const auto caller = work_as_owner_of(session.paths.timmy_home);
  if (caller != ::geteuid())
    session.paths.home = Environment::of_process().get("HOME").value_or("");
  return caller;
}

deadman::Settings settings_of(const Session& session, const Given& given) {
  const auto file = given.count("file") ? std::filesystem::path(given["file"].as<std::string>())
                                        : deadman::settings_path(session.paths);
  return deadman::load_settings(file, session.paths);
}

int once(Session& session, const Given& given) {
  const deadman::TimeLimit limit(kLongestLook);
  work_as_owner(session);
  if (!given.count("once"))
    throw Error(Code::usage, "the deadman looks once each time that it is called",
                "Have a timer run \"timmy-host deadman --once\" each minute, or see how it stands: "
                "timmy-host deadman status.");
  const auto settings = settings_of(session, given);
  const auto records = given.count("dry-run") ? say(session, settings) : act(session, settings);
  if (session.json)
    print_json(session.out, "records", records);
  else
    for (const auto& record : records)
      session.out << printable(record.target + " " + record.text) << '\n';
  return 0;
}

// Of the state of a dry run, where that is asked for.
deadman::Settings settings_of_state(const Session& session, const Given& given) {
  auto settings = settings_of(session, given);
  settings.dry_run = settings.dry_run || given.count("dry-run") != 0;
  return settings;
}

int status(Session& session, const Given& given) {
  work_as_owner(session);
  const auto settings = settings_of_state(session, given);
  auto state = deadman::read_state(deadman::state_path(session.paths, settings.dry_run));
  (void)deadman::carry_over(state, settings);
  const auto all = deadman::standings(settings, state, now());
  print_standings(session.out, all, settings.dry_run, session.json);
  for (const auto& each : all)
    if (deadman::needs_a_person(each)) return 1;
  return 0;
}

// A deadman.yaml that is wrong is a reason to read on, not to stop.
bool is_dry_run(const Session& session, const Given& given) {
  const auto settings = attempt([&] { return settings_of(session, given); });
  if (settings.ok()) return settings.value().dry_run;
  session.err << "this is of looks that were no dry run, since that can't be read: "
              << settings.error().message() << '\n';
  return false;
}

int history(Session& session, const Given& given) {
  work_as_owner(session);
  const auto limit = given["limit"].as<int>();
  if (limit < 1) throw Error(Code::usage, "--limit is at least 1", "Leave it out for 50.");
  const auto state = deadman::read_state(deadman::state_path(
      session.paths, given.count("dry-run") != 0 || is_dry_run(session, given)));
  std::vector<deadman::Record> records;
  for (auto each = state.records.rbegin(); each != state.records.rend(); ++each) {
    if (given.count("name") && each->target != given["name"].as<std::string>()) continue;
    if (static_cast<int>(records.size()) >= limit) break;
    records.push_back(*each);
  }
  if (session.json)
    print_json(session.out, "history", records);
  else
    print_records(session.out, records);
  return 0;
}

const deadman::Watch& named(const deadman::Settings& settings, const Given& given) {
  if (!given.count("name"))
    throw Error(Code::usage, "of which watch?", "See the names: timmy-host deadman status.");
  return settings.find(given["name"].as<std::string>());
}

int clear(Session& session, const Given& given) {
  const auto caller = work_as_owner(session);
  const auto settings = settings_of_state(session, given);
  const auto& watch = named(settings, given);
  const auto at = SystemClock().wall();
  auto file = take_turn(session, settings);
  auto state = file.load(settings, at);
  (void)deadman::bring_into_line(state, settings, now(), at);
  const auto text = "was cleared by user " + std::to_string(caller);
  deadman::clear(state.target(watch), text);
  state.add({.at = at,
             .target = watch.name,
             .event = deadman::Event::cleared,
             .text = text,
             .evidence = {{"uid", caller}}});
  file.save(state);
  if (session.json)
    session.out << to_indented_text({{"cleared", watch.name}, {"dry_run", settings.dry_run}})
                << '\n';
  else
    session.out << watch.name << " is cleared" << (settings.dry_run ? " in the dry run" : "")
                << "; it has " << format_duration(watch.rules.after) << " to give a sign of life\n";
  return 0;
}

int test(Session& session, const Given& given) {
  work_as_owner(session);
  const auto settings = settings_of(session, given);
  const auto& watch = named(settings, given);
  std::optional<deadman::Sign> sign;
  deadman::StampLooker stamps;
  if (seen_from_outside(watch)) sign = look_at(session, watch, stamps);
  deadman::ProgramRunner runner(Environment::of_process());
  auto lacks =
      deadman::shortcomings(settings, watch, sign, {.runner = runner, .user = ::geteuid()});
  if (!seen_from_outside(watch))
    for (auto& line : plugin_shortcomings(session, watch)) lacks.push_back(std::move(line));
  for (auto& line : dispatch_shortcomings(session, watch)) lacks.push_back(std::move(line));
  print_rehearsal(session.out, watch, deadman::rehearse_death(settings, watch, runner), lacks,
                  session.json);
  return lacks.empty() ? 0 : 1;
}

void take_file(options::options_description& own) {
  own.add_options()("file", options::value<std::string>()->value_name("FILE"),
                    "deadman.yaml to read (default: beside host.yaml)");
}

void take_dry_run(options::options_description& own) {
  own.add_options()("dry-run", "show what the dry run of a plugin saw, and would have done");
}

void take_name(options::options_description& own, options::positional_options_description& words) {
  take_file(own);
  own.add_options()("name", options::value<std::string>()->value_name("NAME"),
                    "which watch (same as the argument)");
  words.add("name", 1);
}

}  // namespace

std::vector<Command> deadman_commands() {
  return {
      {.words = "deadman",
       .arguments = "--once",
       .summary = "look once at what is watched, and restart what is dead",
       .details =
           "For a timer or cron, each minute. Needs neither a running host nor its database: what "
           "it watches stands in deadman.yaml (tasks and work at the forge are looked at by a "
           "plugin of the running host), what it saw in $TIMMY_HOME/deadman. What has shown "
           "no change for so long as its watch says is dead: it is flagged, restarted through "
           "systemd at most three times in an hour with growing pauses, and told by the `alert` "
           "command; then hands off until \"deadman clear\". Prints a line for each thing that "
           "happened, so nothing when all is well. Exit status 0 also when something is dead "
           "(\"deadman status\" tells), 75 when another one is at work and did not end in half a "
           "minute, 66 without deadman.yaml, 78 when it is wrong, 77 when others could write what "
           "is kept. A look that takes four minutes is ended by SIGALRM. When what is kept can't "
           "be read or written nothing is restarted, and `alert` says so, at most once an hour.",
       .examples = {"timmy-host deadman --once", "timmy-host deadman --once --dry-run",
                    "timmy-host deadman status"},
       .declare =
           [](auto& own, auto&) {
             own.add_options()("once", "look, act and end")(
                 "dry-run", "say what would be done now; do nothing, keep nothing");
             take_file(own);
           },
       .reads_files = false,
       .run = once},
      {.words = "deadman status",
       .arguments = "",
       .summary = "show how each watch stands",
       .details =
           "As the last look saw it. STATE: unseen (nobody has looked yet), waiting (never gave "
           "a sign of life, so it is not restarted either), alive, silent, restarted (and no sign "
           "since), recovering (signs again, not yet for long enough), unwatchable, unlooked "
           "(nobody has looked for five minutes). Exit status 0 when all is well, 1 when a flag is "
           "up, hands are off, or something can't be watched or is not looked at.",
       .examples = {"timmy-host deadman status", "timmy-host deadman status --json"},
       .declare =
           [](auto& own, auto&) {
             take_file(own);
             take_dry_run(own);
           },
       .reads_files = false,
       .run = status},
      {.words = "deadman history",
       .arguments = "[NAME]",
       .summary = "list what the deadman saw and did, newest first",
       .details = "The last 500 things that happened, with --json each with its evidence: what was "
                  "seen, since when, in which boot, and what was run.",
       .examples = {"timmy-host deadman history", "timmy-host deadman history hermes --json"},
       .declare =
           [](auto& own, auto& words) {
             take_name(own, words);
             take_dry_run(own);
             own.add_options()("limit", options::value<int>()->default_value(50)->value_name("N"),
                               "how many at most");
           },
       .reads_files = false,
       .run = history},
      {.words = "deadman clear",
       .arguments = "NAME",
       .summary = "take flag and hand-off of a watch away",
       .details =
           "When a person has looked after it. What was counted begins anew, and it has its "
           "whole time again to give a sign of life. With --dry-run it is cleared in what the "
           "dry run of a plugin keeps, and nowhere else.",
       .examples = {"timmy-host deadman clear hermes"},
       .declare =
           [](auto& own, auto& words) {
             take_name(own, words);
             own.add_options()("dry-run", "clear what the dry run of a plugin keeps");
           },
       .reads_files = false,
       .run = clear},
      {.words = "deadman test",
       .arguments = "NAME",
       .summary = "show what a death would lead to, without one",
       .details =
           "Plays the death of one watch from its last sign of life to the hand-off, in made-up "
           "time, with the commands and alerts that would be run; and says what stands in the way "
           "on "
           "this machine. Does and keeps nothing. Exit status 1 when something stands in "
           "the way.",
       .examples = {"timmy-host deadman test hermes", "timmy-host deadman test host --json"},
       .declare = take_name,
       .reads_files = false,
       .run = test},
  };
}

}  // namespace host::cli
