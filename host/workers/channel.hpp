// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "base/error.hpp"
#include "base/file.hpp"
#include "workers/frame.hpp"

namespace boost::asio {
class io_context;
}

namespace host {

// The host's end of a worker's channel, a stream socket. Never blocks: frames are put together and
// written once per turn of the loop; when the worker does not read, they are kept up to a cap. Loop
// thread.
class Channel {
 public:
  // What the reader does. Any of these may destroy the Channel.
  struct Events {
    std::function<void(const Frame&)> frame;  // throws Error on a frame that breaks the protocol
    std::function<void()> after_frames;       // all that was there has been handed out
    // The channel is closed: nullopt when the worker closed it, else how it broke the protocol. The
    // last event.
    std::function<void(std::optional<Error>)> lost;
  };

  // Bytes that may wait for a worker that does not read.
  static constexpr std::size_t kUnreadCap = 64u << 20;

  Channel(boost::asio::io_context& context, Fd socket, Events events);
  ~Channel();

  // Sends a frame after those before. Ignored once the channel is lost. Throws Error{too_large}
  // for a frame over kFrameCap. A worker that leaves more than kUnreadCap unread is lost.
  void send(FrameType type, RunId run, std::string_view body);

  // The first frame, with a descriptor of which the other end gets a copy: before any send().
  // Written at once, as far as the socket takes it. Throws Error{io} when it takes nothing.
  void send_first(FrameType type, std::string_view body, int descriptor);

  // Hands out now what can be read, up to one buffer's worth.
  void read_now();
  // Hands out all that can be read: the worker is dead.
  void read_rest();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

// A connected pair of stream sockets, both close-on-exec. Throws.
struct SocketPair {
  SocketPair();
  Fd ours;
  Fd theirs;
};

}  // namespace host
