// SPDX-License-Identifier: Apache-2.0
#include "base/loop_door.hpp"

#include <utility>

#include "base/loop.hpp"

namespace host {

void LoopDoor::post(std::function<void()> work) {
  const std::scoped_lock lock(mutex_);
  if (loop_ == nullptr) return;
  loop_->post([door = weak_from_this(), work = std::move(work)] {
    // Only the loop's own thread closes it: so it stays open for as long as the work takes, and to
    // look takes no lock, which whoever posted this may still hold.
    const auto self = door.lock();
    if (self && self->loop_ != nullptr) work();
  });
}

void LoopDoor::close() {
  const std::scoped_lock lock(mutex_);
  loop_ = nullptr;
}

}  // namespace host
