// SPDX-License-Identifier: Apache-2.0
#include "base/inotify.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/file.hpp"

namespace host {

Inotify::Inotify(boost::asio::io_context& context,
                 std::function<void(const inotify_event&, const char*)> event,
                 std::function<void()> read)
    : stream_(context), event_(std::move(event)), read_(std::move(read)) {}

Inotify::~Inotify() {
  boost::system::error_code ignored;
  stream_.close(ignored);
}

bool Inotify::open() {
  Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd) return false;
  stream_.assign(fd.release());
  wait();
  return true;
}

int Inotify::add(const std::filesystem::path& path, std::uint32_t mask) {
  return ::inotify_add_watch(stream_.native_handle(), path.c_str(), mask);
}

void Inotify::remove(int watch) {
  if (watch >= 0) ::inotify_rm_watch(stream_.native_handle(), watch);
}

void Inotify::wait() {
  // One that is ready already is called although the stream was closed.
  stream_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [this, alive = std::weak_ptr(alive_)](const boost::system::error_code& error) {
                       if (!error && !alive.expired()) read();
                     });
}

void Inotify::read() {
  ++wakeups_;
  alignas(inotify_event) std::array<char, 16384> block;
  for (;;) {
    const auto got = ::read(stream_.native_handle(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      inotify_event event;
      std::memcpy(&event, block.data() + at, sizeof event);
      const char* name = event.len > 0 ? block.data() + at + sizeof event : "";
      at += sizeof event + event.len;
      event_(event, name);
    }
  }
  read_();
  wait();
}

}  // namespace host
