// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "base/loop.hpp"

namespace host {

// The end of work whose last note must be written, however long that end takes. Loop thread; one
// drain in its life, which ends with it.
class NotedDrain {
 public:
  struct Steps {
    std::function<void(std::function<void()> ended)> end_work;
    std::function<void()> gives_up;    // `grace` is over, and work has not ended
    std::function<void()> write_note;  // once; throws nothing
    std::function<void()> done;        // then, once
  };
  explicit NotedDrain(Loop& loop) : loop_(loop) {}
  void begin(Duration grace, Steps steps);

 private:
  Loop& loop_;
  Timer timer_;
};

}  // namespace host
