// SPDX-License-Identifier: Apache-2.0
//
// Where agents work: a clone for each item, in a folder of its own.
//
//   NAME/tree         the clone; all that the cage shows, and all that the agent may write
//   NAME/record.json  what the host knows of it
//   NAME/bundle       what was last taken out of it
//   NAME.of-7/        the same, of earlier work on the item: it holds what nobody took out, and
//   made
//                     way for who came after
//
// A clone shares no file with the mirror that it was made from (no hard links, no alternates) and
// has no remote. Once an agent has run in it the host runs git there no more: its configuration is
// the agent's. Work leaves as a bundle (clone_bundle.hpp).
#pragma once

#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "workspaces/clone_hold.hpp"
#include "workspaces/clone_record.hpp"
#include "workspaces/git.hpp"
#include "workspaces/mirror.hpp"

namespace host::workspaces {

struct Clone {
  std::filesystem::path folder;
  CloneRecord record;

  [[nodiscard]] std::filesystem::path tree() const { return folder / "tree"; }
  [[nodiscard]] std::filesystem::path bundle() const { return folder / "bundle"; }
  [[nodiscard]] std::string name() const { return folder.filename().string(); }
};

struct CloneRequest {
  WorkItem item;
  std::string branch;       // for the agent's commits: branch_of(item)
  std::string base_branch;  // at the forge
  // Whose commits they are to be, as git config has it: no '<', '>' or control characters.
  std::string author = "timmy-host";
  std::string address = "timmy-host@localhost";
  // Go on from what was imported for this branch before, if there is any. Else that is set aside
  // (Mirror::set_work_aside), and the branch is free.
  bool resume = false;
  bool disposable = false;  // CloneRecord::disposable
  std::int64_t owner = 0;   // CloneRecord::owner
};

struct CloneList {
  std::vector<Clone> clones;            // the longest unused first
  std::vector<std::string> unreadable;  // folders whose record can't be read
};

// The folder with all clones. Blocks; any thread, one at a time for each item.
class Clones {
 public:
  // Makes the folder (0700) if it is not there, and removes what was half made or half removed when
  // a host ended.
  Clones(const Git& git, std::filesystem::path folder, const Clock& clock);

  // Makes one from the mirror as it is, by the mirror's git. Throws Error{conflict} when the item
  // has one already, {not_found} when the forge has no such base branch, {invalid} for a name that
  // git does not take.
  [[nodiscard]] Clone make(const Mirror& mirror, const CloneRequest& request) const;

  [[nodiscard]] std::optional<Clone> find(const WorkItem& item) const;
  // Finds the one of that owner and marks it as used now, before anything is done in it: whoever
  // looked at it before that removes it no more. Nothing: there is none, or it is another's.
  [[nodiscard]] std::optional<Clone> take(const WorkItem& item, std::int64_t owner) const;
  // Gives it a name by which no item finds it, so that there may be a new one of its item. With all
  // in it, and listed like any other. REQUIRES: hold() of its item
  void set_aside(const Clone& clone) const;
  [[nodiscard]] CloneList list() const;
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

  // Has it in hand for a step of the item, whether it is there or not. Waits for who clears up.
  [[nodiscard]] CloneHold hold(const WorkItem& item) const {
    return holds_.hold(folder_name(item));
  }
  // To look whether it may go. Nothing: a step is at work in it, or has been since it was listed.
  [[nodiscard]] std::optional<CloneHold> hold_unused(const Clone& clone) const;

  // Writes its record down, as used now.
  void save(Clone& clone) const;
  // For good, with all in it, whatever modes and however deep. Whether it may go is the caller's to
  // know (disk.hpp). Throws Error{conflict} when its record is another by now: it was used since
  // the caller looked.
  void remove(const Clone& clone) const;

 private:
  void fill(const std::filesystem::path& tree, const Mirror& mirror, const CloneRequest& request,
            const ObjectId& base, const ObjectId& start) const;

  const Git* git_;
  std::filesystem::path folder_;
  const Clock* clock_;
  mutable std::mutex hands_;  // on records: one is taken, or goes
  CloneHolds holds_;
};

}  // namespace host::workspaces
