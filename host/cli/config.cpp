// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "app/offline.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "config/host_config.hpp"

namespace host::cli {
namespace {

int check(Session& session, const options::variables_map&) {
  // Not by Error: every problem is data here, and `--json` must hold them all.
  const auto problems =
      offline_check(session.config, session.host_name, session.paths, session.plugin_dirs);
  if (session.json) {
    Json rows = Json::array();
    for (const auto& problem : problems.errors)
      rows.push_back(
          {{"where", problem.where}, {"pointer", problem.pointer}, {"message", problem.message}});
    session.out << Json{{"ok", problems.errors.empty()},
                        {"errors", rows},
                        {"warnings", problems.warnings}}
                       .dump(2)
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
  const auto loaded =
      load_host_config(session.config, session.host_name, session.paths, Environment::of_process());
  if (session.json) {
    session.out << loaded.settings.dump(2) << '\n';
    return 0;
  }
  Table table({"SETTING", "VALUE", "FROM"});
  for (const auto& value : loaded.effective)
    table.add({value.pointer, to_text(value.value),
               std::string(name(value.origin)) + (value.where.empty() ? "" : " " + value.where)});
  table.print(session.out);
  return 0;
}

}  // namespace

std::vector<Command> config_commands() {
  return {
      {.words = "check-config",
       .arguments = "",
       .summary = "report every error in host.yaml, with its line",
       .details = "Checks the whole file, every host's entry, and each plugin's config by the "
                  "plugin's own\n"
                  "schema. Exit status 0 if a host could start with it, 78 if not.",
       .examples = {"timmy-host --check-config",
                    "timmy-host --check-config --config ./host.yaml --json",
                    "timmy-host --check-config --host allegro"},
       .declare = [](auto&, auto&) {},
       .run = check},
      {.words = "config show",
       .arguments = "",
       .summary = "show the effective settings and who set each",
       .details = "What this host runs with: built-in values, `defaults`, its own entry, and the "
                  "environment\n"
                  "merged, each with the line that it comes from.",
       .examples = {"timmy-host config show", "timmy-host config show --host allegro --json"},
       .declare = [](auto&, auto&) {},
       .run = show},
  };
}

}  // namespace host::cli
