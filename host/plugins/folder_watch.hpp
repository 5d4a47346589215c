// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"

namespace host {

// Tells when something in the plugin folders changed: a file dropped in, replaced, cut, removed,
// its mode changed; a folder that was missing appears. inotify, no polling: idle costs nothing.
// Loop thread.
class FolderWatch {
 public:
  // After the last change it waits for `settle` of quiet, at most ten times that, then calls
  // `changed` once, on the loop. None is owned but the handler; `context` and `loop` outlive it.
  // Where inotify can't be had, it says so in the log (changes are then seen on reload only) and
  // stays silent.
  FolderWatch(boost::asio::io_context& context, Loop& loop, Log log,
              std::vector<std::filesystem::path> folders, std::function<void()> changed,
              Duration settle = std::chrono::milliseconds(200));
  ~FolderWatch();
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  // Whether the kernel gave a watch for every folder, or for the parent in which it will appear.
  [[nodiscard]] bool working() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace host
