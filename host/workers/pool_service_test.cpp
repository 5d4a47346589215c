// SPDX-License-Identifier: Apache-2.0
//
// Service calls on their way from a plugin to the host and back.
#include <gmock/gmock.h>

#include "workers/pool_fixture.hpp"
#include "workers/sanitizers.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;
using PoolService = PoolTest;

TEST_F(PoolService, ACallNamesItsRunAndGetsItsAnswer) {
  services.answers = [](const ServiceCall&) { return Result<std::string>(R"({"login":"timmy"})"); };
  const auto run = submit("call", {{"method", "gitea/1.whoami"}, {"params", {{"a", 1}}}});
  const auto answer = parse_json(verdict(run).result, "answer");
  EXPECT_EQ(answer.at("status"), 0);
  EXPECT_EQ(answer.at("result"), R"({"login":"timmy"})");
  ASSERT_EQ(services.calls.size(), 1u);
  EXPECT_EQ(services.calls[0].run, run);
  EXPECT_EQ(services.calls[0].plugin, "hostile");
  EXPECT_EQ(services.calls[0].task, "hostile_call");
  EXPECT_EQ(services.calls[0].method, "gitea/1.whoami");
  EXPECT_EQ(services.calls[0].params, R"({"a":1})");
}

TEST_F(PoolService, CallsOfManyThreadsGetEachItsOwnAnswerInWhateverOrder) {
  const auto run = submit("call_from_threads", {{"threads", 9}});
  ASSERT_TRUE(run_until([&] { return services.unanswered.size() == 9; }));
  for (std::size_t i = 9; i-- > 0;) services.unanswered[i](services.calls[i].params);
  const auto answers = parse_json(verdict(run).result, "answers").at("answers");
  ASSERT_EQ(answers.size(), 9u);
  for (std::size_t i = 0; i < 9; ++i)
    EXPECT_EQ(answers[i], R"({"thread":)" + std::to_string(i) + "}");
}

TEST_F(PoolService, AnErrorSaysWhetherTryingAgainMayHelp) {
  services.answers = [](const ServiceCall& call) -> Result<std::string> {
    if (call.method == "test/1.refused") return Error(Code::not_granted, "no", "Grant it");
    return Error(Code::unavailable, "down");
  };
  auto answer = result("call", {{"method", "test/1.refused"}});
  EXPECT_EQ(answer.at("status"), 2);
  EXPECT_EQ(answer.at("code"), "not_granted");
  EXPECT_EQ(answer.at("message"), "no; Grant it");
  answer = result("call", {{"method", "test/1.down"}});
  EXPECT_EQ(answer.at("status"), 1);
  EXPECT_EQ(answer.at("code"), "unavailable");
}

TEST_F(PoolService, ACallEndsInTimeWithoutAnAnswer) {
  const auto answer = result("call", {{"method", "test/1.silent"}, {"timeout_ms", 30}});
  EXPECT_EQ(answer.at("status"), 1);
  EXPECT_EQ(answer.at("code"), "timed_out");
  // The answer that comes after all harms nobody.
  ASSERT_EQ(services.unanswered.size(), 1u);
  services.unanswered[0](std::string("{}"));
  EXPECT_EQ(result("echo", {{"fine", 1}}), Json({{"fine", 1}}));
}

TEST_F(PoolService, ACancelWakesACallThatWaits) {
  settings.cancel_grace = std::chrono::seconds(9);
  const auto run = submit("call", {{"method", "test/1.silent"}});
  ASSERT_TRUE(run_until([&] { return !services.unanswered.empty(); }));
  pool().cancel(run);
  const auto ended = verdict(run);
  EXPECT_EQ(name_of(ended), "completed") << "the plugin returned what its call said";
  EXPECT_EQ(parse_json(ended.result, "answer").at("code"), "cancelled");
}

TEST_F(PoolService, AnAnswerToADeadWorkerIsDropped) {
  const auto run = submit("call", {{"method", "test/1.silent"}});
  ASSERT_TRUE(run_until([&] { return !services.unanswered.empty(); }));
  pool().interrupt_all();
  (void)verdict(run);
  ASSERT_TRUE(run_until([&] { return pool().stats().workers.empty(); }));
  services.unanswered[0](std::string("{}"));
}

TEST_F(PoolService, AnAnswerOfManyMegabytesArrivesWhole) {
  const std::string large = R"({"body":")" + std::string(6 << 20, 'x') + R"("})";
  services.answers = [&](const ServiceCall&) { return Result<std::string>(large); };
  const auto ended = verdict(submit("call", {{"method", "test/1.large"}}));
  EXPECT_EQ(ended.code, "too_large") << "as a result it is too large, which shows that it arrived";
  EXPECT_THAT(ended.message, HasSubstr("the result has 62"));
}

TEST_F(PoolService, AnAnswerThatItsMemoryDoesNotHoldEndsTheWorkerAndSaysWhy) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer's memory can't be limited";
  spec->limits.memory_bytes = 64u << 20;
  const std::string large = R"({"body":")" + std::string(15u << 20, 'x') + R"("})";
  services.answers = [&](const ServiceCall&) { return Result<std::string>(large); };
  const auto ended = verdict(submit("call_when_full", {{"method", "test/1.large"}}));
  EXPECT_EQ(name_of(ended), "crashed");
  EXPECT_EQ(ended.code, "memory");
  EXPECT_EQ(result("echo", {{"fine", 1}}), Json({{"fine", 1}}));
}

TEST_F(PoolService, AnAnswerOverTheFramesCapIsAnError) {
  services.answers = [](const ServiceCall&) {
    return Result<std::string>(std::string(17u << 20, ' '));
  };
  EXPECT_EQ(result("call", {{"method", "test/1.larger"}}).at("code"), "too_large");
}

TEST_F(PoolService, AHandleIsDeadAfterItsRun) {
  EXPECT_EQ(name_of(verdict(submit("late"))), "completed");
  ASSERT_TRUE(
      run_until([&] { return services.logged("late: stale") || pool().stats().workers.empty(); }));
  EXPECT_TRUE(services.calls.empty());
}

}  // namespace
}  // namespace host
