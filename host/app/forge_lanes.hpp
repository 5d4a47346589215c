// SPDX-License-Identifier: Apache-2.0
//
// Calls to one server about many objects, at once.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

namespace host {

// Work in lanes, one a repository. No more runs at once than the bounds say, and what starts next
// is of the lane with the least under way: one that is slow, or has much to do, holds up no other.
// Loop thread only.
class ForgeLanes : public std::enable_shared_from_this<ForgeLanes> {
 public:
  // Called once when the work is done, from wherever; keeps the lanes alive until then.
  using Done = std::function<void()>;
  using Work = std::function<void(Done)>;

  struct Bounds {
    std::size_t at_once = 8;
    std::size_t in_lane = 4;
  };
  // `idle` is called when the last of the work is done; it may add more. Never from inside add().
  ForgeLanes(Bounds bounds, std::function<void()> idle);

  // Starts it at once where the bounds allow. May be called from within work.
  void add(std::size_t lane, Work work);
  // Whether anything runs or waits.
  [[nodiscard]] bool busy() const;

 private:
  struct Lane {
    std::deque<Work> waiting;
    std::size_t running = 0;
    std::size_t started = 0;
  };
  [[nodiscard]] Lane* next();
  void pump();
  void done(std::size_t lane);

  Bounds bounds_;
  std::function<void()> idle_;
  std::vector<Lane> lanes_;
  std::size_t running_ = 0;
  bool pumping_ = false;
};

}  // namespace host
