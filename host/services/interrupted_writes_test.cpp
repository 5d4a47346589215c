// SPDX-License-Identifier: Apache-2.0
#include "services/interrupted_writes.hpp"

#include "services/forge_bench.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

class InterruptedWritesTest : public ForgeBench {
 protected:
  // A write of a run that is over, of which no answer came.
  void interrupt() {
    const auto run = writer();
    store_.run_now([&](Unit& unit) {
      (void)open_intent(unit,
                        {0, run->run, "gitea/1.add_labels", "org/app#1", "hash", audited_as(*run)},
                        loop_.clock().wall());
    });
    end(*run);
  }
  int known_ = 0;
  InterruptedWrites writes_{gitea_, store_, loop_, log_, [this] { ++known_; }};
};

TEST_F(InterruptedWritesTest, WithoutAnyNothingIsHeldBack) {
  writes_.look();
  loop_.drain();
  EXPECT_EQ(known_, 1);
  EXPECT_EQ(gitea_.calls, 0u);
}

TEST_F(InterruptedWritesTest, TwoLooksAtOnceRecordEachOnce) {
  interrupt();
  interrupt();
  writes_.look();
  writes_.look();
  loop_.drain();
  EXPECT_EQ(known_, 1);
  EXPECT_EQ(gitea_.calls, 2u);
  EXPECT_EQ(rows("SELECT id FROM audit").size(), 2u);
}

TEST_F(InterruptedWritesTest, ALaterLookFindsWhatCameSince) {
  writes_.look();
  loop_.drain();
  interrupt();
  writes_.look();
  loop_.drain();
  EXPECT_EQ(known_, 2);
  EXPECT_THAT(rows("SELECT state FROM intents"), ElementsAre("lost"));
}

TEST_F(InterruptedWritesTest, WhatTheForgeDoesNotAnswerForIsAskedAgain) {
  interrupt();
  gitea_.fail_next(Error(Code::unavailable, "status 500"));
  writes_.look();
  loop_.drain();
  EXPECT_EQ(known_, 0);
  EXPECT_EQ(writes_.open(), 1);
  EXPECT_EQ(writes_.first_open(), "gitea/1.add_labels on org/app#1");
  EXPECT_THAT(lines_->back(), HasSubstr("jobs that need Gitea wait"));
  loop_.advance(1s);
  EXPECT_EQ(known_, 1);
  EXPECT_EQ(writes_.open(), 0);
  loop_.advance(1h);
  EXPECT_EQ(known_, 1);
}

TEST_F(InterruptedWritesTest, WhatAloneCanNeverBeReadIsGivenUpInSomeMinutes) {
  interrupt();
  // The ninth look asks for the version, too, which is there.
  for (int i = 0; i < 9; ++i) gitea_.fail_next(Error(Code::unavailable, "status 500"));
  writes_.look();
  loop_.advance(10min);
  EXPECT_EQ(known_, 1);
  EXPECT_THAT(rows("SELECT result FROM intents"), ElementsAre(HasSubstr("look at it")));
}

TEST_F(InterruptedWritesTest, AtRestNobodyIsAsked) {
  interrupt();
  gitea_.fail_next(Error(Code::unavailable, "away"));
  writes_.look();
  loop_.drain();
  writes_.rest();
  const auto calls = gitea_.calls;
  loop_.advance(1h);
  EXPECT_EQ(gitea_.calls, calls);
  writes_.look();
  loop_.drain();
  EXPECT_EQ(known_, 1);
}

TEST_F(InterruptedWritesTest, NorIsAnybodyAfterALookThatWasUnderWay) {
  interrupt();
  gitea_.fail_next(Error(Code::unavailable, "away"));
  writes_.look();
  writes_.rest();
  loop_.drain();
  const auto calls = gitea_.calls;
  loop_.advance(1h);
  EXPECT_EQ(gitea_.calls, calls);
}

}  // namespace
}  // namespace host
