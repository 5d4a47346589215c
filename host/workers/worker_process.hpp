// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <signal.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/loop.hpp"
#include "workers/channel.hpp"
#include "workers/output.hpp"
#include "workers/verdict.hpp"
#include "workers/worker_program.hpp"
#include "workers/worker_spec.hpp"

namespace host {

// A timmy-worker process with its channel, its output and its scratch folder. Knows nothing of
// runs. Destroying it kills the process and removes the folder. Loop thread.
class WorkerProcess {
 public:
  struct Events {
    std::function<void(const Frame&)> frame;     // throws Error: the protocol is broken
    std::function<void()> after_frames;          // all that was there has been handed out
    std::function<void(std::string_view)> line;  // of stdout or stderr, without its end
    // The process has ended, and everything that it said has been handed out. The last event.
    std::function<void(const Death&)> died;
  };

  // Tells the program what it is for. Throws when that can't be told.
  WorkerProcess(boost::asio::io_context& context, Loop& loop, WorkerProgram program,
                const WorkerSpec& spec, const PoolSettings& settings, Events events);
  ~WorkerProcess();
  WorkerProcess(const WorkerProcess&) = delete;

  [[nodiscard]] int pid() const { return pid_; }

  // As Channel::send.
  void send(FrameType type, RunId run, std::string_view body) { channel_->send(type, run, body); }

  void terminate() { child_.signal_group(SIGTERM); }
  void kill();

  // Whether it said that an allocation had failed: if it dies now, of that.
  void note_out_of_memory(bool failed) { death_.out_of_memory = failed; }

 private:
  void send_hello(const WorkerSpec& spec, const PoolSettings& settings);
  void on_frame(const Frame& frame);
  void lost(std::optional<Error> error);
  void watch();
  void reap();

  class Watch;
  Loop& loop_;
  std::shared_ptr<const Events> events_;
  std::filesystem::path scratch_;
  Child child_;
  int pid_ = 0;
  std::unique_ptr<Channel> channel_;
  std::unique_ptr<OutputPipe> output_;
  std::unique_ptr<Watch> watch_;
  bool output_taken_ = false;      // since frames were last handed out
  std::uint64_t peak_before_ = 0;  // as WorkerProgram says
  Death death_;
  Timer lingering_;
};

// Removes a worker's folder with all in it, also what it made unreadable.
void remove_scratch(const std::filesystem::path& folder) noexcept;

}  // namespace host
