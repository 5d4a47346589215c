// SPDX-License-Identifier: Apache-2.0
//
// Now and then clears away what dispatch leaves on the disk and nobody needs any more: scratch of
// dead runs, ended runs beyond the bounds, clones of ended items that hold nothing, work in mirrors
// that has reached the forge, packs in mirrors. What is of use to somebody stays, and what is in
// doubt, too.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "dispatch/blocking_work.hpp"
#include "dispatch/item_git.hpp"
#include "dispatch/run_folders.hpp"
#include "store/store.hpp"

namespace host::dispatch {

// What it works with; all outlives it.
struct HousekeepingWorld {
  Loop& loop;
  Store& store;
  const ItemGit& git;
  BlockingWork& blocking;
  CageFolders folders;
  std::function<std::vector<Item>()> live;         // items that have not ended
  std::function<std::set<std::string>()> at_work;  // names of runs that this host has in hand
  const Clock& clock;
  std::int64_t life = 0;  // as ItemCages has it
  Log log;
};

struct HousekeepingSettings {
  Duration every = std::chrono::hours(1);
  // Of git, for one mirror.
  Duration tidy_limit = std::chrono::minutes(3);
  std::size_t most_packs = 20;
};

struct Cleared {
  RunsRemoved runs;
  std::vector<std::string> clones;                 // by name
  std::vector<std::string> work;                   // "org/app timmy/issue-12"
  std::vector<workspaces::DiskReport::Kept> kept;  // clones of ended items, that hold something
  std::vector<std::string> failed;  // lines: what could not be looked at or removed, and why
};

// Loop thread; what blocks runs on a thread of `blocking`.
class Housekeeping {
 public:
  explicit Housekeeping(HousekeepingWorld world, HousekeepingSettings settings = {});
  // What is under way ends after the step that it is at; `blocking` waits for that.
  ~Housekeeping();
  Housekeeping(const Housekeeping&) = delete;
  Housekeeping& operator=(const Housekeeping&) = delete;

  // Now, and then again and again.
  void start();
  // From the next time on.
  void set_bounds(RunBounds bounds);
  // Once. Error{conflict} while one is under way.
  void clear(Reply<Cleared> reply);
  // Begins nothing any more.
  void stop();
  // What the last time kept and a person has to look at, a line each, bounded.
  [[nodiscard]] std::vector<std::string> attention() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host::dispatch
