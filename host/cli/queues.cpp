// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "base/error.hpp"
#include "cli/argument.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "http/url.hpp"

namespace host::cli {
namespace {

std::string seconds_text(std::chrono::seconds waited) {
  return waited <= std::chrono::seconds::zero() ? "0s" : format_duration(waited);
}

std::string age(const Json& since) {
  if (!since.is_string()) return "-";
  const auto waited = SystemClock().wall() - parse_utc(since.get<std::string>());
  return seconds_text(std::chrono::floor<std::chrono::seconds>(waited));
}

std::string oldest(const Json& of) {
  const auto seconds = of.value("oldest_ready_seconds", Json());
  if (!seconds.is_number()) return "-";
  return seconds_text(std::chrono::seconds(seconds.get<std::int64_t>())) +
         (of.value("maybe_older", false) ? "+" : "");
}

int list(Session& session, const options::variables_map&) {
  const Json reply = session.client().get("/v1/queues");
  if (session.json) {
    session.out << to_indented_text(reply) << '\n';
    return 0;
  }
  Table table({"QUEUE", "TASK", "READY", "WAITED", "OLDEST", "RUNNING", "RATE", "PAUSED"});
  for (const auto& queue : reply["queues"]) {
    table.add({queue["queue"], "", "", "", oldest(queue),
               to_text(queue["running"]) + "/" + to_text(queue["concurrency"]), "",
               queue["paused"] == true ? "paused" : ""});
    for (const auto& task : queue["tasks"])
      table.add({"", task["task"], to_text(task["ready"]) + (task.value("more", false) ? "+" : ""),
                 age(task["next_since"]), oldest(task), "", task["rate"],
                 task["paused"] == true ? "paused" : ""});
  }
  table.print(session.out);
  return 0;
}

int change(Session& session, const options::variables_map& given, const std::string& kind,
           const std::string& verb) {
  if (!given.count("name"))
    throw Error(Code::usage, "which one?", "Give its name; see timmy-host queues list.");
  const auto name = given["name"].as<std::string>();
  const Json reply = session.client().post("/v1/" + kind + "/" + percent_encode(name) + "/" + verb);
  if (session.json)
    session.out << to_indented_text(reply) << '\n';
  else
    session.out << name << (reply["changed"] == true ? " is " : " was already ")
                << (verb == "pause" ? "paused" : "resumed") << '\n';
  return 0;
}

void declare_name(options::options_description& own,
                  options::positional_options_description& positional) {
  declare_argument(own, positional, "name", "NAME", "the name");
}

Command changing(const std::string& kind, const std::string& verb, std::string summary,
                 std::string example) {
  return {.words = kind + " " + verb,
          .arguments = "NAME",
          .summary = std::move(summary),
          .details = verb == "pause"
                         ? "Nothing of it is started any more, over restarts; what runs goes on, "
                           "and ticks go on inserting jobs."
                         : "Its waiting jobs go on at once.",
          .examples = {std::move(example)},
          .declare = declare_name,
          .run = [kind, verb](Session& session, const options::variables_map& given) {
            return change(session, given, kind, verb);
          }};
}

}  // namespace

std::vector<Command> queue_commands() {
  return {
      {.words = "queues list",
       .arguments = "",
       .summary = "list queues and their tasks: ready jobs, how long they wait, bounds",
       .details =
           "A task is in the queue \"default\" unless its manifest or host.yaml says "
           "otherwise. READY counts no further than 1,000. WAITED is how long the job that is "
           "next has been ready, OLDEST how long the one that has waited longest, with a + "
           "where the line is too long to be sure.",
       .examples = {"timmy-host queues list", "timmy-host queues list --json"},
       .declare = [](options::options_description&, options::positional_options_description&) {},
       .run = list},
      changing("queues", "pause", "start nothing of a queue", "timmy-host queues pause models"),
      changing("queues", "resume", "let a paused queue go on", "timmy-host queues resume models"),
      changing("tasks", "pause", "start nothing of a task", "timmy-host tasks pause heartbeat"),
      changing("tasks", "resume", "let a paused task go on", "timmy-host tasks resume heartbeat"),
  };
}

}  // namespace host::cli
