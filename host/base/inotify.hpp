// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/inotify.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>

namespace host {

// The kernel's inotify(7) on the loop: its watches by their numbers, its events as they come. What
// they mean is for whoever watches. Loop thread.
class Inotify {
 public:
  // `event`: each one, with the name in the folder that it is about, or "". `read`: after those
  // that came together. Neither may destroy this. `context` outlives it.
  Inotify(boost::asio::io_context& context,
          std::function<void(const inotify_event&, const char* name)> event,
          std::function<void()> read);
  ~Inotify();
  Inotify(const Inotify&) = delete;
  Inotify& operator=(const Inotify&) = delete;

  // Begins. False, with errno, where the kernel gives no more of these.
  [[nodiscard]] bool open();

  // The watch's number, or -1 with errno. REQUIRES: open().
  [[nodiscard]] int add(const std::filesystem::path& path, std::uint32_t mask);
  // Nothing for -1 and for one that has gone.
  void remove(int watch);

  // How often the kernel had something to tell.
  [[nodiscard]] std::size_t wakeups() const { return wakeups_; }

 private:
  void wait();
  void read();

  boost::asio::posix::stream_descriptor stream_;
  std::function<void(const inotify_event&, const char*)> event_;
  std::function<void()> read_;
  std::size_t wakeups_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace host
