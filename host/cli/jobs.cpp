// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/job_ids.hpp"
#include "cli/job_text.hpp"
#include "cli/table.hpp"
#include "http/url.hpp"

namespace host::cli {
namespace {

std::string row_text(const Json& value) {
  if (value.is_null()) return "-";
  return value.is_string() ? value.get<std::string>() : to_text(value);
}

// The host looks at some thousand jobs for a page, and says where to go on.
Json pages(Session& session, const options::variables_map& given) {
  std::string filter;
  for (const char* key : {"state", "task"})
    if (given.count(key))
      filter += std::string("&") + key + "=" + percent_encode(given[key].as<std::string>());
  if (given.count("held")) filter += "&held=1";
  Json before = given.count("before") ? Json(given["before"].as<std::int64_t>()) : Json();
  const auto limit = given["limit"].as<int>();
  Json all = {{"jobs", Json::array()}, {"next", nullptr}};
  do {
    Json page = session.client().get(
        "/v1/jobs?limit=" + std::to_string(limit - static_cast<int>(all["jobs"].size())) + filter +
        (before.is_null() ? "" : "&before=" + to_text(before)));
    for (auto& job : page["jobs"]) all["jobs"].push_back(std::move(job));
    before = all["next"] = page.value("next", Json());
  } while (!before.is_null() && static_cast<int>(all["jobs"].size()) < limit);
  return all;
}

int list(Session& session, const options::variables_map& given) {
  const Json reply = pages(session, given);
  if (session.json) {
    session.out << to_indented_text(reply) << '\n';
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

int show(Session& session, const options::variables_map& given) {
  Json all = Json::array();
  for (const auto id : job_ids(given))
    all.push_back(session.client().get("/v1/jobs/" + std::to_string(id)));
  if (session.json) return print_jobs_json(session, std::move(all));
  for (const auto& job : all) print_job(session.out, job);
  return 0;
}

}  // namespace

std::vector<Command> job_commands() {
  return {
      {.words = "jobs list",
       .arguments = "",
       .summary = "list jobs, newest first",
       .details =
           "Asks the running host. With --json a payload or result of more than 4 KiB is left "
           "out, and \"abridged\" true; see jobs show. States are scheduled, available, running, "
           "retryable, "
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
       .declare = declare_job_ids,
       .reads_files = false,
       .run = show},
  };
}

}  // namespace host::cli
