// SPDX-License-Identifier: Apache-2.0
#include "dispatch/blocking_work.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <latch>
#include <memory>

#include "base/loop.hpp"

namespace host::dispatch {
namespace {

using namespace std::chrono_literals;

// Work that goes on until the test lets it end.
class BlockingWorkTest : public testing::Test {
 protected:
  ~BlockingWorkTest() override { let_end(); }

  void begin_long(WorkKind kind, int count) {
    for (int i = 0; i < count; ++i)
      work_.run(
          kind,
          [this, may_end = may_end_] {
            ++begun_;
            may_end->wait();
          },
          [this](const Status&) { ++ended_; });
  }
  void let_end() {
    if (!std::exchange(let_, true)) may_end_->count_down();
  }
  template <class Met>
  [[nodiscard]] bool run_until(Met met) {
    const auto until = std::chrono::steady_clock::now() + 20s;
    while (!met() && std::chrono::steady_clock::now() < until) {
      context_.restart();
      context_.run_one_for(10ms);
    }
    return met();
  }
  // Whether work of the kind is done while all else goes on.
  bool is_done(WorkKind kind) {
    auto answered = std::make_shared<bool>(false);
    work_.run(
        kind, [] { return 7; },
        [answered](const Result<int>& got) { *answered = got.ok() && got.value() == 7; });
    return run_until([answered] { return *answered; });
  }

  boost::asio::io_context context_;
  SystemClock wall_;
  AsioLoop loop_{context_, wall_};
  std::atomic<int> begun_ = 0;
  int ended_ = 0;
  bool let_ = false;
  std::shared_ptr<std::latch> may_end_ = std::make_shared<std::latch>(1);
  BlockingWork work_{loop_, {.brief = 2, .placed = 64, .remote = 2, .upkeep = 1}};
};

TEST_F(BlockingWorkTest, WhatIsBriefNeverWaitsForWhatIsLong) {
  begin_long(WorkKind::placed, 100);
  begin_long(WorkKind::remote, 100);
  begin_long(WorkKind::upkeep, 100);
  ASSERT_TRUE(run_until([this] { return begun_ == 64 + 2 + 1; })) << begun_;
  EXPECT_TRUE(is_done(WorkKind::brief));
  EXPECT_EQ(ended_, 0);
  let_end();
  EXPECT_TRUE(run_until([this] { return ended_ == 300; }));
}

TEST_F(BlockingWorkTest, NorDoesAnyKindWaitForAnother) {
  for (const auto kind : {WorkKind::brief, WorkKind::remote, WorkKind::upkeep})
    begin_long(kind, 10);
  begin_long(WorkKind::placed, 10);
  EXPECT_TRUE(is_done(WorkKind::placed)) << "one lane's is at work, and the other has places";
}

// As many as all lanes of a large host let work at once: each in a setup of an hour.
TEST_F(BlockingWorkTest, ALanesLongWorkKeepsNoOtherLanesFromBeginning) {
  BlockingWork work(loop_);
  std::atomic<int> begun = 0;
  for (int i = 0; i < 200; ++i)
    work.run(
        WorkKind::placed,
        [&begun, may_end = may_end_] {
          ++begun;
          may_end->wait();
        },
        [](const Status&) {});
  EXPECT_TRUE(run_until([&] { return begun == 200; })) << begun;
  let_end();
}

TEST_F(BlockingWorkTest, MoreOfAKindThanItsBoundWaitsInOrder) {
  begin_long(WorkKind::upkeep, 1);
  std::vector<int> order;
  for (int i = 0; i < 3; ++i)
    work_.run(
        WorkKind::upkeep, [i] { return i; },
        [&order](const Result<int>& got) { order.push_back(got.value()); });
  ASSERT_TRUE(run_until([this] { return begun_ == 1; }));
  EXPECT_TRUE(order.empty());
  let_end();
  EXPECT_TRUE(run_until([&] { return order.size() == 3; }));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST_F(BlockingWorkTest, AnsweredWithWhatItThrew) {
  std::optional<Result<int>> got;
  work_.run([]() -> int { throw Error(Code::conflict, "no"); },
            [&](Result<int> result) { got = std::move(result); });
  ASSERT_TRUE(run_until([&] { return got.has_value(); }));
  EXPECT_EQ(got->error().code(), Code::conflict);
}

TEST_F(BlockingWorkTest, ClosedItBeginsAndAnswersNothing) {
  begin_long(WorkKind::upkeep, 1);
  ASSERT_TRUE(run_until([this] { return begun_ == 1; }));
  let_end();
  work_.close();
  begin_long(WorkKind::upkeep, 1);
  context_.restart();
  context_.poll();
  EXPECT_EQ(begun_, 1);
  EXPECT_EQ(ended_, 0);
}

}  // namespace
}  // namespace host::dispatch
