// SPDX-License-Identifier: Apache-2.0
//
// Row W7 of the fault matrix, with a worker that speaks raw frames.
#include <gmock/gmock.h>

#include "workers/pool_fixture.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class PoolProtocol : public PoolTest {
 protected:
  PoolProtocol() { program = TIMMY_WORKER_STUB; }

  Verdict ended_by(const std::string& mode) {
    spec = make_spec();
    spec->config_json = mode;
    return verdict(submit("echo"));
  }
};

TEST_F(PoolProtocol, W7KillsAWorkerThatSendsWhatIsNoFrame) {
  const std::map<std::string, std::string> expected = {
      {"garbage", "a frame of length 4008636142"},
      {"huge", "a frame of length 4294967295"},
      {"short", "a frame of length 3, expected at least 17"},
      {"unknown", "a frame of type 99"},
      {"malformed", "the body of a `result` frame is malformed"},
      {"old_version", "frames of version 0"},
      {"ready_twice", "expected `ready` once"},
  };
  std::uint64_t errors = 0;
  for (const auto& [mode, text] : expected) {
    spec = make_spec();
    spec->config_json = mode;
    const auto run = submit("echo");
    const auto ended = outcome(run);
    ++errors;
    if (has_begun(run)) {
      EXPECT_EQ(ended.verdict.code, "protocol") << mode;
      EXPECT_EQ(name_of(ended.verdict), "crashed") << mode;
      EXPECT_THAT(ended.verdict.message, HasSubstr(text)) << mode;
    } else if (!ended.not_begun) {
      EXPECT_THAT(ended.verdict.message, HasSubstr(text)) << mode;
    } else {
      EXPECT_THAT(*log, testing::Contains(HasSubstr(text))) << mode;
    }
    EXPECT_EQ(pool().stats().protocol_errors, errors) << mode;
  }
}

TEST_F(PoolProtocol, W7RefusesFramesAboutAnotherRun) {
  for (const auto* mode : {"wrong_job", "old_lease", "not_begun", "begun_twice"}) {
    spec = make_spec();
    spec->config_json = mode;
    const auto run = submit("echo");
    const auto ended = outcome(run);
    EXPECT_TRUE(ended.not_begun || ended.verdict.code == "protocol") << mode;
    EXPECT_EQ(has_begun(run), !ended.not_begun) << mode;
  }
  EXPECT_EQ(pool().stats().stale_frames, 4u);
  EXPECT_EQ(pool().stats().killed, 4u);
}

TEST_F(PoolProtocol, W7CountsASecondResultAndKeepsTheFirst) {
  EXPECT_EQ(name_of(ended_by("result_twice")), "completed");
  ASSERT_TRUE(run_until([&] { return pool().stats().workers.empty(); }));
  EXPECT_EQ(pool().stats().stale_frames, 1u);
  EXPECT_EQ(order.size(), 1u);
}

TEST_F(PoolProtocol, W8KillsAWorkerThatClosesItsChannelAndLivesOn) {
  const auto ended = ended_by("close");
  EXPECT_EQ(name_of(ended), "crashed");
  EXPECT_EQ(ended.code, "channel");
  EXPECT_EQ(ended.signal, SIGKILL);
}

TEST_F(PoolProtocol, W7EndsAFrameThatNeverGetsWholeAtTheDeadline) {
  spec->config_json = "partial";
  const auto ended = verdict(submit("echo", {}, {.timeout = 50ms}));
  EXPECT_EQ(name_of(ended), "timed_out");
}

TEST_F(PoolProtocol, W7TakesAReplyAfterACancelAsItsEnd) {
  spec->config_json = "after_cancel";
  const auto run = submit("echo");
  ASSERT_TRUE(begun(run));
  pool().cancel(run);
  EXPECT_EQ(name_of(verdict(run)), "cancelled");
}

TEST_F(PoolProtocol, W7RefusesAServiceCallOfAStaleRun) {
  services.answers = [](const ServiceCall&) { return Result<std::string>("{}"); };
  EXPECT_EQ(ended_by("stale_call").code, "stale");
  EXPECT_TRUE(services.calls.empty());
  EXPECT_EQ(pool().stats().stale_frames, 1u);
}

TEST_F(PoolProtocol, W7BoundsServiceCallsUnderWay) {
  EXPECT_EQ(ended_by("flood_calls").code, "rate_limited");
  EXPECT_EQ(services.calls.size(), 64u);
}

TEST_F(PoolProtocol, W7BoundsWhatIsKeptForAWorkerThatNeverReads) {
  services.answers = [](const ServiceCall&) {
    return Result<std::string>(std::string(1 << 20, ' '));
  };
  const auto ended = ended_by("never_reads");
  EXPECT_EQ(ended.code, "protocol");
  EXPECT_THAT(ended.message, HasSubstr("of its frames unread"));
}

TEST_F(PoolProtocol, LivesOnWithTheRealWorker) {
  EXPECT_EQ(ended_by("malformed").code, "protocol");
  program = TIMMY_WORKER;
  drop_pool();
  spec = make_spec();
  EXPECT_EQ(result("echo", {{"well", true}}), Json({{"well", true}}));
}

TEST_F(PoolProtocol, W7DoesNotWaitForAWorkerThatBeginsNothing) {
  settings.begin = 200ms;
  const auto ended = ended_by("never_begins");
  EXPECT_EQ(name_of(ended), "timed_out");
  EXPECT_THAT(ended.message, HasSubstr("did not begin it within 200ms"));

  spec = make_spec();
  spec->config_json = "begins_once";
  const auto first = submit("echo");
  const auto second = submit("echo");
  const auto third = submit("echo");
  EXPECT_EQ(name_of(verdict(first)), "completed");
  EXPECT_EQ(name_of(verdict(second)), "timed_out");
  EXPECT_TRUE(outcome(third).not_begun) << "only the run that was next pays";
}

}  // namespace
}  // namespace host
