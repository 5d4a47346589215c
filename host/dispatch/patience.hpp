// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <utility>

#include "base/clock.hpp"
#include "base/loop.hpp"

namespace host::dispatch {

// How long a run may go on that is refused tokens and gets none. Time in which another call of it
// is with a model does not count, since that one may hold all that is left; an answer brings all of
// it back. Loop thread; the loop outlives it.
class Patience {
 public:
  // `lost` is called once it is used up, never from inside a call.
  Patience(Loop& loop, Duration most, std::function<void()> lost)
      : loop_(loop), most_(most), left_(most), lost_(std::move(lost)) {}

  // `counts`: it is for the run to ask for less, or to end. `others`: other calls are with a model.
  void refused(bool counts, bool others);
  // Whether any call is with a model.
  void with_model(bool any);
  void answered();
  // The run has ended.
  void end() { timer_.cancel(); }

 private:
  void go_on();
  void rest();

  Loop& loop_;
  Duration most_;
  Duration left_;  // when it last went on
  std::function<void()> lost_;
  bool counts_ = false;  // it was refused so since the last answer
  MonotonicTime since_;
  Timer timer_;
};

}  // namespace host::dispatch
