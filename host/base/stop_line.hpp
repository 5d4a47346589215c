// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/file.hpp"

namespace host {

// Tells those who wait on other threads that nothing is wanted any more. Pulled once, for good. Any
// thread.
class StopLine {
 public:
  // Throws Error.
  StopLine();

  void pull() noexcept;
  [[nodiscard]] bool pulled() const noexcept;
  // Readable once it is pulled.
  [[nodiscard]] int fd() const noexcept { return event_.get(); }

 private:
  Fd event_;
};

}  // namespace host
