// SPDX-License-Identifier: Apache-2.0
//
// What agents spend: real programs in real cages ask a model through the real meter, and its
// answers, or that there are none, decide how they go on.
#include "dispatch/dispatch_tokens_fixture.hpp"

namespace host::dispatch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Peer = FakeUpstream::Peer;
using Request = FakeUpstream::Request;

TEST_F(DispatchTokens, TheCallThatWouldPassTheLimitIsLoweredAndTheNextRefused) {
  bash_agent_is(std::string("ask 500\nask 500\nask 500\n") + kFix);
  start_host_with("limits: { tokens: 1000 }\n");
  const auto item = ended_item();
  const auto calls = granted();
  ASSERT_EQ(calls.size(), 2U) << output("d1.1");
  EXPECT_EQ(calls[0], 500);
  EXPECT_LT(calls[1], 450);
  EXPECT_EQ(item.tokens, 100 + calls[0] + calls[1]);
  EXPECT_LE(item.tokens, 1000);
  EXPECT_THAT(output("d1.1"), HasSubstr("429"));
  EXPECT_THAT(output("d1.1"),
              HasSubstr("limits.tokens of the playbook bug-fixer, 1000 for all attempts together, "
                        "has " +
                        std::to_string(1000 - item.tokens) + " tokens left"));
  // What it made of the tokens that it had is judged like any work.
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason;
}

TEST_F(DispatchTokens, TwoAttemptsShareThem) {
  bash_agent_is(std::string("ask 600\n[ $TIMMY_RUN = d1.1 ] || ask 600\n") + kLie +
                "echo $TIMMY_RUN >> NOTES; git commit -qam again\n");
  start_host_with("limits: { tokens: 1000, attempts: 2 }\n");
  const auto item = ended_item();
  EXPECT_EQ(item.runs, 2) << item.reason;
  const auto calls = granted();
  ASSERT_EQ(calls.size(), 2U) << output("d1.2");
  EXPECT_LT(calls[1], 350);
  EXPECT_EQ(item.tokens, 100 + calls[0] + calls[1]);
  EXPECT_LE(item.tokens, 1000);
  EXPECT_THAT(output("d1.1"), Not(HasSubstr("limits.tokens")));
  EXPECT_THAT(output("d1.2"), HasSubstr("limits.tokens"));
}

TEST_F(DispatchTokens, TheLeastOfPlaybookLaneAndBudgetCounts) {
  bash_agent_is("ask 500\nask 500\nask 500\nexit 3\n");
  start_host_with("limits: { tokens: 5000, attempts: 1 }\n", {{"tokens_per_run", 1000}});
  EXPECT_THAT(ended_item().reason, HasSubstr("tokens_per_run of the lane code, 1000, has"));
  EXPECT_EQ(upstream_.requests().size(), 2U);
}

TEST_F(DispatchTokens, ACapOfTheBudgetBelowTheLimitCounts) {
  budget(R"({"issue": {"tokens": 600}})");
  bash_agent_is("ask 500\nask 500\nexit 3\n");
  start_host_with("limits: { tokens: 5000, attempts: 1 }\n");
  EXPECT_THAT(ended_item().reason, HasSubstr("the cap of 600 tokens on issue org/app#"));
  EXPECT_EQ(upstream_.requests().size(), 1U);
}

TEST_F(DispatchTokens, ALaneSharesItsDay) {
  bash_agent_is("ask 500\nask 500\nask 500\nexit 3\n");
  start_host_with("limits: { tokens: 5000, attempts: 1 }\n", {{"tokens_per_day", 1000}});
  const auto item = item_that_waits_after(1);
  EXPECT_THAT(item.reason, HasSubstr("tokens_per_day of the lane code, 1000, has"));
  EXPECT_EQ(item.attempts, 0);
  expect_due_at_reset(item);
  EXPECT_EQ(upstream_.requests().size(), 2U);
}

TEST_F(DispatchTokens, ACrashForWantOfTokensOfADayIsNoAttempt) {
  bash_agent_is("ask 500\nask 500\nask 500\nkill -SEGV $$\n");
  start_host_with("limits: { tokens: 5000, attempts: 1 }\n", {{"tokens_per_day", 1000}});
  const auto item = item_that_waits_after(1);
  EXPECT_THAT(item.reason, HasSubstr("tokens_per_day of the lane code, 1000, has"));
  EXPECT_EQ(item.attempts, 0);
  expect_due_at_reset(item);
}

TEST_F(DispatchTokens, ARunThatACapDoesNotLetBeginWaitsForThatToBeginAnew) {
  budget(R"({"pipelines": {"code": {"runs": 1, "when_reached": "queue_until_reset"}}})");
  bash_agent_is("exit 3\n");
  start_host_with("limits: { tokens: 5000, attempts: 2 }\n");
  const auto item = item_that_waits_after(2);
  EXPECT_THAT(item.reason, HasSubstr("on pipeline \"code\" each day has 0 runs left"));
  EXPECT_EQ(item.attempts, 1);
  expect_due_at_reset(item);
}

TEST_F(DispatchTokens, WhatOneCallHoldsEndsNoRunThatAsksForMoreMeanwhile) {
  Timer answer;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    const auto say = [peer] { peer.say(http_reply(to_text(completion("hi", 50, 20)))); };
    if (upstream_.requests().size() > 1) return say();
    answer = loop_.after(std::chrono::seconds(5), say);
  });
  bash_agent_is(std::string("ask 880 > /dev/null &\necho at work; sleep 0.5\n"
                            "for i in {1..16}; do echo at work; ask 600; sleep 0.3; done\nwait\n") +
                kFix);
  start_host_with("limits: { tokens: 1000, attempts: 1, wall: 2m, stall: 2s }\n");
  const auto item = ended_item();
  EXPECT_THAT(output("d1.1"), HasSubstr("are held by calls under way"));
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason << output("d1.1");
}

TEST_F(DispatchTokens, OneThatEndsForWhatIsOnlyHeldIsNoAttemptAndTriesAgainSoon) {
  upstream_.set_script([](const Request&, const Peer&) {});
  bash_agent_is("ask 880 > /dev/null &\nsleep 1\nask 600\nexit 3\n");
  start_host_with("limits: { tokens: 1000, attempts: 1, wall: 2m, stall: 30s }\n");
  const auto item = item_that_waits_after(1);
  EXPECT_THAT(item.reason, HasSubstr("are held by calls under way"));
  EXPECT_EQ(item.attempts, 0);
  EXPECT_EQ(item.rate_limits, 1) << "one of its pauses, so not for ever";
  EXPECT_LT(item.due, next_day_);
}

TEST_F(DispatchTokens, RowsSayWhenTheRunCouldPassTheMeter) {
  bash_agent_is(std::string("ask 500\n") + kFix);
  start_host_with("network: open\nlimits: { tokens: 5000, attempts: 1 }\n");
  (void)ended_item();
  EXPECT_TRUE(is_bypassable("d1.1"));
}

TEST_F(DispatchTokens, WhatNothingHoldsToTheMeterIsNotStarted) {
  bash_agent_is(std::string("ask 500\n") + kFix);
  passes_meter_ = true;
  start_host_with("limits: { tokens: 5000, attempts: 1 }\n");
  ASSERT_TRUE(run_until([&] {
    const auto all = items();
    return !all.empty() && all.front().runs == 1 && !all.front().run_open;
  }));
  const auto item = items().front();
  EXPECT_EQ(item.at, (Position{Gate::track, ItemState::waiting}));
  EXPECT_THAT(item.reason, HasSubstr("no network namespace"));
  EXPECT_EQ(item.attempts, 0);
  EXPECT_TRUE(upstream_.requests().empty());
}

TEST_F(DispatchTokens, RowsSayWhenTheRunCouldNotPassTheMeter) {
  bash_agent_is(std::string("ask 500\n") + kFix);
  start_host_with("limits: { tokens: 5000, attempts: 1 }\n");
  (void)ended_item();
  EXPECT_FALSE(is_bypassable("d1.1"));
}

TEST_F(DispatchTokens, OneThatEndsWellWithoutTokensIsNoFinding) {
  bash_agent_is("ask 600\nask 600\nask 600\n");
  start_host_with("limits: { tokens: 1000, attempts: 2 }\n");
  const auto item = ended_item();
  EXPECT_EQ(item.attempts, 2);
  EXPECT_THAT(item.reason, HasSubstr("its last call was refused: limits.tokens"));
}

TEST_F(DispatchTokens, OneThatAsksForeverIsEnded) {
  bash_agent_is("while :; do ask 600; done\n");
  start_host_with("limits: { tokens: 1000, attempts: 1, wall: 30s, stall: 1s }\n");
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::failed);
  EXPECT_THAT(item.reason, HasSubstr("for 1s it got no tokens, and did not end"));
  EXPECT_THAT(item.reason, HasSubstr("limits.tokens of the playbook bug-fixer"));
  EXPECT_LE(item.tokens, 1000);
}

TEST_F(DispatchTokens, ThatItsTokensAreSpentIsNoRateLimit) {
  bash_agent_is("ask 600\nask 600\nask 600\nexit 75\n");
  start_host_with("limits: { tokens: 1000, attempts: 1 }\n");
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::failed);
  EXPECT_EQ(item.attempts, 1);
  EXPECT_THAT(item.reason, HasSubstr("limits.tokens"));
}

TEST_F(DispatchTokens, AStreamKeepsARunAlivePastItsStall) {
  upstream_goes_on(piece("word "), 20, last_piece() + usage_piece(50, 20) + stream_end());
  bash_agent_is(std::string("ask 500 ', \"stream\": true' > /dev/null\n") + kFix);
  start_host_with("limits: { attempts: 1, wall: 2m, stall: 2s }\n");
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::done) << item.reason;
  EXPECT_EQ(item.tokens, 70);
}

TEST_F(DispatchTokens, AModelThatSaysNothingKeepsNoRunAlive) {
  upstream_goes_on(": still at it\n\n", 600, "");
  bash_agent_is("ask 500 ', \"stream\": true' > /dev/null\n");
  start_host_with("limits: { attempts: 1, wall: 2m, stall: 1s }\n");
  const auto item = ended_item();
  EXPECT_EQ(item.at.state, ItemState::failed);
  EXPECT_THAT(item.reason, HasSubstr("it printed nothing, and no model answered it"));
  EXPECT_EQ(upstream_.requests().size(), 1U);
}

}  // namespace
}  // namespace host::dispatch
