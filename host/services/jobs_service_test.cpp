// SPDX-License-Identifier: Apache-2.0
#include "services/jobs_service.hpp"

#include <gmock/gmock.h>

#include "services/test_bench.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class JobsServiceTest : public ServiceBench {
 protected:
  JobsServiceTest() {
    table_.add(make_jobs_service(queue_, store_, [](const std::string& task) {
      std::optional<KnownTask> known;
      if (task == "triage_task")
        known = {"triage", {.task = task, .key_limit = 2, .max_attempts = 3}};
      if (task == "heartbeat") known = {"heartbeat", {.task = task}};
      return known;
    }));
  }
  std::vector<std::string> waiting(const std::string& task) {
    return rows("SELECT payload FROM jobs WHERE state = 'available' AND task = '" + task +
                "' ORDER BY id");
  }
};

TEST_F(JobsServiceTest, APluginEnqueuesItsOwnTasksWithoutAGrant) {
  const auto run = open({});
  const Json payload{{"n", 1}};
  ASSERT_TRUE(call(*run, "jobs/1.enqueue", {{"task", "triage_task"}, {"payload", payload}}).ok());
  EXPECT_THAT(waiting("triage_task"), ElementsAre(R"({"n":1})"));
}

TEST_F(JobsServiceTest, OthersTasksNeedAGrantAndTheLineToAddIsTold) {
  const auto run = open({});
  EXPECT_THAT(call(*run, "jobs/1.enqueue", {{"task", "heartbeat"}}).error().what(),
              HasSubstr("plugins.triage.grants in host.yaml: jobs.enqueue: [\"heartbeat\"]"));
  const auto granted = open({{"jobs.enqueue", {"heartbeat"}}});
  EXPECT_TRUE(call(*granted, "jobs/1.enqueue", {{"task", "heartbeat"}}).ok());
}

TEST_F(JobsServiceTest, AnUnknownTaskIsRefused) {
  const auto run = open({{"jobs.enqueue", {"*"}}});
  EXPECT_EQ(call(*run, "jobs/1.enqueue", {{"task", "heartbaet"}}).error().code(), Code::not_found);
}

TEST_F(JobsServiceTest, ASecondJobWithAWaitingKeyIsADuplicate) {
  const auto run = open({});
  const Json params{{"task", "triage_task"}, {"unique_key", "org/app#7"}};
  const Json first = call(*run, "jobs/1.enqueue", params).value();
  const Json second = call(*run, "jobs/1.enqueue", params).value();
  EXPECT_FALSE(first["duplicate"]);
  EXPECT_TRUE(second["duplicate"]);
  EXPECT_EQ(first["id"], second["id"]);
}

TEST_F(JobsServiceTest, FollowersComeWithTheCompletionOrNotAtAll) {
  const auto fails = open({});
  ASSERT_TRUE(call(*fails, "jobs/1.follow", {{"task", "triage_task"}}).ok());
  (void)table_.close(fails->run);
  EXPECT_THAT(waiting("triage_task"), IsEmpty());

  const auto completes = open({});
  ASSERT_TRUE(call(*completes, "jobs/1.follow", {{"task", "triage_task"}}).ok());
  EXPECT_THAT(waiting("triage_task"), IsEmpty());
  ASSERT_TRUE(complete(completes).ok());
  EXPECT_THAT(waiting("triage_task"), ElementsAre("{}"));
}

TEST_F(JobsServiceTest, ProgressShowsWhileTheRunLastsAndAStaleRunHasNone) {
  const auto run = open({});
  ASSERT_TRUE(call(*run, "jobs/1.progress", {{"percent", 12.5}, {"text", "3 of 24"}}).ok());
  EXPECT_THAT(rows("SELECT progress FROM jobs WHERE state = 'running'"),
              ElementsAre(R"({"percent":12.5,"text":"3 of 24"})"));
  EXPECT_FALSE(call(*run, "jobs/1.progress", {{"percent", 101}}).ok());
  queue_.finish(run->run, Verdict{.kind = Verdict::Kind::completed}, {}, {},
                [](Result<Finished>) {});
  loop_.drain();
  EXPECT_EQ(call(*run, "jobs/1.progress", {{"percent", 50}}).error().code(), Code::stale);
}

TEST_F(JobsServiceTest, NonsenseIsRefusedBeforeItIsStored) {
  const auto run = open({});
  EXPECT_FALSE(call(*run, "jobs/1.enqueue", {{"task", "triage_task"}, {"priority", 99}}).ok());
  EXPECT_FALSE(call(*run, "jobs/1.follow", {{"task", "triage_task"}, {"priority", 99}}).ok());
  EXPECT_FALSE(call(*run, "jobs/1.enqueue", {{"task", "triage_task"}, {"delay_ms", "soon"}}).ok());
  EXPECT_EQ(call(*run, "jobs/1.enqueue",
                 {{"task", "triage_task"}, {"payload", {{"x", std::string(300'000, 'x')}}}})
                .error()
                .code(),
            Code::too_large);
}

TEST_F(JobsServiceTest, AParameterOfTheWrongTypeIsThePluginsMistake) {
  const auto run = open({});
  for (const Json& wrong : {Json{{"payload", {1}}}, Json{{"payload", "x"}}, Json{{"payload", 3}},
                            Json{{"unique_key", 5}}, Json{{"priority", 4294967301}},
                            Json{{"priority", 18446744073709551615u}}}) {
    Json params{{"task", "triage_task"}};
    params.update(wrong);
    for (const char* method : {"jobs/1.enqueue", "jobs/1.follow"}) {
      const auto answer = call(*run, method, params);
      ASSERT_FALSE(answer.ok()) << params.dump();
      EXPECT_EQ(answer.error().code(), Code::usage) << answer.error().what();
      EXPECT_THAT(answer.error().what(), HasSubstr(wrong.begin().key()));
    }
  }
  EXPECT_EQ(call(*run, "jobs/1.progress", {{"text", 5}}).error().code(), Code::usage);
  EXPECT_TRUE(call(*run, "jobs/1.enqueue", {{"task", "triage_task"}, {"unique_key", nullptr}}).ok())
      << "null is as if it were not there";
}

TEST_F(JobsServiceTest, ARunThatIsOverEnqueuesNothing) {
  const auto run = open({});
  queue_.finish(run->run, Verdict{.kind = Verdict::Kind::completed}, {}, {},
                [](Result<Finished>) {});
  loop_.drain();
  EXPECT_EQ(call(*run, "jobs/1.enqueue", {{"task", "triage_task"}}).error().code(), Code::stale);
  EXPECT_THAT(waiting("triage_task"), IsEmpty());
}

TEST_F(JobsServiceTest, AJobHasWhatItsTasksManifestSays) {
  const auto run = open({});
  ASSERT_TRUE(
      call(*run, "jobs/1.enqueue", {{"task", "triage_task"}, {"concurrency_key", "app"}}).ok());
  EXPECT_THAT(rows("SELECT max_attempts || ' ' || concurrency_key || ' ' || key_limit FROM jobs "
                   "WHERE state = 'available'"),
              ElementsAre("3 app 2"));
}

TEST_F(JobsServiceTest, AFollowerSaysOnWhichEndItComes) {
  const auto run = open({});
  EXPECT_EQ(
      call(*run, "jobs/1.follow", {{"task", "triage_task"}, {"when", "never"}}).error().code(),
      Code::usage);
  ASSERT_TRUE(call(*run, "jobs/1.follow", {{"task", "triage_task"}, {"when", "failure"}}).ok());
  ASSERT_TRUE(complete(run).ok());
  EXPECT_THAT(waiting("triage_task"), IsEmpty());
}

}  // namespace
}  // namespace host
