// SPDX-License-Identifier: Apache-2.0
#include "runs/run_frame.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.hpp"

namespace host::runs {
namespace {

std::string frames() {
  std::string bytes;
  append_run_frame(bytes, RunFrameType::output, "one");
  append_run_frame(bytes, RunFrameType::alive, "");
  append_run_frame(bytes, RunFrameType::ended, "{}");
  return bytes;
}

TEST(RunFrames, AreCutAsTheyWereMadeHoweverTheyArrive) {
  const auto bytes = frames();
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    RunFrameReader reader;
    std::string seen;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      reader.feed(std::string_view(bytes).substr(at, piece));
      while (const auto frame = reader.next())
        seen += std::to_string(static_cast<int>(frame->type)) + std::string(frame->body) + ";";
    }
    EXPECT_EQ(seen, "17one;2;18{};");
  }
}

TEST(RunFrames, OfNoLengthOrTooMuchAreAnError) {
  RunFrameReader none;
  none.feed(std::string_view("\0\0\0\0\1", 5));
  EXPECT_THROW((void)none.next(), Error);
  RunFrameReader huge;
  huge.feed("\xff\xff\xff\x7f\1");
  EXPECT_THROW((void)huge.next(), Error);
  std::string out;
  EXPECT_THROW(append_run_frame(out, RunFrameType::output, std::string(kRunFrameCap, 'x')), Error);
}

TEST(RunFrames, BringDescriptorsAlong) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const Fd ours(ends[0]);
  const Fd theirs(ends[1]);
  const Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  send_with_descriptors(ours.get(), "abc", {file.get(), file.get()});
  const auto received = receive_with_descriptors(theirs.get(), 100);
  EXPECT_EQ(received.bytes, "abc");
  ASSERT_EQ(received.descriptors.size(), 2u);
  EXPECT_NE(::fcntl(received.descriptors[0].get(), F_GETFD) & FD_CLOEXEC, 0);
}

}  // namespace
}  // namespace host::runs
