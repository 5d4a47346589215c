// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone_hold.hpp"

#include <condition_variable>
#include <mutex>
#include <set>

namespace host::workspaces {

struct CloneHold::Held {
  std::mutex mutex;
  std::condition_variable changed;
  std::set<std::string> names;
};

CloneHold::~CloneHold() {
  if (!held_) return;
  const std::scoped_lock locked(held_->mutex);
  held_->names.erase(name_);
  held_->changed.notify_all();
}

CloneHolds::CloneHolds() : held_(std::make_shared<CloneHold::Held>()) {}

CloneHold CloneHolds::hold(const std::string& name) const {
  std::unique_lock locked(held_->mutex);
  held_->changed.wait(locked, [&] { return !held_->names.contains(name); });
  held_->names.insert(name);
  return {held_, name};
}

std::optional<CloneHold> CloneHolds::try_hold(const std::string& name) const {
  const std::scoped_lock locked(held_->mutex);
  if (!held_->names.insert(name).second) return std::nullopt;
  return CloneHold(held_, name);
}

}  // namespace host::workspaces
