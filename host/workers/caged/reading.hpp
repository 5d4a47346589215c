// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <functional>
#include <mutex>
#include <string_view>
#include <thread>

#include "base/file.hpp"

namespace host::caged {

// Reads the channel, by turns of two threads. One stands ready all the time, so that a cancel and
// the end of file are seen while plugin code runs. The task thread reads itself while it waits for
// what comes on the channel, a job or an answer: to be woken by the kernel, rather than by a thread
// that the kernel has woken, is half the way. The process ends at the end of file.
class Reading {
 public:
  using Take = std::function<void(std::string_view bytes)>;
  using Done = std::function<bool()>;

  // `channel` is not owned. `take` gets what was read, on the thread that has the turn. Throws.
  Reading(int channel, Take take);

  // Reads whenever the task thread does not. What `take` throws ends the process.
  [[noreturn]] void stand_ready();

  // This is the task thread from now on.
  void set_task_thread() { task_thread_ = std::this_thread::get_id(); }
  [[nodiscard]] bool on_task_thread() const { return std::this_thread::get_id() == task_thread_; }

  // Reads until `done`. Task thread.
  void read_until(const Done& done);
  // The same, at most until `until`. Says whether it is done.
  bool read_until(const Done& done, std::chrono::steady_clock::time_point until);

 private:
  // The task thread's turn: the other one is not even woken.
  class Turn {
   public:
    explicit Turn(Reading& reading);
    ~Turn();

   private:
    Reading& reading_;
    std::scoped_lock<std::mutex> lock_;
  };

  [[nodiscard]] bool wait(int timeout_ms) const;
  void read();
  void watch(bool on);

  int channel_;
  Take take_;
  Fd ready_;  // an epoll of the channel, which the thread that stands ready waits for
  std::thread::id task_thread_;
  std::mutex turn_;
  std::array<char, 64 * 1024> bytes_;
};

}  // namespace host::caged
