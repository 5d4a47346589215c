// SPDX-License-Identifier: Apache-2.0
//
// What became of writes that were under way when a host died.
#include "services/forge_bench.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class GiteaIntentsTest : public ForgeBench {
 protected:
  // How many are closed; as many as `open` stay so.
  int resolve(int open = 0, bool last = false) {
    std::optional<ResolvedIntents> resolved;
    resolve_intents(gitea_, store_, loop_.clock(), log_, last,
                    [&](Result<ResolvedIntents> counts) { resolved = counts.value(); });
    loop_.drain();
    first_open_ = resolved.value().first_open;
    EXPECT_EQ(resolved.value().open, open);
    return resolved.value().closed;
  }
  // Of a run that is over: what is written in the intent's result.
  std::string read_back(const std::string& method, const std::string& target) {
    const auto run = writer();
    store_.run_now([&](Unit& unit) {
      (void)open_intent(unit, {0, run->run, "gitea/1." + method, target, "hash"},
                        loop_.clock().wall());
    });
    end(*run);
    EXPECT_EQ(resolve(), 1) << method;
    return rows("SELECT result FROM intents ORDER BY id DESC LIMIT 1").at(0);
  }
  std::string first_open_;
};

TEST_F(GiteaIntentsTest, OpenIntentsOfRunsThatAreOverAreReadBackAndClosed) {
  const auto run = open({{"gitea.write", {"org/app"}}});
  store_.run_now([&](Unit& unit) {
    (void)open_intent(unit, {0, run->run, "gitea/1.add_labels", "org/app#1", "hash"},
                      loop_.clock().wall());
    (void)open_intent(unit, {0, run->run, "gitea/1.add_labels", "org/app#99", "hash"},
                      loop_.clock().wall());
  });
  EXPECT_EQ(resolve(), 0) << "the run goes on: its write is its own";
  end(*run);
  EXPECT_EQ(resolve(), 2);
  EXPECT_THAT(rows("SELECT state || ' ' || result FROM intents ORDER BY id"),
              ElementsAre("lost read back: org/app#1 carries no label",
                          HasSubstr("lost org/app#99 not found")));
}

TEST_F(GiteaIntentsTest, TheAuditNamesWhoAskedForAWriteThatWasLost) {
  const auto run = writer();
  store_.run_now([&](Unit& unit) {
    (void)open_intent(unit,
                      {0, run->run, "gitea/1.add_labels", "org/app#1", "hash", audited_as(*run)},
                      loop_.clock().wall());
    unit.run(
        "INSERT INTO intents(job, lease, method, target, request_hash, state, created) "
        "VALUES(77, 1, 'gitea/1.set_issue_state', 'org/app#1', 'hash', 'open', 0)");
  });
  end(*run);
  EXPECT_EQ(resolve(), 2);
  EXPECT_THAT(rows("SELECT who || ': ' || what || ' ' || target || ' ' || result FROM audit"),
              ElementsAre("plugin triage, job " + std::to_string(run->run.job.value()) +
                              " of triage_task: gitea/1.add_labels org/app#1 its answer was not "
                              "seen; read back: org/app#1 carries no label",
                          HasSubstr("job 77: gitea/1.set_issue_state org/app#1")));
}

TEST_F(GiteaIntentsTest, AForgeThatIsAwayLeavesIntentsOpen) {
  const auto run = open({{"gitea.write", {"org/app"}}});
  store_.run_now([&](Unit& unit) {
    (void)open_intent(unit, {0, run->run, "gitea/1.add_labels", "org/app#1", "hash"},
                      loop_.clock().wall());
  });
  end(*run);
  gitea_.set_available(false);
  EXPECT_EQ(resolve(1), 0);
  EXPECT_THAT(rows("SELECT state FROM intents"), ElementsAre("open"));
}

TEST_F(GiteaIntentsTest, AnObjectThatCanNeverBeReadHoldsNothingBackForEver) {
  const auto run = open({{"gitea.write", {"org/app"}}});
  store_.run_now([&](Unit& unit) {
    (void)open_intent(unit, {0, run->run, "gitea/1.add_labels", "org/app#1", "hash"},
                      loop_.clock().wall());
  });
  end(*run);
  const Error broken(Code::unavailable, "status 500");
  gitea_.fail_next(broken);
  EXPECT_EQ(resolve(1), 0) << "it may pass";
  EXPECT_EQ(first_open_, "gitea/1.add_labels on org/app#1");
  gitea_.set_available(false);
  EXPECT_EQ(resolve(1, true), 0) << "the forge as a whole is away";
  gitea_.set_available(true);
  gitea_.fail_next(broken);
  EXPECT_EQ(resolve(0, true), 1);
  EXPECT_THAT(rows("SELECT state || ' ' || result FROM intents"),
              ElementsAre(AllOf(HasSubstr("lost can't be read back (status 500)"),
                                HasSubstr("look at it"))));
}

TEST_F(GiteaIntentsTest, EachWriteOnAnIssueIsReadBackByWhatItChanges) {
  issue().labels = {{1, "bug", "", "", false}};
  issue().assignees = {"amy", "bob"};
  issue().state = "closed";
  for (const char* method : {"add_labels", "remove_label"})
    EXPECT_EQ(read_back(method, "org/app#1"), "read back: org/app#1 carries bug");
  for (const char* method : {"add_assignees", "remove_assignees"})
    EXPECT_EQ(read_back(method, "org/app#1"), "read back: org/app#1 is assigned to amy, bob");
  EXPECT_EQ(read_back("set_issue_state", "org/app#1"), "read back: org/app#1 is closed");
}

TEST_F(GiteaIntentsTest, AMergeIsReadBackFromThePullRequest) {
  PullRequest& pull = add_pull();
  EXPECT_EQ(read_back("merge_pr", "org/app#2"), "read back: org/app#2 is open, not merged");
  pull.merged = true, pull.merge_commit_sha = "c0ffee";
  EXPECT_EQ(read_back("merge_pr", "org/app#2"), "read back: org/app#2 is merged as c0ffee");
}

TEST_F(GiteaIntentsTest, WhatTheClientLooksForByItselfIsLeftToThePerson) {
  for (const auto& [method, target] :
       std::map<std::string, std::string>{{"create_comment", "org/app#1"},
                                          {"keep_comment", "org/app#1"},
                                          {"keep_issue", "org/app issue report"},
                                          {"create_review", "org/app#1"},
                                          {"create_label", "org/app label x"},
                                          {"set_status", "org/app@abc"}})
    EXPECT_THAT(read_back(method, target), HasSubstr("look at it")) << method;
  EXPECT_EQ(gitea_.calls, 0u);
}

}  // namespace
}  // namespace host
