// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "workspaces/clone.hpp"
#include "workspaces/clone_state.hpp"

namespace host::workspaces {

struct DiskLimits {
  std::size_t clones = 64;
  std::uint64_t clone_bytes = std::uint64_t{20} << 30;  // of all clones together
  std::uint64_t free_bytes = std::uint64_t{1} << 30;    // left on their file system
};

struct DiskReport {
  std::vector<std::string> removed;  // clones, by name
  struct Kept {
    std::string name;
    std::string reason;   // "src/a.c is not committed", "in use"
    std::string subject;  // whose it is: "org/app#12"; empty: that can't be read
  };
  std::vector<Kept> kept;  // that were looked at and could not go
};

// Which clones a run is in, as it was at a moment. What was used since then is in use as well.
struct ClonesInUse {
  std::set<std::string> names;
  WallTime at{};
  [[nodiscard]] bool has(const Clone& clone) const {
    return names.contains(clone.name()) || clone.record.used >= at;
  }
};

// Keeps the clones within bounds: the longest unused goes first, and none that holds work that was
// not imported, ever. Blocks; one thread.
class DiskRoom {
 public:
  // The mirror of an item's repository, made if it isn't there.
  using MirrorOf = std::function<Mirror(const WorkItem& item)>;

  // `clones` outlives it.
  DiskRoom(const Clones& clones, MirrorOf mirror_of, DiskLimits limits)
      : clones_(&clones), mirror_of_(std::move(mirror_of)), limits_(limits) {}

  // Makes room for one more clone. Those that are `in_use` stay as they are. Throws
  // Error{unavailable} naming what is in the way when there is no room to be had.
  DiskReport make_room(const ClonesInUse& in_use) const;
  // Removes those that are of no use any more: their item has ended, and they hold nothing or are
  // disposable.
  DiskReport remove_ended(const std::function<bool(const Clone&)>& ended,
                          const ClonesInUse& in_use) const;

 private:
  enum class Keeping { work, nothing };
  [[nodiscard]] std::string remove(const Clone& clone, Keeping keeping) const;
  [[nodiscard]] bool fits(std::size_t clones, std::uint64_t bytes) const;

  const Clones* clones_;
  MirrorOf mirror_of_;
  DiskLimits limits_;
};

}  // namespace host::workspaces
