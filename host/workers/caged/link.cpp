// SPDX-License-Identifier: Apache-2.0
#include "workers/caged/link.hpp"

#include <errno.h>
#include <unistd.h>

#include <array>

namespace host::caged {
namespace {

// An allocation may fail while a frame is put together, under the lock.
thread_local bool sending = false;

struct Sending {
  explicit Sending(std::mutex& mutex) : lock(mutex) { sending = true; }
  ~Sending() { sending = false; }
  std::scoped_lock<std::mutex> lock;
};

void write_all(int fd, std::string_view bytes) noexcept {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) ::_exit(0);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void Link::send(FrameType type, RunId run, std::string_view body) {
  const Sending guard(mutex_);
  append_frame(kept_, type, run, body);
  flush_locked();
}

void Link::keep(FrameType type, RunId run, std::string_view body) {
  const Sending guard(mutex_);
  append_frame(kept_, type, run, body);
}

void Link::flush() {
  const Sending guard(mutex_);
  flush_locked();
}

void Link::flush_locked() {
  write_all(fd_, kept_);
  kept_.clear();
}

void Link::send_memory() noexcept {
  if (sending) return;
  std::array<char, kFrameHeader> frame{};
  frame[0] = static_cast<char>(kFrameHeader - 4);
  frame[4] = static_cast<char>(FrameType::memory);
  const Sending guard(mutex_);
  write_all(fd_, {frame.data(), frame.size()});
}

}  // namespace host::caged
