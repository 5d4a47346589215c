// SPDX-License-Identifier: Apache-2.0
#include <ostream>
#include <sstream>

#include "app/offline.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "cli/argument.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "cli/tokens_text.hpp"
#include "config/host_config.hpp"
#include "http/url.hpp"
#include "tokens/budget.hpp"
#include "tokens/budget_file.hpp"
#include "tokens/budget_view.hpp"

namespace host::cli {
namespace {

using Declare = options::options_description;
using Positional = options::positional_options_description;

int show(Session& session, const options::variables_map&) {
  return print_reply(session, session.client().get("/v1/budget"), print_budget);
}

int explain(Session& session, const options::variables_map& given) {
  if (!given.count("of"))
    throw Error(Code::usage, "whose budget?",
                "Name a pipeline, a task, an issue (owner/name#12) or a model (provider/model).");
  const Json reply = session.client().get("/v1/budget/explain?of=" +
                                          percent_encode(given["of"].as<std::string>()));
  return print_reply(session, reply, print_explanation);
}

struct Checked {
  std::vector<std::string> errors;  // "file:line:col: what"
  std::vector<std::string> warnings;
};

// Of host.yaml, if it can be read: what is wrong with it is --check-config's to say.
std::vector<RouteModels> routes_of(const Session& session) {
  std::vector<RouteModels> routes;
  try {
    const auto loaded = load_or_default(session.config, session.host_name, session.paths);
    for (const auto& [name, route] : loaded.config.model.routes)
      routes.push_back({name, route.provider,
                        route.models.empty() ? std::vector<std::string>{"*"} : route.models});
  } catch (const Error&) {
    routes.clear();
  }
  return routes;
}

// `as_host`: also who could have written it, as the host that reads it asks.
Checked check_file(const std::filesystem::path& file, bool as_host,
                   const std::vector<RouteModels>& routes) {
  Checked checked;
  try {
    const auto budget = as_host ? load_budget(file)
                                : parse_budget(read_file(file, kBudgetFileBytes), file.string());
    checked.warnings = budget_warnings(budget, routes);
  } catch (const Error& error) {
    if (error.code() != Code::invalid && error.code() != Code::denied) throw;
    std::istringstream lines(error.code() == Code::denied ? error.what() : error.message());
    for (std::string line; std::getline(lines, line);) checked.errors.push_back(line);
  }
  return checked;
}

int check(Session& session, const options::variables_map& given) {
  const auto file = given.count("file") ? std::filesystem::path(given["file"].as<std::string>())
                                        : session.paths.hermes_home / "token_budget.json";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored))
    throw Error(Code::not_found, "there is no " + file.string(),
                "Write one (docs/tokens.md shows how), or name another.");
  const auto checked = check_file(file, !given.count("file"), routes_of(session));
  const bool ok = checked.errors.empty();
  if (session.json) {
    session.out << to_indented_text(
                       {{"ok", ok}, {"errors", checked.errors}, {"warnings", checked.warnings}})
                << '\n';
  } else {
    for (const auto& error : checked.errors) session.out << printable(error) << '\n';
    for (const auto& warning : checked.warnings)
      session.out << "warning: " << printable(warning) << '\n';
    if (ok) session.out << printable(file.string()) << ": ok\n";
  }
  return ok ? 0 : ConfigError::kExitStatus;
}

}  // namespace

std::vector<Command> budget_commands() {
  return {
      {.words = "budget show",
       .arguments = "",
       .summary = "show each cap: what is settled, held, reserved and left",
       .details =
           "What the running host holds to, which is the last valid token_budget.json. SETTLED is "
           "used for good; HELD is promised to calls under way, RESERVED to runs, and neither can "
           "be had by others. STATE is near from the cap's warn_at on, reached when nothing is "
           "left. WHEN REACHED is what becomes of calls then; a cap that never begins anew is one "
           "over an issue or a run. Of the issues under the cap for each there are those that are "
           "being worked on, and the 20 that have reached it and used most; budget explain has "
           "any. Below stand pauses, and overruns: what calls used above what "
           "had been held for them; and the caps that open runs have of their own, of their "
           "playbook's limits and their lane's budget: which run, of which issue and playbook, and "
           "what it has left.",
       .examples = {"timmy-host budget show", "timmy-host budget show --json"},
       .declare = [](Declare&, Positional&) {},
       .reads_files = false,
       .run = show},
      {.words = "budget explain",
       .arguments = "PIPELINE|TASK|ISSUE|MODEL",
       .summary = "say which caps stand over something, and what is refused by which",
       .details =
           "An issue as owner/name#12, a model as provider/model; of a task, its pipeline's. Lists "
           "each cap that applies, the tightest of them, those that its open runs have of their "
           "own, and what is refused now, or would be.",
       .examples = {"timmy-host budget explain nightly",
                    "timmy-host budget explain heartbeat_heavy",
                    "timmy-host budget explain org/app#12",
                    "timmy-host budget explain openai/gpt-4o --json"},
       .declare =
           [](Declare& own, Positional& positional) {
             declare_argument(own, positional, "of", "WHAT", "whose");
           },
       .reads_files = false,
       .run = explain},
      {.words = "budget check",
       .arguments = "[FILE]",
       .summary = "report every error in token_budget.json, with its line",
       .details = "Needs no running host. Without FILE it is the one that the host reads, "
                  "$HERMES_HOME/token_budget.json. Warns of what is no error and probably not "
                  "meant: pipelines without any cap, caps that are never reached, models without "
                  "a price where cost is capped (as the routes of host.yaml name them). Exit "
                  "status 0 without errors, 78 with, 66 "
                  "without a file.",
       .examples = {"timmy-host budget check",
                    "timmy-host budget check ./token_budget.json --json"},
       .declare =
           [](Declare& own, Positional& positional) {
             declare_argument(own, positional, "file", "FILE", "the file");
           },
       .run = check},
  };
}

}  // namespace host::cli
