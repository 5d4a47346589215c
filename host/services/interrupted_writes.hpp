// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "services/gitea_service.hpp"

namespace host {

// Finds out what became of writes that were interrupted, until nothing is open. Two looks at once
// would read and record each of them twice, so there is one at a time, whoever asks. Loop thread.
class InterruptedWrites {
 public:
  // All outlive this. `known` is called after each look that left nothing open: jobs that write
  // there may begin.
  InterruptedWrites(Gitea& gitea, Store& store, Loop& loop, Log log, std::function<void()> known);

  // At start, and when the forge is back. While something is left open it looks again by itself, as
  // long as the forge is there.
  void look();
  // No further look before the next look().
  void rest();

  [[nodiscard]] int open() const { return found_.open; }
  // "gitea/1.add_labels on org/app#7", of the open ones.
  [[nodiscard]] const std::string& first_open() const { return found_.first_open; }

 private:
  void ask();
  void told(Result<ResolvedIntents> intents);

  Gitea* gitea_;
  Store* store_;
  Loop* loop_;
  Log log_;
  std::function<void()> known_;
  ResolvedIntents found_;
  bool asking_ = false;
  bool resting_ = false;
  int tries_ = 0;  // since nothing was open
  Duration pause_{};
  Timer again_;
};

}  // namespace host
