// SPDX-License-Identifier: Apache-2.0
//
// What runs leave on the disk, and when it goes: a folder each below runs/ (output, ending, facts)
// and below the scratch folder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "dispatch/item.hpp"
#include "dispatch/item_cage.hpp"

namespace host::dispatch {

// How much of ended runs is kept, besides those of items in work.
struct RunBounds {
  std::size_t most = 1'000;
  std::uint64_t bytes = std::uint64_t{10} << 30;  // of all of them together, on the disk
};

// The folders that there are, by name: what appears later is no concern of who looked before.
// Symbolic links are none, and what lies behind one is never looked at.
struct FoundRuns {
  std::vector<std::string> runs;     // of attempts, and of the host's own commands
  std::vector<std::string> scratch;  // of these
};
// Blocks. Throws Error{denied} where one of the two is a symbolic link itself, {io}.
[[nodiscard]] FoundRuns find_runs(const CageFolders& folders);

// What may not go.
struct RunsInUse {
  std::set<std::string> runs;  // under way, or not dealt with yet
  std::set<ItemId> items;      // in work: all their runs stay
  std::int64_t life = 0;       // of this host: its own commands clear up after themselves
};

struct RunsRemoved {
  std::vector<std::string> runs;
  std::vector<std::string> scratch;
  std::vector<std::string> failed;  // lines: what could not be removed, and why
};
// Removes scratch of which nothing runs any more and what a host before this one left of its own
// commands; then, of attempts, the longest ended ones beyond the bounds. A run that still holds its
// lock stays, whoever started it. What is no name of the host's own making stays as well. Blocks.
[[nodiscard]] RunsRemoved clear_runs(const CageFolders& folders, const FoundRuns& found,
                                     const RunsInUse& in_use, const RunBounds& bounds);

}  // namespace host::dispatch
