// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <mutex>
#include <span>
#include <string>
#include <string_view>

#include "base/file.hpp"
#include "workers/frame.hpp"

namespace host::caged {

// What came on the channel: up to as many bytes as there was room for, 0 at its end, -1 with errno;
// and the descriptor that came with them, if one did.
struct Received {
  ssize_t count = 0;
  Fd descriptor;
};
// Blocks. Only before the cage, which denies it.
[[nodiscard]] Received receive(int channel, std::span<char> bytes);

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
