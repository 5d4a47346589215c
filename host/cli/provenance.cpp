// SPDX-License-Identifier: Apache-2.0
#include "cli/provenance_text.hpp"

#include <sysexits.h>

#include <filesystem>
#include <ostream>

#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"

namespace host::cli {
namespace {

using Given = options::variables_map;
using Print = void (*)(std::ostream&, const Json&);

std::int64_t ask(const AdminClient& client, const std::string& task, const Json& payload) try {
  // Before what waits: somebody looks at the screen.
  const Json inserted =
      client.post("/v1/jobs", {{"task", task}, {"payload", payload}, {"priority", 0}});
  return inserted.at("id").get<std::int64_t>();
} catch (const Error& error) {
  if (error.code() == Code::not_found)
    throw Error(Code::not_found, "this host has no plugin that keeps provenance",
                "It is the plugin provenance, of this host's version or later; see timmy-host "
                "plugins list.");
  if (error.code() == Code::conflict)
    throw Error(Code::conflict, "provenance does nothing here: " + error.message(),
                error.next_step());
  throw;
}

std::string text_of(const Json& progress) {
  return progress.is_object() ? progress.value("text", "") : "";
}

std::string of_last_attempt(const Json& job, const char* key) {
  const Json attempts = job.value("attempts", Json::array());
  return attempts.empty() ? "" : attempts.back().value(key, "");
}

std::string last_message(const Json& job) { return of_last_attempt(job, "message"); }

// A check that could not be made has found nothing wrong.
int status_of_failed(const Json& job) {
  return of_last_attempt(job, "code") == "offence" ? EX_DATAERR : 1;
}

// What it is doing, or why it is tried again.
std::string standing(const Json& job) {
  const auto doing = text_of(job.value("progress", Json()));
  if (!doing.empty()) return doing;
  const auto state = job.value("state", "");
  return state + (state == "retryable" ? ": " + last_message(job) : "");
}

// As long as it takes; says what it is doing whenever that is something else.
Json wait_for(Session& session, const AdminClient& client, std::int64_t id) {
  const auto path = "/v1/jobs/" + std::to_string(id) + "?wait=2";
  std::string said;
  for (;;) {
    Json job = client.get(path, std::chrono::seconds(60));
    if (!job.at("ended_at").is_null()) return job;
    if (const auto now = standing(job); now != said) {
      session.err << "timmy-host: job " << id << ": " << printable(now) << '\n';
      said = now;
    }
  }
}

int run(Session& session, const std::string& task, const Json& payload, Print print) {
  const auto client = session.client();
  const auto id = ask(client, task, payload);
  const Json job = wait_for(session, client, id);
  if (job.at("state") != "completed") {
    const auto message = last_message(job);
    session.err << "timmy-host: "
                << printable(message.empty() ? "the job was " + job.value("state", "") : message)
                << "\n  See timmy-host jobs show " << id << '\n';
    return status_of_failed(job);
  }
  if (session.json)
    session.out << to_indented_text(job.at("result")) << '\n';
  else
    print(session.out, job.at("result"));
  return 0;
}

int ingest(Session& session, const Given& given) {
  Json payload = Json::object();
  if (given.count("full")) payload["full"] = true;
  return run(session, "provenance_ingest", payload, print_ingested);
}

int curate(Session& session, const Given&) {
  return run(session, "provenance_curate", Json::object(), print_ingested);
}

int validate(Session& session, const Given& given) {
  Json payload = Json::object();
  // The worker has a folder of its own to stand in.
  if (given.count("file"))
    payload["file"] = std::filesystem::absolute(given["file"].as<std::string>()).string();
  return run(session, "provenance_validate", payload, print_validated);
}

int report(Session& session, const Given&) {
  return run(session, "provenance_report", Json::object(), print_provenance);
}

int explain(Session& session, const Given& given) {
  if (!given.count("session"))
    throw Error(Code::usage, "which session?",
                "timmy-host provenance explain 20260330_141139_a1b2c3");
  return run(session, "provenance_explain", {{"session", given["session"].as<std::string>()}},
             print_session);
}

Command command(std::string words, std::string arguments, std::string summary, std::string details,
                std::vector<std::string> examples,
                std::function<int(Session&, const Given&)> does) {
  return {.words = std::move(words),
          .arguments = std::move(arguments),
          .summary = std::move(summary),
          .details = std::move(details),
          .examples = std::move(examples),
          .declare = [](auto&, auto&) {},
          .reads_files = false,
          .run = std::move(does)};
}

}  // namespace

std::vector<Command> provenance_commands() {
  auto ingests = command(
      "provenance ingest", "[--full]", "make training pairs of the sessions that changed",
      "Has the plugin provenance do now what it does each hour, and waits: takes out what may no "
      "longer be used, then makes pairs of what changed. Says what it is doing. Exit status 1 "
      "where the job fails.",
      {"timmy-host provenance ingest", "timmy-host provenance ingest --full --json"}, ingest);
  ingests.declare = [](auto& own, auto&) {
    own.add_options()("full", "read every session again, not only those that changed");
  };
  auto validates = command(
      "provenance validate", "[FILE]", "check each pair's anchor, consent, licence and hashes",
      "Of FILE, or without one of all that came out, which is also held against manifest, index "
      "and today's policy. The plugin reads FILE in its cage: it has to lie in a folder that the "
      "plugin is granted with fs.read or fs.write, as its own output does. Exit status 65 at the "
      "first offence, which is shown with its file and line; 1 where the check could not be made.",
      {"timmy-host provenance validate",
       "timmy-host provenance validate ~/.timmy/provenance/pairs/pairs-000001-9f86d081884c.jsonl"},
      validate);
  validates.declare = [](auto& own, auto& words) {
    own.add_options()("file", options::value<std::string>()->value_name("FILE"),
                      "a file of pairs (same as the argument)");
    words.add("file", 1);
  };
  auto explains = command(
      "provenance explain", "SESSION", "say of a session's turns which make pairs, and why not",
      "What the store says of the session, which sessions it came from, and for each turn whether "
      "it came out, will with the next run, waits, or why it is rejected, and by which rule of the "
      "policy. Shows none of its words and changes nothing. Exit status 1 where no store has it.",
      {"timmy-host provenance explain 20260330_141139_a1b2c3"}, explain);
  explains.declare = [](auto& own, auto& words) {
    own.add_options()("session", options::value<std::string>()->value_name("SESSION"),
                      "the session's id (same as the argument)");
    words.add("session", 1);
  };
  return {std::move(ingests),
          command("provenance curate", "", "make the pairs of every session again",
                  "By the filters, rules of redaction and policy of today: what no longer passes "
                  "goes. A run does so by itself when policy or config have changed.",
                  {"timmy-host provenance curate"}, curate),
          std::move(validates),
          command("provenance report", "", "say what came out, what was rejected and why",
                  "As the last run left it: pairs and files, turns by the reason that kept them "
                  "out, what was redacted by which rule, withdrawals, and whether the policy can "
                  "be read.",
                  {"timmy-host provenance report", "timmy-host provenance report --json"}, report),
          std::move(explains)};
}

}  // namespace host::cli
