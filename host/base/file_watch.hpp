// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "base/log.hpp"
#include "base/loop.hpp"

namespace host {

// Tells when one file changed: written, replaced, removed, its mode changed; it or its folder may
// be missing, and appear. inotify, no polling. What others write into files beside it costs
// nothing; that they come and go costs a look at their names. Loop thread.
class FileWatch {
 public:
  // After the last change it waits for `settle` of quiet, at most ten times that, then calls
  // `changed` once, on the loop. `context` and `loop` outlive it. Where inotify can't be had, it
  // says so in the log (changes are then seen on reload only) and stays silent.
  FileWatch(boost::asio::io_context& context, Loop& loop, Log log, std::filesystem::path file,
            std::function<void()> changed, Duration settle = std::chrono::milliseconds(200));
  ~FileWatch();
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  // How often the kernel had something to tell.
  [[nodiscard]] std::size_t wakeups() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace host
