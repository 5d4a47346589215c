// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/job_ids.hpp"

namespace host::cli {
namespace {

std::string outcome_text(const Json& job) {
  return job.value("stopping", false) ? "is being stopped" : job["state"].get<std::string>();
}

// Exit status 1 if one had ended before.
int cancel(Session& session, const options::variables_map& given) {
  Json all = Json::array();
  int status = 0;
  for (const auto id : job_ids(given)) {
    all.push_back(session.client().post("/v1/jobs/" + std::to_string(id) + "/cancel"));
    const Json& job = all.back();
    const bool late = job["stopping"] != true && job["state"] != "cancelled";
    if (late) status = 1;
    if (!session.json)
      session.out << "job " << id << ": " << (late ? "had ended before: " : "") << outcome_text(job)
                  << '\n';
  }
  if (session.json) print_jobs_json(session, std::move(all));
  return status;
}

int order_each(Session& session, const options::variables_map& given, const std::string& verb) {
  Json all = Json::array();
  for (const auto id : job_ids(given)) {
    all.push_back(session.client().post("/v1/jobs/" + std::to_string(id) + "/" + verb));
    if (!session.json) session.out << "job " << id << ": " << outcome_text(all.back()) << '\n';
  }
  return session.json ? print_jobs_json(session, std::move(all)) : 0;
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
      session.out << to_indented_text(counted) << '\n';
    else if (counted["more"] == true)
      session.out << "more than " << count
                  << " jobs match; nothing was done. Name a task or a state, so that fewer do.\n";
    else
      session.out << count << " jobs match; nothing was done. To " << action
                  << " them, repeat this with --confirm " << count << '\n';
    return 0;
  }
  request["action"] = action;
  request["expect"] = given["confirm"].as<std::int64_t>();
  const Json done = session.client().post("/v1/jobs/bulk", request);
  if (session.json)
    session.out << to_indented_text(done) << '\n';
  else
    session.out << to_text(done["changed"]) << " jobs changed, " << to_text(done["skipped"])
                << " left as they were\n";
  return 0;
}

Command order_command(const std::string& verb, std::string summary, std::string details) {
  return {.words = "jobs " + verb,
          .arguments = "ID [ID ...]",
          .summary = std::move(summary),
          .details = std::move(details),
          .examples = {"timmy-host jobs " + verb + " 17"},
          .declare = declare_job_ids,
          .reads_files = false,
          .run = [verb](Session& session, const options::variables_map& given) {
            return order_each(session, given, verb);
          }};
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
      {.words = "jobs cancel",
       .arguments = "ID [ID ...]",
       .summary = "cancel jobs, running ones too",
       .details = "A waiting job is cancelled at once. A running one is asked to stop, then "
                  "killed; it is cancelled when it has ended, unless it completes first. Exit "
                  "status 1 if one had ended before.",
       .examples = {"timmy-host jobs cancel 17 18"},
       .declare = declare_job_ids,
       .reads_files = false,
       .run = cancel},
      order_command("retry", "run ended or held jobs again",
                    "The job becomes available with fresh counters; its history is kept."),
      order_command(
          "discard", "give waiting jobs up",
          "They end as discarded, as if no attempt were left, and stay for their retention."),
      order_command("run-now", "run scheduled or retryable jobs without waiting for their time",
                    "Attempts count as they are; see jobs retry for ended and held jobs."),
      {.words = "jobs bulk",
       .arguments = "ACTION",
       .summary = "cancel, retry, discard or run-now all jobs that match",
       .details = "Counts what matches, and does nothing, until the count is confirmed; if it has "
                  "changed by then, nothing is done. Works in small transactions, so that other "
                  "jobs get their turn.",
       .examples = {"timmy-host jobs bulk retry --state discarded --task heartbeat",
                    "timmy-host jobs bulk cancel --task gitea_issue_triage --confirm 1204"},
       .declare = declare_bulk,
       .reads_files = false,
       .run = bulk},
  };
}

}  // namespace host::cli
