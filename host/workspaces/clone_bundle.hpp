// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bounded_process.hpp"
#include "workspaces/clone.hpp"

namespace host::workspaces {

// As an argument: the path of a file that the program is to make. See CagedCommand.
inline constexpr std::string_view kResultFile = "{result file}";

// A program to run in an item's cage. With kResultFile among its arguments the sink gets that
// file's content, if the program ended well, and nothing of what it prints.
struct CagedCommand {
  std::vector<std::string> arguments;  // the first is the program, an absolute path
  std::filesystem::path folder;        // where it runs: the clone's tree
  Duration limit = std::chrono::minutes(5);
  std::map<std::string, std::string> environment;  // on top of what the cage gives
};

// Runs programs in the cage that an item's agent has: same files, same network, no credential. The
// caller of this room has one.
class CagedRunner {
 public:
  virtual ~CagedRunner() = default;
  // As run_bounded().
  virtual BoundedEnding run(const CagedCommand& command, const OutputSink& sink) = 0;
};

// Has git, in the cage, put what HEAD has beyond the clone's base into `clone.bundle()`: whatever
// branch the agent is on. At most `most_bytes`. False: there are no commits. Here the agent's own
// configuration is in force, and what comes out is worth no more than the agent's word: only
// import_work() says what is in it. Throws Error{too_large}, {timed_out}, {invalid} when git fails
// in this clone.
[[nodiscard]] bool bundle_work(CagedRunner& cage, const Git& git, const Clone& clone,
                               std::uint64_t most_bytes);

}  // namespace host::workspaces
