// SPDX-License-Identifier: Apache-2.0
#include "base/loop.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "base/fake_loop.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using namespace std::chrono_literals;

TEST(FakeLoop, FiresTimersInOrderAndOnlyWhenTimePasses) {
  FakeLoop loop;
  std::vector<int> fired;
  const auto late = loop.after(20ms, [&] { fired.push_back(2); });
  const auto soon = loop.after(10ms, [&] {
    fired.push_back(1);
    loop.post([&] { fired.push_back(11); });
  });
  auto never = loop.after(15ms, [&] { fired.push_back(99); });
  never.cancel();
  loop.drain();
  EXPECT_THAT(fired, ElementsAre());
  EXPECT_EQ(loop.armed(), 2u);
  loop.advance(30ms);
  EXPECT_THAT(fired, ElementsAre(1, 11, 2));
}

TEST(AsioLoop, CancelledTimersDoNotFireAndKeepNothingAlive) {
  boost::asio::io_context context;
  const SystemClock clock;
  AsioLoop loop(context, clock);
  std::vector<int> fired;
  auto kept = loop.after(1ms, [&] { fired.push_back(1); });
  auto gone = loop.after(1ms, [&] { fired.push_back(2); });
  loop.post([&] { gone.cancel(); });
  context.run();
  EXPECT_THAT(fired, ElementsAre(1));
}

TEST(AsioLoop, WhatIsDueAtOnceComesInTurnAndMayBeCancelledToo) {
  boost::asio::io_context context;
  const SystemClock clock;
  AsioLoop loop(context, clock);
  std::vector<int> fired;
  Timer self, gone;
  loop.post([&] {
    self = loop.after(0ms, [&] { fired.push_back(1), self.cancel(); });
    gone = loop.after(-1ms, [&] { fired.push_back(2); });
    loop.post([&] { fired.push_back(3), gone.cancel(); });
    gone.cancel();
    EXPECT_TRUE(fired.empty());
  });
  EXPECT_GT(context.poll(), 0u) << "without a wait";
  EXPECT_THAT(fired, ElementsAre(1, 3));
}

}  // namespace
}  // namespace host
