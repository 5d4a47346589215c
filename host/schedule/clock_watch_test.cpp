// SPDX-License-Identifier: Apache-2.0
#include "schedule/clock_watch.hpp"

#include <gtest/gtest.h>
#include <sys/timex.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <memory>

namespace host {
namespace {

using namespace std::chrono_literals;

// Sets the system clock by a nanosecond, forwards and backwards in turn.
bool set_clock() {
  static bool forwards = false;
  forwards = !forwards;
  timex request{};
  request.modes = ADJ_SETOFFSET | ADJ_NANO;
  request.time.tv_sec = forwards ? 0 : -1;
  request.time.tv_usec = forwards ? 1 : 999999999;
  return ::adjtimex(&request) >= 0;
}

TEST(ClockWatch, SaysSoEachTimeThatTheClockIsSet) {
  boost::asio::io_context context;
  int changes = 0;
  const ClockWatch watch(context, [&] {
    ++changes;
    context.stop();
  });
  if (!set_clock()) GTEST_SKIP() << "setting the system clock is not permitted here (CAP_SYS_TIME)";
  context.run_for(5s);
  EXPECT_EQ(changes, 1);
  context.restart();
  EXPECT_TRUE(set_clock());
  context.run_for(5s);
  EXPECT_EQ(changes, 2);
}

TEST(ClockWatch, IsSilentWhileNobodySetsTheClockAndOnceItIsGone) {
  boost::asio::io_context context;
  auto watch = std::make_unique<ClockWatch>(context, [] { FAIL() << "nobody set the clock"; });
  context.poll();
  EXPECT_FALSE(context.stopped());
  watch.reset();
  context.run();
  EXPECT_TRUE(context.stopped());
}

}  // namespace
}  // namespace host
