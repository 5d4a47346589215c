// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "workspaces/git_name.hpp"

namespace host::workspaces {

// What the host knows of a clone. Kept beside it, where its agent can't write.
struct CloneRecord {
  WorkItem item;
  std::string branch;
  std::string base_branch;
  ObjectId base;  // where the item's work begins
  // What the mirror's ref for the branch is as far as this clone knows: what was there when it was
  // made, or was last taken out of it. ImportRequest::expected.
  std::optional<ObjectId> imported;
  WallTime made{};
  WallTime used{};  // when a run last began or ended in it
  // Nothing in it is of use to anybody once its item has ended: it goes then, whatever it holds.
  bool disposable = false;
  // Whose it is: the number by which the host knows the work on the item, and of which there may be
  // several, one after another. 0: an older host wrote none down, so it is nobody's any more.
  std::int64_t owner = 0;
  bool operator==(const CloneRecord&) const = default;
};

// Throws Error{corrupt} naming the file when it holds something else, and as read_file().
[[nodiscard]] CloneRecord read_record(const std::filesystem::path& file);
void write_record(const std::filesystem::path& file, const CloneRecord& record);

}  // namespace host::workspaces
