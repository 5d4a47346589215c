// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"

namespace host::cli {
namespace {

std::string object_of(const Json& delivery) {
  const auto repo = delivery["repo"].get<std::string>();
  if (delivery["number"] != 0) return repo + "#" + to_text(delivery["number"]);
  const auto ref = delivery["ref"].get<std::string>();
  return ref.empty() ? repo : repo + " " + ref;
}

std::string joined(const Json& ids) {
  std::string text;
  for (const auto& id : ids) text += (text.empty() ? "" : ", ") + to_text(id);
  return text.empty() ? "-" : text;
}

int list(Session& session, const options::variables_map& given) {
  std::string target = "/v1/webhooks?limit=" + std::to_string(given["limit"].as<int>());
  if (given.count("before")) target += "&before=" + given["before"].as<std::string>();
  const Json reply = session.client().get(target);
  if (session.json) {
    session.out << to_indented_text(reply) << '\n';
    return 0;
  }
  Table table({"ID", "RECEIVED", "EVENT", "ACTION", "OBJECT", "SENDER", "JOBS", "REPEATS"});
  for (const auto& delivery : reply["deliveries"])
    table.add({to_text(delivery["id"]), delivery["received"], delivery["event"], delivery["action"],
               object_of(delivery), delivery["sender"], joined(delivery["jobs"]),
               to_text(delivery["repeats"])});
  table.print(session.out);
  return 0;
}

int replay(Session& session, const options::variables_map& given) {
  if (!given.count("id"))
    throw Error(Code::usage, "which delivery?", "Give its id; see timmy-host webhooks list.");
  const auto id = given["id"].as<std::int64_t>();
  const Json reply = session.client().post("/v1/webhooks/" + std::to_string(id) + "/replay");
  if (session.json)
    session.out << to_indented_text(reply) << '\n';
  else
    session.out << "delivery " << id << ": jobs " << joined(reply["jobs"])
                << (reply["waited_already"] == 0
                        ? ""
                        : ", of which " + to_text(reply["waited_already"]) + " waited already")
                << '\n';
  return 0;
}

}  // namespace

std::vector<Command> webhook_commands() {
  return {
      {.words = "webhooks list",
       .arguments = "",
       .summary = "list the forge's deliveries and the jobs that they started, newest first",
       .details = "Only what was signed with the hook's secret is here; status --json counts what "
                  "was refused. Deliveries are kept for seven days. REPEATS is how often the same "
                  "bytes came again: these start nothing.",
       .examples = {"timmy-host webhooks list", "timmy-host webhooks list --limit 500 --json"},
       .declare =
           [](options::options_description& own, options::positional_options_description&) {
             own.add_options()("limit", options::value<int>()->default_value(50)->value_name("N"),
                               "how many at most, 1 to 1000")(
                 "before", options::value<std::string>()->value_name("ID"),
                 "only those before this one: the next page");
           },
       .run = list},
      {.words = "webhooks replay",
       .arguments = "ID",
       .summary = "start anew what a delivery started",
       .details = "As if it had just come, with the tasks and grants of now. A job that waits for "
                  "the same object is joined.",
       .examples = {"timmy-host webhooks replay 1207"},
       .declare =
           [](options::options_description& own,
              options::positional_options_description& positional) {
             own.add_options()("id", options::value<std::int64_t>()->value_name("ID"),
                               "the delivery (same as the argument)");
             positional.add("id", 1);
           },
       .run = replay},
  };
}

}  // namespace host::cli
