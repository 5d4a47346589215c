// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "workspaces/clone.hpp"

namespace host::dispatch {

// A clone for the gates' commands, as the imported work has it: nothing of the agent's has run in
// it, and what is in no commit is not there. Removed when this goes, with all that the commands
// left. Blocks. One at a time for each item. While it lives its name is in use (DiskRoom), and the
// cage of the commands has its tree as the one folder that they may write.
class VerifyClone {
 public:
  // A clone that a host left behind when it ended is removed first. Throws as Clones::make(), and
  // Error{conflict} when the imported work is not `head`.
  VerifyClone(const workspaces::Clones& clones, const workspaces::Mirror& mirror,
              workspaces::WorkItem item, const std::string& branch, const std::string& base_branch,
              const workspaces::ObjectId& head);
  ~VerifyClone();
  VerifyClone(const VerifyClone&) = delete;
  VerifyClone& operator=(const VerifyClone&) = delete;

  [[nodiscard]] const workspaces::Clone& clone() const { return *clone_; }
  [[nodiscard]] std::filesystem::path tree() const { return clone_->tree(); }

 private:
  const workspaces::Clones* clones_;
  workspaces::CloneHold held_;
  std::optional<workspaces::Clone> clone_;
};

}  // namespace host::dispatch
