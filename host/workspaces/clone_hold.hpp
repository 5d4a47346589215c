// SPDX-License-Identifier: Apache-2.0
//
// Which clones the host's own work is in: one piece of it at a time for each. While a step of an
// item is at work in its clone, nobody who clears up looks into it or takes it away, and the other
// way round.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace host::workspaces {

// A clone in hand, until this goes. It may outlive the CloneHolds that it is of.
class CloneHold {
 public:
  CloneHold(CloneHold&&) noexcept = default;
  CloneHold& operator=(CloneHold&&) = delete;
  ~CloneHold();

 private:
  friend class CloneHolds;
  struct Held;
  CloneHold(std::shared_ptr<Held> held, std::string name)
      : held_(std::move(held)), name_(std::move(name)) {}

  std::shared_ptr<Held> held_;
  std::string name_;
};

// Of one host; others are kept out by its own lock. Any thread.
class CloneHolds {
 public:
  CloneHolds();

  // By the name of the clone's folder, whether there is one or not. Waits until nobody has it. Who
  // has one in hand waits for no other.
  [[nodiscard]] CloneHold hold(const std::string& name) const;
  // Nothing: somebody has it.
  [[nodiscard]] std::optional<CloneHold> try_hold(const std::string& name) const;

 private:
  std::shared_ptr<CloneHold::Held> held_;
};

}  // namespace host::workspaces
