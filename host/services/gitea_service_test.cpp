// SPDX-License-Identifier: Apache-2.0
#include "services/gitea_service.hpp"

#include "services/forge_bench.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GiteaServiceTest : public ForgeBench {};

TEST_F(GiteaServiceTest, ReadsNeedAGrantForTheRepository) {
  const auto run = open({{"gitea.read", {"org/app"}}});
  const Json issues = call(*run, "gitea/1.list_issues", {{"repo", "org/app"}}).value()["issues"];
  ASSERT_EQ(issues.size(), 1u);
  EXPECT_EQ(issues[0]["title"], "It crashes");
  EXPECT_EQ(call(*run, "gitea/1.list_issues", {{"repo", "org/secret"}}).error().code(),
            Code::not_granted);
  EXPECT_EQ(call(*run, "gitea/1.get_issue", {{"repo", "org/secret"}, {"number", 1}}).error().code(),
            Code::not_granted);
  const Json repos = call(*run, "gitea/1.list_repos", {{"owner", "org"}}).value()["repos"];
  ASSERT_EQ(repos.size(), 1u) << "a repository that is not granted was shown";
  EXPECT_EQ(repos[0]["full_name"], "org/app");
}

TEST_F(GiteaServiceTest, SinceLeavesOutWhatDidNotChange) {
  const auto run = open({{"gitea.read", {"org/app"}}});
  const auto issues_since = [&](WallTime time) {
    return call(*run, "gitea/1.list_issues", {{"repo", "org/app"}, {"since", format_utc(time)}})
        .value()["issues"]
        .size();
  };
  EXPECT_EQ(issues_since(loop_.clock().wall()), 1u);
  EXPECT_EQ(issues_since(loop_.clock().wall() + std::chrono::seconds(1)), 0u);
}

TEST_F(GiteaServiceTest, WithoutAnyGrantNotEvenTheUserIsTold) {
  EXPECT_EQ(call(*open({}), "gitea/1.whoami").error().code(), Code::not_granted);
  EXPECT_EQ(call(*open({{"gitea.read", {"org/app"}}}), "gitea/1.whoami").value()["login"], "timmy");
}

TEST_F(GiteaServiceTest, ReadingDoesNotAllowWriting) {
  const auto run = open({{"gitea.read", {"org/*"}}});
  EXPECT_EQ(call(*run, "gitea/1.add_labels", labels_of({"bug"})).error().code(), Code::not_granted);
  EXPECT_EQ(gitea_.writes, 0u);
  EXPECT_THAT(rows("SELECT id FROM intents"), IsEmpty());
}

TEST_F(GiteaServiceTest, AWriteLeavesItsIntentAndAnAuditLine) {
  const auto run = open({{"gitea.write", {"org/app"}}});
  EXPECT_THAT(call(*run, "gitea/1.add_labels", labels_of({"bug"})).value()["labels"],
              ElementsAre("bug"));
  EXPECT_THAT(rows("SELECT state || ' ' || method || ' ' || target || ' ' || result FROM intents"),
              ElementsAre("done gitea/1.add_labels org/app#1 ok"));
  EXPECT_THAT(rows("SELECT who || ': ' || what || ' ' || target || ' ' || result FROM audit"),
              ElementsAre("plugin triage, job " + std::to_string(run->run.job.value()) +
                          " of triage_task: gitea/1.add_labels org/app#1 ok"));
}

TEST_F(GiteaServiceTest, AWriteThatFailedIsAuditedAsSuch) {
  const auto run = open({{"gitea.write", {"org/app"}}});
  EXPECT_EQ(call(*run, "gitea/1.add_labels", labels_of({"no-such"})).error().code(),
            Code::not_found);
  EXPECT_THAT(rows("SELECT result FROM audit"), ElementsAre(HasSubstr("no-such")));
}

TEST_F(GiteaServiceTest, AStaleRunNeverReachesTheForge) {
  const auto run = open({{"gitea.write", {"org/app"}}});
  queue_.finish(run->run, Verdict{.kind = Verdict::Kind::completed}, {}, {},
                [](Result<Finished>) {});
  loop_.drain();
  EXPECT_EQ(call(*run, "gitea/1.add_labels", labels_of({"bug"})).error().code(), Code::stale);
  EXPECT_EQ(gitea_.calls, 0u);
}

TEST_F(GiteaServiceTest, AnIntentThatCanNotBeStoredKeepsTheWriteFromHappening) {
  const auto run = open({{"gitea.write", {"org/app"}}});
  store_.fail_next(Error(Code::io, "disk full"));
  EXPECT_EQ(call(*run, "gitea/1.add_labels", labels_of({"bug"})).error().code(), Code::io);
  EXPECT_EQ(gitea_.calls, 0u);
}

TEST_F(GiteaServiceTest, AForgeThatIsAwayIsRememberedForTheVerdict) {
  const auto run = open({{"gitea.read", {"org/app"}}});
  gitea_.set_available(false);
  EXPECT_EQ(call(*run, "gitea/1.get_issue", {{"repo", "org/app"}, {"number", 1}}).error().code(),
            Code::unavailable);
  EXPECT_THAT(run->unreachable, ElementsAre("gitea"));
}

TEST_F(GiteaServiceTest, ParametersThatMakeNoSenseAreNamed) {
  const auto run = open({{"gitea.read", {"*"}}, {"gitea.write", {"*"}}});
  EXPECT_THAT(call(*run, "gitea/1.get_issue", {{"repo", "org/app"}}).error().what(),
              HasSubstr("number"));
  EXPECT_THAT(call(*run, "gitea/1.list_issues", {{"repo", "org/app"}, {"since", "yesterday"}})
                  .error()
                  .what(),
              HasSubstr("since"));
  EXPECT_THAT(call(*run, "gitea/1.add_labels", labels_of(Json::array())).error().what(),
              HasSubstr("labels"));
  EXPECT_EQ(call(*run, "gitea/1.list_issues", {{"repo", "org/app"}, {"state", 5}}).error().code(),
            Code::usage);
  EXPECT_THAT(call(*run, "gitea/1.burn_down").error().what(), HasSubstr("add_labels"));
}

class WriteCap : public ForgeBench {
 protected:
  std::shared_ptr<RunContext> capped(int most) {
    auto run = writer();
    run->writes.most = most;
    return run;
  }
};

TEST_F(WriteCap, IsFiftyWritesUnlessTheOperatorSaysOtherwise) {
  const auto run = writer();
  for (int n = 1; n <= 50; ++n)
    ASSERT_TRUE(call(*run, "gitea/1.add_labels", labels_of({"bug"})).ok()) << n;
  const auto refused = call(*run, "gitea/1.add_labels", labels_of({"bug"})).error();
  EXPECT_EQ(refused.code(), Code::too_large);
  EXPECT_EQ(refused.message(), "this run has made 50 writes, its cap (limits.mutations)");
  EXPECT_THAT(refused.next_step(), HasSubstr("plugins.triage.limits.mutations"));
}

TEST_F(WriteCap, StopsTheWriteBeforeTheForgeAndIsAuditedOnceARun) {
  const auto run = capped(1);
  ASSERT_TRUE(call(*run, "gitea/1.add_labels", labels_of({"bug"})).ok());
  const auto calls = gitea_.calls;
  for (int n = 0; n < 3; ++n)
    EXPECT_EQ(call(*run, "gitea/1.set_issue_state", on(1, {{"open", false}})).error().code(),
              Code::too_large);
  EXPECT_EQ(gitea_.calls, calls);
  EXPECT_THAT(rows("SELECT what || ': ' || result FROM audit ORDER BY id"),
              ElementsAre("gitea/1.add_labels: ok",
                          "gitea/1.set_issue_state: refused: this run has made 1 writes, its cap "
                          "(limits.mutations)"));
  EXPECT_EQ(rows("SELECT id FROM intents").size(), 1u);
}

TEST_F(WriteCap, CountsForOneRunAndNoReads) {
  const auto run = capped(1);
  run->grants = Grants::from({{"gitea.read", {"*"}}, {"gitea.write", {"*"}}});
  for (int n = 0; n < 3; ++n) answer(*run, "get_issue", on(1));
  EXPECT_EQ(call(*run, "gitea/1.add_labels", labels_of(5)).error().code(), Code::usage);
  EXPECT_TRUE(call(*run, "gitea/1.add_labels", labels_of({"bug"})).ok())
      << "a read, or a call that was refused, was counted";
  EXPECT_TRUE(call(*capped(1), "gitea/1.add_labels", labels_of({"docs"})).ok());
}

}  // namespace
}  // namespace host
