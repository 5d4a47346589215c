// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/loop.hpp"
#include "runs/run_frame.hpp"

namespace host::runs {

// A host's end of the channel to a run's supervisor. Never blocks. A run that floods its output is
// slowed down, not its host: at most kReadCap bytes are taken in kReadPeriod. Loop thread.
class RunChannel {
 public:
  static constexpr std::size_t kReadCap = 1u << 20;
  static constexpr Duration kReadPeriod = std::chrono::milliseconds(50);

  // Any of these may destroy the channel.
  struct Events {
    std::function<void(const RunFrame&)> frame;  // throws Error on one that breaks the protocol
    std::function<void()> after_frames;          // all that was read has been handed out
    // It is closed: nullopt when the supervisor closed it. The last event.
    std::function<void(std::optional<Error>)> lost;
  };

  RunChannel(boost::asio::io_context& context, Loop& loop, Fd socket, Events events);
  ~RunChannel();

  // The first frame, with copies of descriptors. Throws when the socket takes nothing.
  void send_first(RunFrameType type, std::string_view body, const std::vector<int>& descriptors);
  // Ignored once the channel is lost.
  void send(RunFrameType type, std::string_view body);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host::runs
