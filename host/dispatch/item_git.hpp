// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "dispatch/item.hpp"
#include "workspaces/clone.hpp"
#include "workspaces/disk.hpp"
#include "workspaces/mirror.hpp"

namespace host::dispatch {

// The host's repositories: a mirror of each that it works on, and a clone for each item. Any
// thread.
class ItemGit {
 public:
  // Makes the folders. Throws Error{unsupported} without a git that is new enough, {io}.
  ItemGit(workspaces::GitSettings settings, std::filesystem::path mirrors,
          const std::filesystem::path& clones, const Clock& clock);

  // Made where there is none. Before its first use in this life of the host what an earlier one
  // left half done in it is cleared away, which waits for a git of that one's.
  [[nodiscard]] workspaces::Mirror mirror_of(const workspaces::WorkItem& item) const {
    return mirror_of(item, git_);
  }
  [[nodiscard]] workspaces::Mirror mirror_of(const Item& item) const {
    return mirror_of(item, git_);
  }
  // The same, worked on by a git of the caller's (git() and Git::stopped_by()), which outlives it.
  [[nodiscard]] workspaces::Mirror mirror_of(const workspaces::WorkItem& item,
                                             const workspaces::Git& git) const;
  [[nodiscard]] workspaces::Mirror mirror_of(const Item& item, const workspaces::Git& git) const;
  // The names of the mirrors that there are, folder_name() of their repositories; and one of them.
  [[nodiscard]] std::vector<std::string> mirrors() const;
  [[nodiscard]] workspaces::Mirror mirror_named(const std::string& name) const {
    return mirror_named(name, git_);
  }
  [[nodiscard]] const workspaces::Clones& clones() const { return clones_; }
  [[nodiscard]] const workspaces::Git& git() const { return git_; }

 private:
  [[nodiscard]] workspaces::Mirror mirror_named(const std::string& name,
                                                const workspaces::Git& git) const;

  workspaces::Git git_;
  std::filesystem::path mirrors_;
  workspaces::Clones clones_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, std::unique_ptr<std::once_flag>> recovered_;  // by name
};

// How a repository is reached at the forge.
struct ForgeAccess {
  workspaces::GitRemote remote;
  Secret token;
};
// Asked anew for each fetch and push, since tokens change. Loop thread. Throws Error{usage} where
// no forge is configured, and as TokenSource::get().
using AccessForge = std::function<ForgeAccess(const std::string& repository)>;

[[nodiscard]] workspaces::WorkItem work_item(const Item& item);
// Whose clone the checks of an item run in. No playbook has a '.' in its name, so it is no agent's.
[[nodiscard]] workspaces::WorkItem checked_item(workspaces::WorkItem item);
// Of a text that was taken from one. Throws Error{corrupt}.
[[nodiscard]] workspaces::ObjectId commit_named(const std::string& text);

// Those that a step of an item is in at that moment.
[[nodiscard]] workspaces::ClonesInUse clones_in_use(const std::vector<Item>& live, WallTime now);

// Takes the forge's branches as they are now. Blocks.
void fetch(const workspaces::Mirror& mirror, const ForgeAccess& access);

}  // namespace host::dispatch
