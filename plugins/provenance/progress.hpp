// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>

namespace provenance {

// Tells people how far a run is, no more often than is of use. For one thread.
class Progress {
 public:
  // May throw, which ends the run where it is.
  using Tell = std::function<void(const std::string& text)>;

  Progress(Tell tell, std::chrono::milliseconds between)
      : tell_(std::move(tell)), between_(between) {}

  // `say` makes the text, where it is time for one.
  template <class Say>
  void operator()(Say&& say) {
    const auto now = std::chrono::steady_clock::now();
    if (now - told_ < between_) return;
    told_ = now;
    tell_(say());
  }

 private:
  Tell tell_;
  std::chrono::milliseconds between_;
  std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

}  // namespace provenance
