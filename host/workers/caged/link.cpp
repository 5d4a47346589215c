// SPDX-License-Identifier: Apache-2.0
#include "workers/caged/link.hpp"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
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

Received receive(int channel, std::span<char> bytes) {
  iovec part{bytes.data(), bytes.size()};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  Received received;
  received.count = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  if (received.count < 0) return received;
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
    return received;
  int descriptor = -1;
  ::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  received.descriptor = Fd(descriptor);
  return received;
}

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
