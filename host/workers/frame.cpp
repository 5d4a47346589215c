// SPDX-License-Identifier: Apache-2.0
#include "workers/frame.hpp"

#include <bit>
#include <cstring>

#include "base/error.hpp"

namespace host {
namespace {

static_assert(std::endian::native == std::endian::little, "frames are copied as they are");

template <class T>
T load(const char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}

template <class T>
char* store(char* at, T value) {
  std::memcpy(at, &value, sizeof value);
  return at + sizeof value;
}

constexpr std::size_t kAfterLength = kFrameHeader - 4;
constexpr std::size_t kKeptCapacity = 256 * 1024;

}  // namespace

void append_frame(std::string& out, FrameType type, RunId run, std::string_view body) {
  if (body.size() > kFrameCap - kFrameHeader)
    throw Error(Code::too_large,
                "a frame of " + std::to_string(body.size()) + " bytes, of " +
                    std::to_string(kFrameCap - kFrameHeader) + " at most",
                "Send less in one payload, result or answer");
  char header[kFrameHeader];
  char* at = store(header, static_cast<std::uint32_t>(kAfterLength + body.size()));
  at = store(at, static_cast<std::uint8_t>(type));
  at = store(at, run.job.value());
  store(at, run.lease.value());
  out.append(header, sizeof header);
  out.append(body);
}

void FrameDecoder::feed(std::string_view bytes) {
  if (start_ == buffer_.size()) {
    buffer_.clear();
    // A rare large frame must not cost its size for ever.
    if (buffer_.capacity() > kKeptCapacity) buffer_.shrink_to_fit();
    start_ = 0;
  } else if (start_ > 0) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  buffer_.append(bytes);
}

std::optional<Frame> FrameDecoder::next() {
  const std::size_t have = buffered();
  if (have < 4) return std::nullopt;
  const char* const at = buffer_.data() + start_;
  const std::size_t length = load<std::uint32_t>(at);
  if (length < kAfterLength)
    throw Error(Code::invalid, "a frame of length " + std::to_string(length) +
                                   ", expected at least " + std::to_string(kAfterLength));
  if (length > cap_ - 4)
    throw Error(Code::too_large, "a frame of length " + std::to_string(length) + ", of " +
                                     std::to_string(cap_ - 4) + " at most");
  if (have < 4 + length) return std::nullopt;
  start_ += 4 + length;
  return Frame{static_cast<FrameType>(at[4]),
               {JobId(load<std::int64_t>(at + 5)), RunLease(load<std::int64_t>(at + 13))},
               std::string_view(at + kFrameHeader, length - kAfterLength)};
}

}  // namespace host
