// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "store/store.hpp"
#include "tokens/day.hpp"
#include "tokens/hold.hpp"

namespace host {

// The pauses of pipelines, as the store has them, on the loop; ends each when its time comes by the
// day's clock, in the store, too. Loop thread; all that it is given outlives it.
class PauseWatch {
 public:
  PauseWatch(Store& store, Loop& loop, const DayClock& day, Log log);

  [[nodiscard]] const std::map<std::string, PipelinePause>& all() const { return pauses_; }
  // Called whenever they change.
  void set_handler(std::function<void()> handler) { handler_ = std::move(handler); }

  // What the store has now.
  void take(std::map<std::string, PipelinePause> pauses);
  // One more, which the store has.
  void add(const PipelinePause& pause);
  // Takes what the store has once its present units of work are done; tries until it can be read.
  void reread();

 private:
  void arm();
  void end_what_is_over();

  Store& store_;
  Loop& loop_;
  const DayClock& day_;
  Log log_;
  std::map<std::string, PipelinePause> pauses_;
  std::function<void()> handler_;
  Timer timer_;
  Timer reading_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace host
