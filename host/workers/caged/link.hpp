// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "workers/frame.hpp"

namespace host::caged {

// The worker's end of the channel, for writing. Blocks when the host does not read. When the
// channel is gone the process ends: nobody is left to work for. Any thread.
class Link {
 public:
  // `fd` is not owned.
  explicit Link(int fd) : fd_(fd) {}

  // Sends a frame, and what was kept before it. Throws Error{too_large}.
  void send(FrameType type, RunId run, std::string_view body);

  // Keeps a frame for the next send() or flush(), so that several go out in one write.
  void keep(FrameType type, RunId run, std::string_view body);
  void flush();

  // Sends a `memory` frame without allocating. Does nothing on a thread that is sending just now.
  void send_memory() noexcept;

 private:
  void flush_locked();

  int fd_;
  std::mutex mutex_;
  std::string kept_;
};

}  // namespace host::caged
