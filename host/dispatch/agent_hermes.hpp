// SPDX-License-Identifier: Apache-2.0
//
// Hermes as an agent, from 0.6 on. Each attempt has a HERMES_HOME of its own in its scratch, with
// the operator's skills and SOUL.md copied and a config.yaml that knows one model, the meter's: no
// .env, no auth.json, no memories, no hooks, no plugins. Its state.db is kept.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dispatch/agent.hpp"

namespace host::dispatch {

// As make_agent() says. {unsupported}: older than kOldestHermes, or it does not say what it is.
[[nodiscard]] std::unique_ptr<Agent> make_hermes(const AgentSettings& settings,
                                                 const AgentPlaces& places,
                                                 const AgentProbe& probe);

// Where Hermes is: `program` as named; else hermes-agent/venv/bin/hermes of the operator's
// HERMES_HOME, else in the path. None: nowhere.
[[nodiscard]] std::optional<std::filesystem::path> find_hermes(const std::filesystem::path& program,
                                                               const AgentPlaces& places);

// What of the machine a Python program at `program` needs to be read: its virtual environment, the
// Python that this was made of, and the sources beside it. Nothing of /usr, which every cage shows;
// never a home folder or the operator's HERMES_HOME as a whole.
[[nodiscard]] std::vector<std::filesystem::path> hermes_files(const std::filesystem::path& program,
                                                              const AgentPlaces& places);

// Why Hermes is to start nothing: its ESTOP is there, whatever it holds. As one printable line.
[[nodiscard]] std::optional<std::string> hermes_stop(const std::filesystem::path& hermes_home);

}  // namespace host::dispatch
