// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "base/error.hpp"
#include "cli/command.hpp"

namespace host::cli {
namespace {

using Ids = std::vector<std::int64_t>;

int order_each(Session& session, const options::variables_map& given, const std::string& verb) {
  if (!given.count("id"))
    throw Error(Code::usage, "which job?", "Give its id; see timmy-host jobs list.");
  for (const auto id : given["id"].as<Ids>()) {
    const Json reply = session.client().post("/v1/jobs/" + std::to_string(id) + "/" + verb);
    if (session.json)
      session.out << reply.dump() << '\n';
    else
      session.out << "job " << id << ": " << reply["state"].get<std::string>() << '\n';
  }
  return 0;
}

Json filter_given(const options::variables_map& given) {
  Json filter = Json::object();
  for (const char* key : {"state", "task"})
    if (given.count(key)) filter[key] = given[key].as<std::string>();
  if (given.count("held")) filter["held"] = true;
  return filter;
}

// Without --confirm it only counts: nobody means a million jobs by mistake.
int bulk(Session& session, const options::variables_map& given) {
  if (!given.count("action"))
    throw Error(Code::usage, "do what?", "Say cancel, retry, discard or run-now.");
  const auto action = given["action"].as<std::string>();
  Json request = filter_given(given);
  if (!given.count("confirm")) {
    const Json counted = session.client().post("/v1/jobs/count", request);
    const auto count = to_text(counted["count"]);
    if (session.json)
      session.out << counted.dump(2) << '\n';
    else
      session.out << (counted["more"] == true ? "more than " : "") << count
                  << " jobs match; nothing was done. To " << action
                  << " them, repeat this with --confirm " << count << '\n';
    return 0;
  }
  request["action"] = action;
  request["expect"] = given["confirm"].as<std::int64_t>();
  const Json done = session.client().post("/v1/jobs/bulk", request);
  if (session.json)
    session.out << done.dump(2) << '\n';
  else
    session.out << to_text(done["changed"]) << " jobs changed, " << to_text(done["skipped"])
                << " left as they were\n";
  return 0;
}

void declare_ids(options::options_description& own,
                 options::positional_options_description& positional) {
  own.add_options()("id", options::value<Ids>()->value_name("ID"),
                    "the job (same as the argument)");
  positional.add("id", -1);
}

void declare_bulk(options::options_description& own,
                  options::positional_options_description& positional) {
  own.add_options()("state", options::value<std::string>()->value_name("STATE"),
                    "jobs in this state")("task", options::value<std::string>()->value_name("TASK"),
                                          "jobs of this task")("held", "jobs that are held")(
      "confirm", options::value<std::int64_t>()->value_name("COUNT"),
      "do it, if exactly so many match")(
      "action", options::value<std::string>()->value_name("ACTION"),
      "cancel, retry, discard or run-now (same as the argument)");
  positional.add("action", 1);
}

}  // namespace

std::vector<Command> job_order_commands() {
  return {
      {.words = "jobs discard",
       .arguments = "ID [ID ...]",
       .summary = "give waiting jobs up",
       .details =
           "They end as discarded, as if no attempt were left, and stay for their retention.",
       .examples = {"timmy-host jobs discard 17"},
       .declare = declare_ids,
       .run =
           [](Session& session, const options::variables_map& given) {
             return order_each(session, given, "discard");
           }},
      {.words = "jobs run-now",
       .arguments = "ID [ID ...]",
       .summary = "run scheduled or retryable jobs without waiting for their time",
       .details = "Attempts count as they are; see jobs retry for ended and held jobs.",
       .examples = {"timmy-host jobs run-now 17"},
       .declare = declare_ids,
       .run =
           [](Session& session, const options::variables_map& given) {
             return order_each(session, given, "run-now");
           }},
      {.words = "jobs bulk",
       .arguments = "ACTION",
       .summary = "cancel, retry, discard or run-now all jobs that match",
       .details = "Counts what matches, and does nothing, until the count is confirmed; if it has "
                  "changed by then, nothing is done. Works in small transactions, so that other "
                  "jobs get their turn.",
       .examples = {"timmy-host jobs bulk retry --state discarded --task heartbeat",
                    "timmy-host jobs bulk cancel --task gitea_issue_triage --confirm 1204"},
       .declare = declare_bulk,
       .run = bulk},
  };
}

}  // namespace host::cli
