// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/job_text.hpp"
#include "cli/table.hpp"
#include "http/url.hpp"

namespace host::cli {
namespace {

using Ids = std::vector<std::int64_t>;

Ids ids_of(const options::variables_map& given) {
  if (!given.count("id"))
    throw Error(Code::usage, "which job?", "Give its id; see timmy-host jobs list.");
  return given["id"].as<Ids>();
}

void declare_ids(options::options_description& own,
                 options::positional_options_description& positional) {
  own.add_options()("id", options::value<Ids>()->value_name("ID"),
                    "the job (same as the argument)");
  positional.add("id", -1);
}

std::string row_text(const Json& value) {
  if (value.is_null()) return "-";
  return value.is_string() ? value.get<std::string>() : to_text(value);
}

int list(Session& session, const options::variables_map& given) {
  std::string target = "/v1/jobs?limit=" + std::to_string(given["limit"].as<int>());
  for (const char* key : {"state", "task"})
    if (given.count(key))
      target += std::string("&") + key + "=" + percent_encode(given[key].as<std::string>());
  if (given.count("before"))
    target += "&before=" + std::to_string(given["before"].as<std::int64_t>());
  if (given.count("held")) target += "&held=1";
  const Json reply = session.client().get(target);
  if (session.json) {
    session.out << reply.dump(2) << '\n';
    return 0;
  }
  Table table({"ID", "TASK", "STATE", "ATTEMPT", "SOURCE", "INSERTED", "DUE", "ENDED"});
  for (const auto& job : reply["jobs"])
    table.add({row_text(job["id"]), row_text(job["task"]),
               row_text(job["state"]) + (job["held"] == "" ? "" : " (held)"),
               row_text(job["attempt"]) + "/" + row_text(job["max_attempts"]),
               row_text(job["source"]), row_text(job["inserted_at"]), row_text(job["due"]),
               row_text(job["ended_at"])});
  if (table.empty())
    session.err << "no jobs\n";
  else
    table.print(session.out);
  return 0;
}

// As `jobs list --json` has it, whatever was done to them.
int print_json(Session& session, Json jobs) {
  session.out << Json{{"jobs", std::move(jobs)}}.dump(2) << '\n';
  return 0;
}

int show(Session& session, const options::variables_map& given) {
  Json all = Json::array();
  for (const auto id : ids_of(given))
    all.push_back(session.client().get("/v1/jobs/" + std::to_string(id)));
  if (session.json) return print_json(session, std::move(all));
  for (const auto& job : all) print_job(session.out, job);
  return 0;
}

std::string cancelled_text(const Json& reply) {
  if (reply["stopping"] == true) return "is being stopped";
  if (reply["state"] == "cancelled") return "cancelled";
  return "had ended before: " + row_text(reply["state"]);
}

int cancel(Session& session, const options::variables_map& given) {
  Json all = Json::array();
  int status = 0;
  for (const auto id : ids_of(given)) {
    all.push_back(session.client().post("/v1/jobs/" + std::to_string(id) + "/cancel"));
    const Json& reply = all.back();
    if (reply["stopping"] != true && reply["state"] != "cancelled") status = 1;
    if (!session.json) session.out << "job " << id << ": " << cancelled_text(reply) << '\n';
  }
  if (session.json) print_json(session, std::move(all));
  return status;
}

int retry(Session& session, const options::variables_map& given) {
  Json all = Json::array();
  for (const auto id : ids_of(given)) {
    all.push_back(session.client().post("/v1/jobs/" + std::to_string(id) + "/retry"));
    if (!session.json) session.out << "job " << id << ": " << row_text(all.back()["state"]) << '\n';
  }
  return session.json ? print_json(session, std::move(all)) : 0;
}

}  // namespace

std::vector<Command> job_commands() {
  return {
      {.words = "jobs list",
       .arguments = "",
       .summary = "list jobs, newest first",
       .details = "Asks the running host. States are scheduled, available, running, retryable, "
                  "completed, "
                  "cancelled and discarded.",
       .examples = {"timmy-host jobs list --state discarded",
                    "timmy-host jobs list --task heartbeat --limit 5",
                    "timmy-host jobs list --before 1200 --json"},
       .declare =
           [](options::options_description& own, options::positional_options_description&) {
             own.add_options()("state", options::value<std::string>()->value_name("STATE"),
                               "only jobs in this state")(
                 "task", options::value<std::string>()->value_name("TASK"),
                 "only jobs of this task")("held", "only jobs that are held")(
                 "before", options::value<std::int64_t>()->value_name("ID"),
                 "only jobs older than this one")(
                 "limit", options::value<int>()->default_value(50)->value_name("N"),
                 "at most so many, 1 to 1000 (default: 50)");
           },
       .reads_files = false,
       .run = list},
      {.words = "jobs show",
       .arguments = "ID [ID ...]",
       .summary = "show jobs with their attempts",
       .details =
           "Each attempt has its verdict, signal, usage, last output, and when the next is due.",
       .examples = {"timmy-host jobs show 17", "timmy-host jobs show 17 --json"},
       .declare = declare_ids,
       .reads_files = false,
       .run = show},
      {.words = "jobs cancel",
       .arguments = "ID [ID ...]",
       .summary = "cancel jobs, running ones too",
       .details =
           "A waiting job is cancelled at once. A running one is asked to stop, then "
           "killed; it is "
           "cancelled when it has ended, unless it completes first. Exit status 1 if one had "
           "ended before.",
       .examples = {"timmy-host jobs cancel 17 18"},
       .declare = declare_ids,
       .reads_files = false,
       .run = cancel},
      {.words = "jobs retry",
       .arguments = "ID [ID ...]",
       .summary = "run ended or held jobs again",
       .details = "The job becomes available with fresh counters; its history is kept.",
       .examples = {"timmy-host jobs retry 17"},
       .declare = declare_ids,
       .reads_files = false,
       .run = retry},
  };
}

}  // namespace host::cli
