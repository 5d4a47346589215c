// SPDX-License-Identifier: Apache-2.0
#include "workers/frame.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "base/error.hpp"
#include "base/file.hpp"

// The fuzz target, compiled in: its corpus is replayed here.
namespace host {
namespace {

constexpr RunId kRun{JobId(7), RunLease(-9)};

std::string frame(FrameType type, RunId run, std::string_view body) {
  std::string out;
  append_frame(out, type, run, body);
  return out;
}

Code code_of(FrameDecoder& decoder) {
  try {
    (void)decoder.next();
  } catch (const Error& error) {
    return error.code();
  }
  return Code::internal;
}

TEST(Frame, StandsInBytesAsStated) {
  EXPECT_EQ(frame(FrameType::begun, {JobId(0x0102), RunLease(3)}, "xy"),
            std::string("\x13\0\0\0\x12\x02\x01\0\0\0\0\0\0\x03\0\0\0\0\0\0\0xy", 23));
}

TEST(Frame, ComesOutAsItWentIn) {
  FrameDecoder decoder;
  decoder.feed(frame(FrameType::result, kRun, "body") + frame(FrameType::log, {}, ""));
  const auto first = decoder.next();
  ASSERT_TRUE(first);
  EXPECT_EQ(first->type, FrameType::result);
  EXPECT_EQ(first->run, kRun);
  EXPECT_EQ(first->body, "body");
  const auto second = decoder.next();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->body, "");
  EXPECT_FALSE(decoder.next());
  EXPECT_EQ(decoder.buffered(), 0u);
}

TEST(Frame, IsPutTogetherFromSingleBytes) {
  const auto bytes = frame(FrameType::result, kRun, "body") + frame(FrameType::call, kRun, "more");
  FrameDecoder decoder;
  std::string bodies;
  for (const char byte : bytes) {
    decoder.feed({&byte, 1});
    while (const auto next = decoder.next()) bodies += next->body;
  }
  EXPECT_EQ(bodies, "bodymore");
}

TEST(Frame, OfAnImpossibleLengthIsRefusedAtOnce) {
  FrameDecoder tiny;
  tiny.feed(std::string_view("\x10\0\0\0", 4));
  EXPECT_EQ(code_of(tiny), Code::invalid);
  EXPECT_EQ(code_of(tiny), Code::invalid) << "the stream stays lost";
  FrameDecoder huge;
  huge.feed("\xff\xff\xff\xff");
  EXPECT_EQ(code_of(huge), Code::too_large);
  EXPECT_LE(huge.buffered(), 4u) << "nothing is set aside for what a header claims";
}

TEST(Frame, MayBeExactlyAsLargeAsTheCap) {
  const auto bytes = frame(FrameType::log, kRun, std::string(100, 'x'));
  FrameDecoder fits(bytes.size());
  fits.feed(bytes);
  EXPECT_TRUE(fits.next());
  FrameDecoder small(bytes.size() - 1);
  small.feed(bytes);
  EXPECT_EQ(code_of(small), Code::too_large);

  std::string out = "before";
  EXPECT_THROW(append_frame(out, FrameType::log, kRun, std::string(kFrameCap, 'x')), Error);
  EXPECT_EQ(out, "before");
}

}  // namespace
}  // namespace host
