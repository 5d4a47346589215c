// SPDX-License-Identifier: Apache-2.0
#include "workers/verdict.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <timmy/abi.h>

namespace host {
namespace {

using namespace std::chrono_literals;
using Kind = Verdict::Kind;

Verdict said(timmy_status status, Stop stop = Stop::none) {
  return verdict_of({.status = status, .code = "why", .message = "because"}, stop, 90s);
}

TEST(VerdictOfAResult, FollowsTheStatus) {
  EXPECT_EQ(said(TIMMY_OK).kind, Kind::completed);
  EXPECT_EQ(said(TIMMY_RETRYABLE).kind, Kind::failed);
  EXPECT_FALSE(said(TIMMY_RETRYABLE).permanent);
  EXPECT_TRUE(said(TIMMY_PERMANENT).permanent);
  EXPECT_TRUE(said(99).permanent) << "a status of the future";
  EXPECT_EQ(said(TIMMY_CANCELLED).kind, Kind::cancelled);
  EXPECT_EQ(said(TIMMY_SNOOZE).kind, Kind::snoozed);
  EXPECT_EQ(said(TIMMY_SNOOZE).delay, Duration(60s));
  EXPECT_EQ(said(TIMMY_RETRYABLE).code, "why");
  EXPECT_EQ(said(TIMMY_RETRYABLE).message, "because");
}

TEST(VerdictOfAResult, SaysSoWhenThePluginGaveNoReason) {
  const auto verdict = verdict_of(ResultMessage{.status = TIMMY_RETRYABLE}, Stop::none, 1s);
  EXPECT_EQ(verdict.code, "no_reason");
  EXPECT_EQ(verdict.message, "the plugin failed and gave no reason");
}

TEST(VerdictOfAResult, NamesWhyTheHostStoppedIt) {
  EXPECT_EQ(said(TIMMY_CANCELLED, Stop::deadline).kind, Kind::timed_out);
  EXPECT_EQ(said(TIMMY_PERMANENT, Stop::deadline).kind, Kind::timed_out);
  EXPECT_EQ(said(TIMMY_CANCELLED, Stop::deadline).code, "deadline");
  EXPECT_EQ(said(TIMMY_CANCELLED, Stop::deadline).message,
            "ran past its deadline of 1m30s; because");
  EXPECT_EQ(said(TIMMY_RETRYABLE, Stop::cancelled).kind, Kind::cancelled);
  EXPECT_EQ(said(TIMMY_RETRYABLE, Stop::interrupted).kind, Kind::interrupted);
  EXPECT_EQ(said(TIMMY_OK, Stop::deadline).kind, Kind::completed) << "finished work counts";
}

TEST(VerdictOfAResult, TakesOnlyAJsonObject) {
  EXPECT_EQ(verdict_of({.result = R"({"a":1})"}, Stop::none, 1s).result, R"({"a":1})");
  for (const auto* bad : {"[]", "1", "{", "{}{}"})
    EXPECT_EQ(verdict_of({.result = bad}, Stop::none, 1s).code, "invalid_result") << bad;
  const auto large = std::string(kPayloadCap + 1, ' ');
  EXPECT_EQ(verdict_of({.result = large}, Stop::none, 1s).code, "too_large");
}

TEST(VerdictOfAResult, BoundsADelay) {
  EXPECT_EQ(verdict_of({.status = TIMMY_RETRYABLE, .delay_ms = 5}, Stop::none, 1s).delay,
            Duration(5ms));
  EXPECT_EQ(verdict_of({.status = TIMMY_RETRYABLE, .delay_ms = INT64_MAX}, Stop::none, 1s).delay,
            Duration(std::chrono::days(366)));
}

std::string code_of(const Death& death) {
  return verdict_of(death, Stop::none, 1s, {}, false).code;
}

TEST(VerdictOfADeath, NamesWhatHappened) {
  EXPECT_EQ(code_of({.signalled = true, .number = SIGSEGV}), "signal");
  EXPECT_EQ(code_of({.number = 0}), "no_result");
  EXPECT_EQ(code_of({.number = 3}), "exit");
  EXPECT_EQ(code_of({.signalled = true, .number = SIGABRT, .out_of_memory = true}), "memory");
  EXPECT_EQ(code_of({.signalled = true, .number = SIGXCPU}), "cpu");
  EXPECT_EQ(code_of({.signalled = true, .number = SIGXFSZ}), "file_size");
  EXPECT_EQ(code_of({.signalled = true, .number = SIGKILL, .killed = true, .closed_channel = true}),
            "channel");
  EXPECT_EQ(code_of({.signalled = true, .number = SIGKILL, .killed = true, .protocol = "x"}),
            "protocol");
}

TEST(VerdictOfADeath, PutsTheHostsOwnReasonFirst) {
  const auto verdict = verdict_of({.signalled = true, .number = SIGKILL, .killed = true},
                                  Stop::deadline, 3min, {}, false);
  EXPECT_EQ(verdict.kind, Kind::timed_out);
  EXPECT_EQ(verdict.code, "deadline");
  EXPECT_EQ(verdict.signal, SIGKILL);
  EXPECT_EQ(verdict.message, "ran past its deadline of 3m; its worker was ended by SIGKILL");
}

TEST(SignalName, IsTheOneInTheManual) {
  EXPECT_EQ(signal_name(SIGSEGV), "SIGSEGV");
  EXPECT_EQ(signal_name(200), "signal 200");
}

}  // namespace
}  // namespace host
