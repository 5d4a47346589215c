// SPDX-License-Identifier: Apache-2.0
#include <ostream>

#include "base/error.hpp"
#include "cli/command.hpp"
#include "cli/table.hpp"
#include "config/host_config.hpp"

namespace host::cli {
namespace {

int reload(Session& session, const options::variables_map&) {
  try {
    const Json reply = session.client().post("/v1/reload");
    if (session.json)
      session.out << to_indented_text(reply) << '\n';
    else
      session.out << "reloaded\n";
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
                      "is taken "
                      "whole or not at all. Exit status 0 when it is in force, 78 when it was "
                      "refused, 69 when no "
                      "host runs.",
           .examples = {"timmy-host --check-config && timmy-host reload"},
           .declare = [](auto&, auto&) {},
           .reads_files = false,
           .run = reload}};
}

}  // namespace host::cli
