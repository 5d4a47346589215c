// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/file.hpp"

namespace host {

// Tells those who wait on other threads that nothing is wanted any more. Pulled once, for good. Any
// thread.
class StopLine {
 public:
  // Throws Error.
  StopLine();
  // One of a part: pulled as soon as it is pulled itself, or `whole` is. Null: only itself.
  explicit StopLine(std::shared_ptr<const StopLine> whole);

  void pull() noexcept;
  [[nodiscard]] bool pulled() const noexcept;
  // Readable once it is pulled.
  [[nodiscard]] int fd() const noexcept { return either_ ? either_.get() : event_.get(); }

 private:
  Fd event_;
  std::shared_ptr<const StopLine> whole_;
  Fd either_;  // readable with either of the two; none: there is no whole
};

}  // namespace host
