// SPDX-License-Identifier: Apache-2.0
#include "services/runs.hpp"

#include "gitea/fake_gitea.hpp"
#include "services/gitea_service.hpp"
#include "services/test_bench.hpp"

namespace host {
namespace {

using RunsTest = ServiceBench;

TEST_F(RunsTest, ARunKeepsTheTermsThatItsPluginHadWhenItBegan) {
  Runs::Terms terms{Grants::from({{"gitea.write", {"org/app"}}}), {.most = 7, .dry_run = true}};
  terms.bypassable = true;
  Runs runs(
      table_, ledger_, waits_, loop_.clock(), [&](const RunnableTask&) { return terms; },
      [](JobId, const RunnableTask&, const Verdict&, JobState) {},
      [](const RunnableTask&, const Verdict&) {});
  ClaimedJob job;
  job.run = running_job();
  job.key = "the key";
  runs.opened(job, {.name = "triage_task", .plugin = "triage", .worker = nullptr});
  terms = {};
  const auto context = table_.close(job.run);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->plugin, "triage");
  EXPECT_EQ(context->key, "the key");
  EXPECT_TRUE(context->grants.permits("gitea.write", "org/app"));
  EXPECT_EQ(context->writes.most, 7);
  EXPECT_TRUE(context->writes.dry_run);
  EXPECT_TRUE(context->bypassable);
}

TEST_F(RunsTest, ARunThatTheForgesRateLimitStoppedIsToWaitAtNoCost) {
  FakeGitea gitea(loop_);
  gitea.add_repo("org/app");
  table_.add(make_gitea_service(gitea, store_, loop_.clock(), log_));
  Runs runs(
      table_, ledger_, waits_, loop_.clock(), [](const RunnableTask&) { return Runs::Terms{}; },
      [](JobId, const RunnableTask&, const Verdict&, JobState) {},
      [](const RunnableTask&, const Verdict&) {});
  const auto wait_after = [&](Code failure) {
    const auto run = open({{"gitea.read", {"org/app"}}});
    gitea.fail_next(Error(failure, "no"));
    EXPECT_EQ(call(*run, "gitea/1.get_repo", {{"repo", "org/app"}}).error().code(), failure);
    return runs.closed(run->run, {.kind = Verdict::Kind::failed}).wait;
  };
  EXPECT_GE(wait_after(Code::rate_limited), Duration(std::chrono::seconds(1)));
  EXPECT_EQ(wait_after(Code::unavailable), std::nullopt);
  EXPECT_EQ(wait_after(Code::not_found), std::nullopt);
}

TEST_F(RunsTest, ARunWaitsForItsBudgetOnlyWhereTheForgeDoesNotKeepItLonger) {
  Runs runs(
      table_, ledger_, waits_, loop_.clock(), [](const RunnableTask&) { return Runs::Terms{}; },
      [](JobId, const RunnableTask&, const Verdict&, JobState) {},
      [](const RunnableTask&, const Verdict&) {});
  const auto closing_of = [&](Duration until_renewed) {
    const auto run = open(nullptr);
    run->forge_asked_to_wait = true;
    run->refused = BudgetMoment{0, loop_.clock().wall() + until_renewed};
    return runs.closed(run->run, {.kind = Verdict::Kind::failed});
  };
  const auto forge = closing_of(std::chrono::seconds(10));
  EXPECT_EQ(forge.wait, Duration(std::chrono::seconds(30)));
  EXPECT_FALSE(forge.note_wait);
  const auto budget = closing_of(std::chrono::hours(1));
  EXPECT_EQ(budget.wait, Duration(std::chrono::hours(1)));
  EXPECT_TRUE(budget.note_wait);
}

TEST_F(RunsTest, AJobWaitsForWhatOthersHoldSoOftenInARowAndNotForEver) {
  Runs runs(
      table_, ledger_, waits_, loop_.clock(), [](const RunnableTask&) { return Runs::Terms{}; },
      [](JobId, const RunnableTask&, const Verdict&, JobState) {},
      [](const RunnableTask&, const Verdict&) {});
  const auto job = running_job();
  int lease = 0;
  const auto wait_after = [&](bool held, const Verdict& verdict) {
    auto context = std::make_shared<RunContext>();
    context->run = {job.job, RunLease(++lease)};
    context->tokens_held = held;
    table_.open(context);
    return runs.closed(context->run, verdict).wait;
  };
  const Verdict failed{.kind = Verdict::Kind::failed};
  for (int round = 0; round < 2; ++round) {
    for (int times = 0; times < 20; ++times)
      EXPECT_EQ(wait_after(true, failed), Duration(std::chrono::seconds(30))) << times;
    EXPECT_EQ(wait_after(true, failed), std::nullopt) << "an attempt, by the job's own policy";
  }
  (void)wait_after(true, failed);
  EXPECT_EQ(wait_after(true, {.kind = Verdict::Kind::completed}), std::nullopt);
  for (int times = 0; times < 20; ++times)
    EXPECT_NE(wait_after(true, failed), std::nullopt) << "they are not in a row";
  Verdict for_good = failed;
  for_good.permanent = true;
  EXPECT_EQ(wait_after(true, for_good), std::nullopt);
  EXPECT_EQ(wait_after(false, failed), std::nullopt);
}

}  // namespace
}  // namespace host
