// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_clone.hpp"

#include "base/error.hpp"
#include "dispatch/item_git.hpp"

namespace host::dispatch {

using workspaces::Clone;
using workspaces::Clones;
using workspaces::Mirror;
using workspaces::ObjectId;
using workspaces::WorkItem;

VerifyClone::VerifyClone(const Clones& clones, const Mirror& mirror, WorkItem item,
                         const std::string& branch, const std::string& base_branch,
                         const ObjectId& head)
    : clones_(&clones), held_(clones.hold(checked_item(item))) {
  if (mirror.work_head(branch) != head)
    throw Error(Code::conflict, "what is imported for " + branch + " is not " + head.text(),
                "Take the work in again.");
  item = checked_item(std::move(item));
  if (const auto left = clones.find(item)) clones.remove(*left);
  clone_ = clones.make(mirror, {.item = std::move(item),
                                .branch = branch,
                                .base_branch = base_branch,
                                .resume = true,
                                .disposable = true});
}

VerifyClone::~VerifyClone() {
  try {
    if (clone_) clones_->remove(*clone_);
  } catch (...) {
    // It stays as one that may go: the next one of the item, or the disk's room, removes it.
  }
}

}  // namespace host::dispatch
