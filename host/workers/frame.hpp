// SPDX-License-Identifier: Apache-2.0
//
// The frames between host and worker, and how they are cut out of a byte stream. Both sides treat
// what they read as hostile: a plugin can write on its worker's channel.
//
//   u32 LE  length of all that follows: 17 + the body's
//   u8      type
//   i64 LE  job          \ which run this is about; 0 and 0 when it is about none
//   i64 LE  run lease    /
//   ...     body, see message.hpp
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.hpp"

namespace host {

// Versions of the frames, their bodies and what comes with them. `hello` lists those that the host
// speaks, `ready` names the one that the worker took. In version 1 the plugin was a descriptor from
// the start, now it comes with `hello`.
inline constexpr int kFrameVersion = 2;

enum class FrameType : std::uint8_t {
  // host to worker
  hello = 1,     // who you are and what you may touch; the first frame
  job = 2,       // run this, after those sent before
  cancel = 3,    // this run should stop; one that has not begun is dropped
  answer = 4,    // to a `call`
  withdraw = 6,  // drop this run if it has not begun
  quit = 5,      // finish what has begun, drop the rest, destroy the plugin, exit
  // worker to host
  ready = 16,    // the cage is on and the plugin made; the first frame
  refused = 17,  // no plugin could be made; the worker exits
  begun = 18,    // this run's code is about to be called; its deadline starts
  result = 19,   // this run has ended
  dropped = 20,  // this run will not begin here: it was cancelled or withdrawn
  call = 21,     // a service call of this run
  log = 22,      // a line for the host's log
  memory = 23,   // an allocation failed
};

inline constexpr std::size_t kFrameHeader = 4 + 1 + 8 + 8;

// The largest frame, header included. Room for a body of 8 MiB, the most that a service answers,
// with its JSON escapes.
inline constexpr std::size_t kFrameCap = 16 * 1024 * 1024;

struct Frame {
  FrameType type;
  RunId run;
  std::string_view body;
};

// Appends a frame to `out`. Throws Error{too_large} when it would be over kFrameCap; `out` is then
// unchanged.
void append_frame(std::string& out, FrameType type, RunId run, std::string_view body);

// Cuts frames out of bytes as they come. Never allocates for what a header merely claims: it holds
// at most one unfinished frame and the bytes of one feed(). Not thread-safe.
class FrameDecoder {
 public:
  // `cap`: the largest frame that is taken, header included.
  explicit FrameDecoder(std::size_t cap = kFrameCap) : cap_(cap) {}

  // Takes the next bytes of the stream.
  void feed(std::string_view bytes);

  // The next whole frame, or nullopt until more is fed. Its body points into the decoder and is
  // valid until the next feed(). Its type is any byte; the reader refuses what it does not know.
  // Throws Error{invalid} on a length below the header's, Error{too_large} on one above the cap;
  // the stream is lost then, and every further call throws again.
  [[nodiscard]] std::optional<Frame> next();

  // Bytes of a frame that is not whole yet.
  [[nodiscard]] std::size_t buffered() const noexcept { return buffer_.size() - start_; }

 private:
  std::size_t cap_;
  std::string buffer_;
  std::size_t start_ = 0;  // of the first byte that was not handed out
};

}  // namespace host
