// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>

namespace bench {

// What a made home of Hermes holds.
struct HomeSize {
  int sessions = 0;
  std::int64_t bytes = 0;  // of the database and of the snapshots
};

// Makes a home of Hermes with so many sessions, the same ones each time: the first half in a
// state.db with the columns of schema 25, the others as sessions/session_*.json. They have what
// those of agents have: a long system prompt, one to eight turns with up to six calls of tools,
// whose results are JSON of some hundred bytes to some kilobytes; here and there a mail address, a
// home folder, a token or a network address; sub-agents, gateways' users whom no rule knows,
// answers that are errors, and sessions that are there twice. All were written long ago, so that
// none is live.
HomeSize make_home(const std::filesystem::path& home, int sessions);

}  // namespace bench
