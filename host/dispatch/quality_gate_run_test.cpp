// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "base/fake_loop.hpp"
#include "dispatch/quality_gate.hpp"
#include "dispatch/report_fixture.hpp"
#include "gitea/fake_gitea.hpp"

namespace host::dispatch {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using State = QualityVerdict::State;

class QualityLooks : public ::testing::Test {
 protected:
  QualityLooks() {
    auto& repo = forge_.add_repo("org/app");
    repo.permissions = {{"ada", Permission::write}, {"bob", Permission::read}};
    forge_.add_issue("org/app", "It crashes");
    auto& pull = forge_.add_pull("org/app", "Mend it", "timmy/issue-1");
    pull.user = "timmy";
    work_ = {.repository = "org/app",
             .pull = pull.number,
             .head = pull.head.sha,
             .base = "main",
             .passed = true};
  }

  QualityLook look(const Playbook& playbook) {
    std::optional<Result<QualityLook>> answer;
    run_quality_gate(forge_, playbook, banned_, work_,
                     [&](Result<QualityLook> look) { answer.emplace(std::move(look)); });
    loop_.drain();
    EXPECT_TRUE(answer);
    return answer->value();
  }
  void review(const std::string& user, const std::string& state) {
    Review made;
    made.user = user, made.state = state, made.commit_sha = pull().head.sha;
    repo().reviews[work_.pull].push_back(made);
  }
  FakeIssues::Repo& repo() { return forge_.repos.at("org/app"); }
  PullRequest& pull() { return repo().pulls.at(work_.pull); }
  std::string status(const std::string& sha) {
    const auto& all = repo().statuses[sha];
    return all.empty() ? "none" : all.back().context + " " + all.back().state;
  }

  FakeLoop loop_;
  FakeGitea forge_{loop_};
  BannedModels banned_;
  SealedWork work_;
  Playbook never_ = playbook_that_reports();
  Playbook when_approved_ = playbook_that_reports(
      "gates: { commands: [{ name: a, run: [make] }] }\nreport: { merge: when-approved }\n");
};

TEST_F(QualityLooks, ShowAtTheForgeWhatTheyFound) {
  EXPECT_EQ(look(never_).verdict.state, State::waiting);
  EXPECT_EQ(status(work_.head), "timmy/quality-gate pending");
  review("ada", "APPROVED");
  EXPECT_EQ(look(never_).verdict.state, State::eligible);
  EXPECT_EQ(status(work_.head), "timmy/quality-gate success");
}

TEST_F(QualityLooks, WriteNothingWhereNothingChanged) {
  (void)look(never_);
  const auto writes = forge_.writes;
  (void)look(never_);
  EXPECT_EQ(forge_.writes, writes);
}

TEST_F(QualityLooks, MergeOnlyWhereThePlaybookSaysSo) {
  review("ada", "APPROVED");
  EXPECT_FALSE(look(never_).merged);
  EXPECT_FALSE(pull().merged);
  EXPECT_TRUE(look(when_approved_).merged);
  EXPECT_TRUE(pull().merged);
  EXPECT_EQ(forge_.merge_order.head_sha, work_.head);
  EXPECT_EQ(forge_.merge_order.base, "main");
}

TEST_F(QualityLooks, MergeNothingThatIsNotEligible) {
  review("bob", "APPROVED");
  EXPECT_FALSE(look(when_approved_).merged);
  review("ada", "APPROVED");
  banned_ = BannedModels({"anthropic"}, {});
  work_.models = {{"anthropic", "claude-x"}};
  EXPECT_EQ(look(when_approved_).verdict.state, State::refused);
  EXPECT_FALSE(pull().merged);
}

TEST_F(QualityLooks, RefuseAHeadThatSomebodyPushed) {
  review("ada", "APPROVED");
  pull().head.sha = std::string(40, 'f');
  review("ada", "APPROVED");
  EXPECT_EQ(look(when_approved_).verdict.state, State::refused);
  EXPECT_EQ(status(std::string(40, 'f')), "timmy/quality-gate failure");
  EXPECT_FALSE(pull().merged);
}

TEST_F(QualityLooks, MergeTheWayThatTheRepositoryHas) {
  repo().about.default_merge_style = "squash";
  review("ada", "APPROVED");
  EXPECT_TRUE(look(when_approved_).merged);
  EXPECT_EQ(forge_.merge_order.style, "squash");
}

TEST_F(QualityLooks, WaitWhereTheForgeDoesNotMerge) {
  review("ada", "APPROVED");
  pull().mergeable = false;
  const auto found = look(when_approved_);
  EXPECT_EQ(found.verdict.state, State::waiting);
  EXPECT_THAT(found.verdict.reasons, Contains(HasSubstr("does not merge it")));
}

TEST_F(QualityLooks, SayAVerdictOnceAndGoGreenWhereOnlyPeopleMerge) {
  (void)look(never_);
  (void)look(never_);
  EXPECT_THAT(repo().statuses[work_.head], SizeIs(1));
  EXPECT_EQ(status(work_.head), "timmy/quality-gate pending");
  review("ada", "APPROVED");
  (void)look(never_);
  EXPECT_EQ(status(work_.head), "timmy/quality-gate success");
  EXPECT_FALSE(pull().merged);
}

TEST_F(QualityLooks, SeeWhatAPersonMerged) {
  pull().merged = true;
  repo().issues.at(work_.pull).state = "closed";
  EXPECT_TRUE(look(never_).merged);
  EXPECT_EQ(status(work_.head), "none");
}

}  // namespace
}  // namespace host::dispatch
