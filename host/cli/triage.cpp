// SPDX-License-Identifier: Apache-2.0
#include <charconv>
#include <ostream>

#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/job_wait.hpp"
#include "cli/table.hpp"
#include "cli/triage_text.hpp"

namespace host::cli {
namespace {

constexpr const char* kTask = "gitea_issue_triage_explain";

struct Object {
  std::string repo;
  std::int64_t number = 0;
  [[nodiscard]] std::string name() const { return repo + "#" + std::to_string(number); }
};

// "org/app 12", or "org/app#12" as forges write it.
Object object_of(const options::variables_map& given) {
  if (!given.count("repo"))
    throw Error(Code::usage, "which issue?", "timmy-host triage explain org/app 12");
  Object object{given["repo"].as<std::string>()};
  std::string number = given.count("issue") ? given["issue"].as<std::string>() : "";
  if (const auto hash = object.repo.find('#'); number.empty() && hash != std::string::npos) {
    number = object.repo.substr(hash + 1);
    object.repo.resize(hash);
  }
  const auto* end = number.data() + number.size();
  const bool whole = std::from_chars(number.data(), end, object.number).ptr == end;
  if (!whole || object.number <= 0 || object.repo.find('/') == std::string::npos)
    throw Error(Code::usage,
                "\"" + printable(object.repo) + "\" and \"" + printable(number) +
                    "\" are no repository and issue",
                "Write owner/name and the issue's number: timmy-host triage explain org/app 12");
  return object;
}

std::int64_t ask(const AdminClient& client, const Object& object) try {
  // Before what waits: somebody looks at the screen.
  const Json inserted =
      client.post("/v1/jobs", {{"task", kTask},
                               {"payload", {{"repo", object.repo}, {"number", object.number}}},
                               {"priority", 0}});
  return inserted.at("id").get<std::int64_t>();
} catch (const Error& error) {
  if (error.code() == Code::not_found)
    throw Error(Code::not_found, "this host has no plugin that explains triage",
                "It is the plugin triage, of this host's version or later; see timmy-host plugins "
                "list.");
  if (error.code() == Code::conflict)
    throw Error(Code::conflict, "triage explains nothing here: " + error.message(),
                error.next_step());
  throw;
}

Json wait_for(const AdminClient& client, std::int64_t id) {
  if (auto job = ended_job(client, id)) return std::move(*job);
  const auto number = std::to_string(id);
  // Nobody waits for its answer any more.
  client.post("/v1/jobs/" + number + "/cancel");
  throw Error(Code::timed_out, "no answer within 45 s: job " + number + " was cancelled",
              "See whether its queue or task is paused, and what runs: timmy-host status");
}

int explain(Session& session, const options::variables_map& given) {
  const auto object = object_of(given);
  const auto client = session.client();
  const Json job = wait_for(client, ask(client, object));
  if (job.at("state") != "completed") {
    const Json& attempts = job.at("attempts");
    session.err << "timmy-host: " << object.name() << " can't be explained: "
                << printable(attempts.empty() ? "the job was " + job.value("state", "")
                                              : attempts.back().value("message", ""))
                << "\n  See timmy-host jobs show " << job["id"] << '\n';
    return 1;
  }
  if (session.json)
    session.out << to_indented_text(job.at("result")) << '\n';
  else
    print_triage(session.out, job.at("result"));
  return 0;
}

}  // namespace

std::vector<Command> triage_commands() {
  return {
      {.words = "triage explain",
       .arguments = "REPO ISSUE",
       .summary = "say of an issue which rules of triage match it, and what they would do",
       .details =
           "Asks the running host, whose plugin triage looks at the issue or pull request as its "
           "next round would, and changes nothing. Of a rule that matches each condition is shown "
           "and what there was; of one that does not, the conditions that fail; --json has all. "
           "What a person undid is held back, and said so. Takes 45 s at most; exit status 1 where "
           "the issue can't be read.",
       .examples = {"timmy-host triage explain org/app 12", "timmy-host triage explain org/app#12",
                    "timmy-host triage explain org/app 12 --json"},
       .declare =
           [](options::options_description& own,
              options::positional_options_description& positional) {
             own.add_options()("repo", options::value<std::string>()->value_name("REPO"),
                               "owner/name (same as the argument)")(
                 "issue", options::value<std::string>()->value_name("ISSUE"),
                 "the number of an issue or pull request (same as the argument)");
             positional.add("repo", 1).add("issue", 1);
           },
       .reads_files = false,
       .run = explain},
  };
}

}  // namespace host::cli
