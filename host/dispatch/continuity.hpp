// SPDX-License-Identifier: Apache-2.0
//
// Continuity: the work in hand, written down for whoever comes next, a person or an agent, into
// daily-notes/YYYY-MM-DD.md.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/zone.hpp"
#include "dispatch/item.hpp"

namespace host::dispatch {

struct ContinuityNote {
  std::string host;         // its name
  std::string occasion;     // "before shutdown", "asked for"
  std::vector<Item> items;  // in hand, oldest first
};

// The entry as Markdown, ending with an empty line: a heading with the time of day, then a line for
// each item: what it is, where it stands and why, what was spent, where its work is. What people
// wrote stands in code spans, so that it is no markup.
[[nodiscard]] std::string continuity_entry(const ContinuityNote& note, WallTime now,
                                           const Zone& zone);

// Appends it to the note of the day, which is made with its folder where it is not there. The whole
// entry is on the disk when this returns, or nothing of it when it throws; whoever reads meanwhile
// sees the old note or the new one, and what somebody else appended meanwhile is kept. Returns the
// file. Blocks for some milliseconds. Throws Error{denied} when the note is no regular file (a
// symbolic link), {too_large} past 8 MiB, {io}.
std::filesystem::path flush_continuity(const std::filesystem::path& folder,
                                       const ContinuityNote& note, WallTime now, const Zone& zone);

}  // namespace host::dispatch
