// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "config/host_config.hpp"

namespace host::cli {
namespace {

// The plugins that host.yaml asks for and that don't run, with why.
Json out_of_service(const AdminClient& client) {
  Json all = Json::array();
  for (const auto& row : client.get("/v1/plugins").value("plugins", Json::array())) {
    const auto state = row.value("state", "");
    if (state == "ready" || state == "disabled" || state == "shadowed") continue;
    all.push_back({{"id", row.value("id", "")},
                   {"state", state},
                   {"reason", row.value("reason", "")},
                   {"fix", row.value("fix", "")}});
  }
  return all;
}

int reload(Session& session, const options::variables_map&) {
  try {
    const auto client = session.client();
    Json reply = client.post("/v1/reload");
    reply["out_of_service"] = out_of_service(client);
    if (session.json)
      session.out << to_indented_text(reply) << '\n';
    else
      session.out << "reloaded\n";
    for (const auto& plugin : reply["out_of_service"])
      session.err << "timmy-host: plugin " << printable(plugin.value("id", ""))
                  << " is out of service: "
                  << printable(plugin.value("state", "") + ": " + plugin.value("reason", ""))
                  << "\n  " << printable(plugin.value("fix", "")) << '\n';
    return 0;
  } catch (const Error& error) {
    // A wrong host.yaml crosses the socket as an Error like any other.
    if (error.code() != Code::invalid) throw;
    session.err << "timmy-host: the host kept its old configuration: "
                << printable(error.message(), true) << '\n';
    return ConfigError::kExitStatus;
  }
}

}  // namespace

std::vector<Command> reload_commands() {
  return {{.words = "reload",
           .arguments = "",
           .summary = "have the running host read host.yaml and its plugins again",
           .details = "As SIGHUP does, but it waits, and says what is wrong. The new configuration "
                      "is taken whole or not at all. A plugin that its own part takes out of "
                      "service, or that is for another reason, is named on stderr, with the fix; "
                      "--check-config finds the first kind before. Exit status 0 when the new "
                      "configuration is in force, 78 when it was refused, 69 when no host runs.",
           .examples = {"timmy-host --check-config && timmy-host reload"},
           .declare = [](auto&, auto&) {},
           .reads_files = false,
           .run = reload}};
}

}  // namespace host::cli
