// SPDX-License-Identifier: Apache-2.0
//
// What a host and the supervisor of a run say to each other, over a stream socket: frames of
//   u32  length of what follows, little-endian
//   u8   type
//   the rest: as the type says
// The first is `spec`, and brings along descriptors: the run's lock, and its standard input if it
// has one. Both ends are programs of one release, which `spec` makes sure of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.hpp"

namespace host::runs {

enum class RunFrameType : std::uint8_t {
  // From the host.
  spec = 1,    // JSON: {"version": kRunFrameVersion, "run": to_json(RunSpec), "input": bool}
  alive = 2,   // empty
  cancel = 3,  // why, as text
  // From the supervisor.
  started = 16,  // JSON: to_json(InForce)
  output = 17,   // bytes as the run printed them
  ended = 18,    // JSON: to_json(RunEnding). The last
};

inline constexpr int kRunFrameVersion = 1;
inline constexpr std::size_t kRunFrameCap = 2u << 20;  // of type and body
inline constexpr std::size_t kOutputFrame = 64 * 1024;

struct RunFrame {
  RunFrameType type{};
  std::string_view body;  // until the next call of feed()
};

// Appends one. Throws Error{too_large} above kRunFrameCap.
void append_run_frame(std::string& out, RunFrameType type, std::string_view body);

// Cuts a stream into frames.
class RunFrameReader {
 public:
  void feed(std::string_view bytes);
  // The next whole one. Throws Error{invalid} on a length of none, Error{too_large} above the cap.
  [[nodiscard]] std::optional<RunFrame> next();

 private:
  std::string buffer_;
  std::size_t start_ = 0;
};

// Sends `bytes` in one call, with descriptors of which the other end gets copies. Blocks. Throws.
void send_with_descriptors(int socket, std::string_view bytes, const std::vector<int>& descriptors);

// Reads once, at most `most` bytes. Empty: the other end is gone. Throws.
struct Received {
  std::string bytes;
  std::vector<Fd> descriptors;
};
[[nodiscard]] Received receive_with_descriptors(int socket, std::size_t most);

}  // namespace host::runs
