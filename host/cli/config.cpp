// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "app/offline.hpp"
#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "config/host_config.hpp"

namespace host::cli {
namespace {

int check(Session& session, const options::variables_map&) {
  std::error_code ignored;
  if (!std::filesystem::exists(session.config, ignored))
    throw Error(Code::not_found, "there is no " + session.config.string(),
                "Write one (docs/configuration.md shows how), or name another with --config FILE.");
  // Not by Error: every problem is data here, and `--json` must hold them all.
  const auto problems =
      offline_check(session.config, session.host_name, session.paths, session.plugin_dirs);
  if (session.json) {
    Json rows = Json::array();
    for (const auto& problem : problems.errors)
      rows.push_back(
          {{"where", problem.where}, {"pointer", problem.pointer}, {"message", problem.message}});
    session.out << to_indented_text({{"ok", problems.errors.empty()},
                                     {"errors", rows},
                                     {"warnings", problems.warnings}})
                << '\n';
  } else {
    for (const auto& problem : problems.errors)
      session.out << printable(problem.where) << ": " << printable(problem.message) << '\n';
    for (const auto& warning : problems.warnings)
      session.out << "warning: " << printable(warning) << '\n';
    if (problems.errors.empty()) session.out << session.config.string() << ": ok\n";
  }
  return problems.errors.empty() ? 0 : ConfigError::kExitStatus;
}

int show(Session& session, const options::variables_map&) {
  const Json report = session.asks_host()
                          ? session.client().get("/v1/config")
                          : offline_config(session.config, session.host_name, session.paths);
  for (const auto& warning : report.value("warnings", Json::array()))
    session.err << "timmy-host: " << printable(warning.get<std::string>()) << '\n';
  if (session.json) {
    session.out << to_indented_text(report) << '\n';
    return 0;
  }
  // The value last: a list of rules is long.
  Table table({"SETTING", "FROM", "VALUE"});
  for (const auto& row : report["values"]) {
    const auto where = row.value("where", "");
    table.add({row.value("setting", ""),
               row.value("origin", "") + (where.empty() ? "" : " " + where),
               to_text(row["value"])});
  }
  table.print(session.out);
  return 0;
}

}  // namespace

std::vector<Command> config_commands() {
  return {
      {.words = "check-config",
       .arguments = "",
       .summary = "report every error in host.yaml, with its line",
       .details =
           "Checks the whole file; for every host's entry, the config of each plugin that it "
           "enables "
           "by the plugin's own schema; and here, the playbooks that it enables, the lanes, and "
           "deadman.yaml, for which the forge is asked whose the token is where somebody's work is "
           "watched. A "
           "plugin or playbook that is enabled here and not installed, or refused, is an error, a "
           "missing grant a warning; and so is what leads past the meter, where no budget holds: a "
           "plugin's grant, a playbook's `network: open`. Exit status 0 without errors, 78 with, "
           "66 without a file.",
       .examples = {"timmy-host --check-config",
                    "timmy-host --check-config --config ./host.yaml --json",
                    "timmy-host --check-config --host allegro"},
       .declare = [](auto&, auto&) {},
       .run = check},
      {.words = "config show",
       .arguments = "",
       .summary = "show the effective settings and who set each",
       .details =
           "What the running host runs with: built-in values, `defaults`, its own entry, and "
           "the "
           "environment merged, each with the line that it comes from. Without a running "
           "host, or with "
           "--config or --host, what a host would make of the file now.",
       .examples = {"timmy-host config show", "timmy-host config show --host allegro --json"},
       .declare = [](auto&, auto&) {},
       .run = show},
  };
}

}  // namespace host::cli
