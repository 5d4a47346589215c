// SPDX-License-Identifier: Apache-2.0
//
// Frames from a worker, which a plugin can write as it likes. Properties: nothing but Error comes
// out; how the stream is cut into reads changes nothing; a frame that is taken is put together
// again to the same bytes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "workers/frame.hpp"
#include "workers/message.hpp"

namespace {

using namespace host;

constexpr std::size_t kCap = 4096;

struct Decoded {
  std::string frames;  // put together again
  int count = 0;
  bool lost = false;
};

void read_body(const Frame& frame) {
  try {
    switch (frame.type) {
      case FrameType::hello: (void)decode_hello(frame.body); break;
      case FrameType::job: (void)decode_job(frame.body); break;
      case FrameType::answer: (void)decode_answer(frame.body); break;
      case FrameType::ready: (void)decode_ready(frame.body); break;
      case FrameType::refused: (void)decode_refused(frame.body); break;
      case FrameType::call: (void)decode_call(frame.body); break;
      case FrameType::log: (void)decode_log(frame.body); break;
      case FrameType::result: {
        const auto result = decode_result(frame.body);
        std::string again;
        encode_to(again, result);
        if (again != frame.body) std::abort();
        break;
      }
      default: break;
    }
  } catch (const Error&) {
  }
}

Decoded decode(std::string_view bytes, std::size_t step) {
  Decoded out;
  FrameDecoder decoder(kCap);
  try {
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      decoder.feed(bytes.substr(at, step));
      while (const auto frame = decoder.next()) {
        read_body(*frame);
        append_frame(out.frames, frame->type, frame->run, frame->body);
        ++out.count;
      }
      if (decoder.buffered() > kCap + step) std::abort();
    }
  } catch (const Error&) {
    out.lost = true;
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto whole = decode(bytes, bytes.size() + 1);
  const auto cut = decode(bytes, data[0] % 37 + 1);
  if (whole.count != cut.count || whole.lost != cut.lost || whole.frames != cut.frames)
    std::abort();
  if (bytes.substr(0, whole.frames.size()) != whole.frames) std::abort();
  return 0;
}
