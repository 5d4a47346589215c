// SPDX-License-Identifier: Apache-2.0
#include "services/runs.hpp"

#include "services/test_bench.hpp"

namespace host {
namespace {

using RunsTest = ServiceBench;

TEST_F(RunsTest, ARunKeepsTheTermsThatItsPluginHadWhenItBegan) {
  Runs::Terms terms{Grants::from({{"gitea.write", {"org/app"}}}), {.most = 7, .dry_run = true}};
  Runs runs(
      table_, ledger_, loop_.clock(), [&](const RunnableTask&) { return terms; },
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
}

}  // namespace
}  // namespace host
