// SPDX-License-Identifier: Apache-2.0
#include "workers/output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>

#include "base/error.hpp"
#include "base/fake_loop.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;

struct Lines {
  std::vector<std::string> all;
  std::function<void(std::string_view)> take = [this](std::string_view line) {
    all.emplace_back(line);
  };
};

TEST(Printable, LeavesNothingThatMovesATerminal) {
  EXPECT_EQ(printable("a\tb\nc\r\x1b[2J\x7f"), "a\tb\\nc\\x0d\\x1b[2J\\x7f");
  EXPECT_EQ(printable("gr\xc3\xbc\xc3\x9f"), "gr\xc3\xbc\xc3\x9f");
  EXPECT_EQ(printable(std::string(3 * kLineCap, '\n')).size(), kLineCap);
}

TEST(LineSplitter, CutsAtLineEndsWhereverTheReadsEnd) {
  Lines lines;
  LineSplitter splitter;
  splitter.feed("one\ntw", lines.take);
  splitter.feed("o\n\nthree", lines.take);
  EXPECT_EQ(lines.all, (std::vector<std::string>{"one", "two", ""}));
  splitter.finish(lines.take);
  EXPECT_EQ(lines.all.back(), "three");
}

TEST(LineSplitter, KeepsNoMoreOfALineThanItShows) {
  Lines lines;
  LineSplitter splitter;
  for (int i = 0; i < 100; ++i) splitter.feed(std::string(1000, 'x'), lines.take);
  splitter.feed("\nnext\n", lines.take);
  ASSERT_EQ(lines.all.size(), 2u);
  EXPECT_EQ(lines.all[0].size(), kLineCap);
  EXPECT_EQ(lines.all[1], "next");
}

TEST(LineLimit, LetsABurstPassAndThenSoManyASecond) {
  LineLimit limit(10, 3);
  const MonotonicTime start{1h};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(limit.pass(start));
  EXPECT_FALSE(limit.pass(start));
  EXPECT_FALSE(limit.pass(start + 50ms));
  EXPECT_TRUE(limit.pass(start + 100ms));
  EXPECT_FALSE(limit.pass(start + 100ms));
  EXPECT_EQ(limit.take_dropped(), 3u);
  EXPECT_EQ(limit.take_dropped(), 0u);
  for (int i = 0; i < 3; ++i)
    EXPECT_TRUE(limit.pass(start + 1h)) << "no more than the burst comes back";
  EXPECT_FALSE(limit.pass(start + 1h));
}

TEST(LastLines, KeepTheEnd) {
  LastLines last(10);
  for (const auto* line : {"aaaa", "bbbb", "cccc"}) last.add(line);
  EXPECT_EQ(last.text(), "bbbb\ncccc");
  last.add(std::string(50, 'd'));
  EXPECT_EQ(last.text(), std::string(10, 'd'));
  last.clear();
  EXPECT_EQ(last.text(), "");
}

TEST(OutputPipe, SlowsAFloodDownInsteadOfItsReader) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  const Fd write(ends[1]);
  boost::asio::io_context context;
  FakeLoop loop;
  Lines lines;
  OutputPipe pipe(
      context, loop, Fd(ends[0]), [] {}, lines.take);
  const std::string block = std::string(1023, 'x') + '\n';
  const auto fill = [&] {
    while (::write(write.get(), block.data(), block.size()) > 0) {
    }
  };
  for (int i = 0; i < 1000; ++i) fill(), pipe.read_now();
  const auto first = lines.all.size();
  EXPECT_LE(first * block.size(), OutputPipe::kReadCap + 64 * 1024);
  loop.advance(OutputPipe::kReadPeriod);
  pipe.read_now();
  EXPECT_GT(lines.all.size(), first);
  fill();
  pipe.read_rest();
  EXPECT_EQ(::write(write.get(), "x", 1), 1) << "the rest was taken, whatever the cap";
}

}  // namespace
}  // namespace host
