// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "cli/command.hpp"
#include "cli/table.hpp"
#include "http/url.hpp"

namespace host::cli {
namespace {

int list(Session& session, const options::variables_map& given) {
  std::string target = "/v1/audit?limit=" + std::to_string(given["limit"].as<int>());
  for (const char* key : {"before", "who", "target"})
    if (given.count(key))
      target += std::string("&") + key + "=" + percent_encode(given[key].as<std::string>());
  const Json reply = session.client().get(target);
  if (session.json) {
    session.out << to_indented_text(reply) << '\n';
    return 0;
  }
  Table table({"ID", "AT", "WHO", "WHAT", "TARGET", "RESULT"});
  for (const auto& line : reply["audit"])
    table.add({to_text(line["id"]), line["at"], line["who"], line["what"], line["target"],
               line["result"]});
  table.print(session.out);
  if (!reply["next"].is_null())
    session.out << "There may be older ones: --before " << to_text(reply["next"]) << '\n';
  return 0;
}

}  // namespace

std::vector<Command> audit_commands() {
  return {
      {.words = "audit",
       .arguments = "",
       .summary = "list what was changed, by whom and on whose word, newest first",
       .details = "A line for each write of a plugin to the forge, also such as failed, were "
                  "refused, or were not sent in a dry run; and for each command that changed "
                  "something in this host. A text matches any part, with its case.",
       .examples = {"timmy-host audit", "timmy-host audit --who triage --limit 500",
                    "timmy-host audit --target org/app#12 --json"},
       .declare =
           [](options::options_description& own, options::positional_options_description&) {
             own.add_options()("limit", options::value<int>()->default_value(50)->value_name("N"),
                               "how many at most, 1 to 1000")(
                 "before", options::value<std::string>()->value_name("ID"),
                 "only those before this one: the next page")(
                 "who", options::value<std::string>()->value_name("TEXT"),
                 "only by these: \"plugin triage\", \"job 7\", \"uid 0\"")(
                 "target", options::value<std::string>()->value_name("TEXT"),
                 "only on these: \"org/app\"");
           },
       .run = list},
  };
}

}  // namespace host::cli
