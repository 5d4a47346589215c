// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "app/offline.hpp"
#include "base/error.hpp"
#include "cli/argument.hpp"
#include "cli/command.hpp"
#include "cli/plugin_text.hpp"
#include "cli/table.hpp"
#include "http/url.hpp"

namespace host::cli {
namespace {

// Enough to tell two files apart by; `plugins show` has all of it.
constexpr std::size_t kShortHash = 12;

Json report(Session& session) {
  Json reply = session.asks_host() ? session.client().get("/v1/plugins")
                                   : offline_plugins(session.config, session.host_name,
                                                     session.paths, session.plugin_dirs);
  for (const auto& warning : reply.value("warnings", Json::array()))
    session.err << "timmy-host: " << printable(warning.get<std::string>()) << '\n';
  return reply;
}

std::string id_of(const options::variables_map& given) {
  if (!given.count("id"))
    throw Error(Code::usage, "which plugin?", "Give its id; see timmy-host plugins list.");
  return given["id"].as<std::string>();
}

void declare_id(options::options_description& own,
                options::positional_options_description& positional) {
  declare_argument(own, positional, "id", "ID", "the plugin");
}

// "1.1", or "-" where it can't be read.
std::string abi_text(const Json& row) {
  const Json abi = row.value("abi", Json());
  return abi.is_object() ? to_text(abi["major"]) + "." + to_text(abi["minor"]) : "-";
}

int list(Session& session, const options::variables_map&) {
  const Json reply = report(session);
  if (session.json) {
    session.out << to_indented_text(reply) << '\n';
    return 0;
  }
  Table table({"PLUGIN", "VERSION", "STATE", "ABI", "TASKS", "SHA256", "PATH"});
  for (const auto& row : reply["plugins"]) {
    std::string tasks;
    for (const auto& task : row["tasks"])
      tasks += (tasks.empty() ? "" : ", ") + task.get<std::string>();
    table.add({row.value("id", ""), row.value("version", ""), row.value("state", ""), abi_text(row),
               tasks, row.value("sha256", "").substr(0, kShortHash), row.value("path", "")});
  }
  if (table.empty())
    session.err << "no plugins found\n";
  else
    table.print(session.out);
  return 0;
}

int show(Session& session, const options::variables_map& given) {
  const auto id = id_of(given);
  const Json reply = report(session);
  bool found = false;
  const Json cage = reply.value("cage", Json::array());
  for (Json row : reply["plugins"]) {
    if (row.value("id", "") != id) continue;
    found = true;
    row["cage"] = cage;
    if (session.json)
      session.out << to_indented_text(row) << '\n';
    else
      print_plugin(session.out, row, cage);
  }
  if (!found)
    throw Error(Code::not_found, "no plugin \"" + id + "\" was found",
                "See timmy-host plugins list.");
  return 0;
}

int reset(Session& session, const options::variables_map& given) {
  const auto id = id_of(given);
  const Json reply = session.client().post("/v1/plugins/" + percent_encode(id) + "/reset");
  if (session.json)
    session.out << to_text(reply) << '\n';
  else
    session.out << id
                << (reply.value("was_quarantined", false) ? " runs again\n"
                                                          : " was not quarantined\n");
  return 0;
}

}  // namespace

std::vector<Command> plugin_commands() {
  return {
      {.words = "plugins list",
       .arguments = "",
       .summary = "list every plugin found, and whether it runs",
       .details =
           "Asks the running host; without one, or with --config, --host or --plugin-dir, it "
           "reads "
           "host.yaml and the plugin folders itself. No code of a plugin is run.",
       .examples = {"timmy-host plugins list", "timmy-host plugins list --json"},
       .declare = [](auto&, auto&) {},
       .run = list},
      {.words = "plugins show",
       .arguments = "ID",
       .summary = "show what a plugin asks for, and what it got",
       .details =
           "What it asks for and what of that is granted, its limits, each key that its config "
           "takes, the "
           "config in force, and why it does not run if it does not.",
       .examples = {"timmy-host plugins show triage"},
       .declare = declare_id,
       .run = show},
      {.words = "plugins reset",
       .arguments = "ID",
       .summary = "lift a plugin's quarantine",
       .details = "A plugin whose workers died too often is set aside and its jobs are held. This "
                  "lets it run "
                  "again; new bytes in its file do so too.",
       .examples = {"timmy-host plugins reset triage"},
       .declare = declare_id,
       .reads_files = false,
       .run = reset},
  };
}

}  // namespace host::cli
