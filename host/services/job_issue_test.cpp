// SPDX-License-Identifier: Apache-2.0
#include "services/job_issue.hpp"

#include <gmock/gmock.h>

#include "services/runs.hpp"
#include "services/test_bench.hpp"
#include "services/tokens_service.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kAboutSeven = R"({"event":"issues","number":7,"ref":"","repo":"org/app"})";

TEST(JobIssue, IsWhatAPayloadNamesAsWebhooksDo) {
  const auto grants = Grants::from({{"gitea.read", {"org/*"}}});
  const auto issue = issue_of_job(kAboutSeven, grants);
  ASSERT_TRUE(issue);
  EXPECT_EQ(issue->text(), "org/app#7");
  EXPECT_TRUE(issue_of_job(kAboutSeven, Grants::from({{"gitea.write", {"org/app"}}})));
  for (const char* payload :
       {"{}", "", R"(["repo","number"])", R"({"number":0,"repo":"org/app"})",
        R"({"number":-7,"repo":"org/app"})", R"({"number":"7","repo":"org/app"})",
        R"({"number":7,"repo":["org/app"]})", R"({"number":7,"repo":"")", R"({"repo":"org/app"})"})
    EXPECT_FALSE(issue_of_job(payload, grants)) << payload;
}

TEST(JobIssue, HasARepositoryOfBoundedLength) {
  const auto grants = Grants::from({{"gitea.read", {"*"}}});
  const auto about = [](std::size_t bytes) {
    return Json{{"number", 7}, {"repo", "org/" + std::string(bytes - 4, 'a')}}.dump();
  };
  EXPECT_TRUE(issue_of_job(about(200), grants));
  EXPECT_FALSE(issue_of_job(about(201), grants));
  EXPECT_FALSE(issue_of_job(R"({"number":7,"repo":"app"})", grants)) << "no owner/name";
}

TEST(JobIssue, IsNoneThatThePluginHasNothingToDoWith) {
  EXPECT_FALSE(issue_of_job(kAboutSeven, Grants()));
  EXPECT_FALSE(issue_of_job(kAboutSeven, Grants::from({{"gitea.read", {"org/web"}}})));
}

class JobIssueTest : public ServiceBench {
 protected:
  JobIssueTest() {
    table_.add(make_tokens_service(ledger_, store_, {}));
    Budget budget;
    budget.caps[Dimension::issue][""] = {.tokens = Tokens(100), .runs = 3};
    ledger_.set_budget(budget, [](const Status& status) { ASSERT_TRUE(status.ok()); });
    loop_.drain();
  }
  // As the executor has it.
  std::shared_ptr<RunContext> begin(const char* payload) {
    ClaimedJob job;
    job.run = running_job();
    job.payload = payload;
    runs_.opened(job, {.name = "triage_task", .plugin = "triage", .worker = nullptr});
    runs_.begun(job.run);
    auto run = std::make_shared<RunContext>();
    run->run = job.run, run->plugin = "triage", run->task = "triage_task";
    return run;
  }
  Result<Json> reserve(const RunContext& run, std::int64_t tokens, const std::string& issue = "") {
    Json params{{"tokens", tokens}};
    if (!issue.empty()) params["issue"] = issue;
    return call(run, "tokens/1.reserve", params);
  }
  std::vector<std::string> accounts() {
    return rows(
        "SELECT name || ' ' || reserved FROM accounts WHERE dimension='issue' ORDER BY name");
  }

  Runs runs_{table_,
             ledger_,
             waits_,
             loop_.clock(),
             [](const RunnableTask&) {
               return Runs::Terms{.grants = Grants::from({{"gitea.read", {"org/*"}}})};
             },
             [](JobId, const RunnableTask&, const Verdict&, JobState) {},
             [](const RunnableTask&, const Verdict&) {}};
};

TEST_F(JobIssueTest, AnIssuesCapBindsJobsAboutItOverAllTheirRuns) {
  ASSERT_TRUE(reserve(*begin(kAboutSeven), 60).ok());
  const auto again = begin(R"({"number":7,"repo":"Org/App"})");
  const auto refused = reserve(*again, 60);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::busy) << "the other one goes on";
  EXPECT_THAT(refused.error().what(), HasSubstr("org/app#7"));
  EXPECT_TRUE(reserve(*begin(R"({"number":8,"repo":"org/app"})"), 60).ok());
  EXPECT_TRUE(reserve(*begin("{}"), 60).ok()) << "and no job about none";
  EXPECT_THAT(accounts(), ElementsAre("org/app#7 60", "org/app#8 60"));
}

TEST_F(JobIssueTest, WhatARunReportsAtItsEndCountsForItsIssue) {
  const auto run = begin(kAboutSeven);
  Verdict verdict{.kind = Verdict::Kind::completed, .result = R"({"input_tokens": 12})"};
  const auto closing = runs_.closed(run->run, verdict);
  queue_.finish(run->run, verdict, {}, [&](Unit& unit, JobState) { closing.charge(unit); }, {});
  loop_.drain();
  EXPECT_THAT(rows("SELECT repo || '#' || issue || ' ' || input FROM ledger"),
              ElementsAre("org/app#7 12"));
}

TEST_F(JobIssueTest, ACallOfAJobAboutNoneMayNameOne) {
  const auto run = begin("{}");
  ASSERT_TRUE(reserve(*run, 60, "org/app#7").ok());
  EXPECT_EQ(reserve(*run, 60, "org/app#7").error().code(), Code::busy);
  EXPECT_TRUE(reserve(*run, 60, "org/app#8").ok());
  EXPECT_EQ(reserve(*begin(kAboutSeven), 60).error().code(), Code::busy);
  EXPECT_EQ(reserve(*run, 1, "org/app").error().code(), Code::usage);
  EXPECT_THAT(reserve(*run, 1, "org/" + std::string(200, 'a') + "#7").error().what(),
              HasSubstr("longer than 200 bytes"));
  const auto foreign = reserve(*run, 1, "other/app#1");
  EXPECT_EQ(foreign.error().code(), Code::not_granted);
  EXPECT_THAT(foreign.error().what(), HasSubstr("gitea.read"));
}

TEST_F(JobIssueTest, ARunsCapOverAnIssueCountsTheCallsThatNameIt) {
  const auto run = begin("{}");
  ASSERT_TRUE(reserve(*run, 1).ok()) << "begins the run, for no issue";
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(reserve(*run, 1, "org/app#7").ok());
  EXPECT_EQ(reserve(*run, 1, "org/app#7").error().code(), Code::denied);
  const auto about = begin(R"({"number":9,"repo":"org/app"})");
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(reserve(*about, 1).ok()) << "and a job about it once";
}

TEST_F(JobIssueTest, AJobAboutOneCannotSpendForAnother) {
  const auto run = begin(kAboutSeven);
  const auto other = reserve(*run, 1, "org/app#8");
  EXPECT_EQ(other.error().code(), Code::usage);
  EXPECT_THAT(other.error().what(), HasSubstr("about org/app#7"));
  EXPECT_TRUE(reserve(*run, 1, "ORG/app#7").ok());
  EXPECT_THAT(accounts(), ElementsAre("org/app#7 1"));
}

}  // namespace
}  // namespace host
