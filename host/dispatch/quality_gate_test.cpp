// SPDX-License-Identifier: Apache-2.0
#include "dispatch/quality_gate.hpp"

#include <gmock/gmock.h>

namespace host::dispatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using State = QualityVerdict::State;

const std::string kHead(40, 'a');

Review review(const std::string& user, const std::string& state, const std::string& sha = kHead) {
  Review made;
  made.user = user, made.state = state, made.commit_sha = sha;
  return made;
}

// One that may be merged: approved by ada, who may write.
QualityFacts approved() {
  QualityFacts facts;
  facts.work = {.repository = "org/app", .pull = 2, .head = kHead, .base = "main", .passed = true};
  facts.pull.number = 2, facts.pull.state = "open", facts.pull.user = "timmy";
  facts.pull.head.sha = kHead, facts.pull.base.branch = "main";
  facts.own_login = "timmy";
  facts.reviews = {review("ada", "APPROVED")};
  facts.permissions = {
      {"ada", Permission::write}, {"bob", Permission::read}, {"eve", Permission::admin}};
  return facts;
}

std::string reasons(const QualityVerdict& verdict) {
  std::string all;
  for (const auto& reason : verdict.reasons) all += (all.empty() ? "" : "; ") + reason;
  return all;
}

TEST(QualityGate, LetsPassWhatIsGreenAndSignedOff) {
  const auto verdict = judge_quality(approved());
  EXPECT_EQ(verdict.state, State::eligible) << reasons(verdict);
  EXPECT_THAT(verdict.signed_off, ElementsAre("ada"));
  const auto status = quality_status(verdict);
  EXPECT_EQ(status.context, "timmy/quality-gate");
  EXPECT_EQ(status.state, "success");
  EXPECT_EQ(status.description, "gates passed, signed off by ada");
}

TEST(QualityGate, CountsNoApprovalButOneOfThisHeadByAPersonWhoMay) {
  const auto waits = [](const QualityFacts& facts) {
    const auto verdict = judge_quality(facts);
    return verdict.state == State::waiting && verdict.signed_off.empty() &&
           reasons(verdict).find("nobody who may write") != std::string::npos;
  };
  auto facts = approved();
  facts.reviews.clear();
  EXPECT_TRUE(waits(facts)) << "nobody";
  facts.reviews = {review("bob", "APPROVED")};
  EXPECT_TRUE(waits(facts)) << "may only read";
  facts.reviews = {review("timmy", "APPROVED"), review("Timmy", "APPROVED")};
  facts.permissions["timmy"] = facts.permissions["Timmy"] = Permission::admin;
  EXPECT_TRUE(waits(facts)) << "the host's own user";
  facts.reviews = {review("ada", "APPROVED", std::string(40, 'b'))};
  EXPECT_TRUE(waits(facts)) << "of another commit";
  facts.reviews = {review("ada", "APPROVED")};
  facts.reviews[0].stale = true;
  EXPECT_TRUE(waits(facts)) << "stale";
  facts.reviews[0].stale = false, facts.reviews[0].dismissed = true;
  EXPECT_TRUE(waits(facts)) << "dismissed";
  facts.reviews = {review("ada", "COMMENT"), review("ada", "PENDING"),
                   review("", "REQUEST_REVIEW")};
  EXPECT_TRUE(waits(facts)) << "no approval";
  facts = approved();
  facts.pull.user = "Ada";
  EXPECT_TRUE(waits(facts)) << "the author's own";
}

TEST(QualityGate, TakesTheLastWordOfEach) {
  auto facts = approved();
  facts.reviews.push_back(review("ada", "REQUEST_CHANGES"));
  EXPECT_EQ(judge_quality(facts).state, State::waiting);
  facts.reviews.push_back(review("ADA", "APPROVED"));
  facts.permissions["ADA"] = Permission::write;
  EXPECT_EQ(judge_quality(facts).state, State::eligible) << "logins are compared without case";
  facts.reviews.push_back(review("ada", "COMMENT"));
  EXPECT_EQ(judge_quality(facts).state, State::eligible) << "a comment takes nothing back";
}

TEST(QualityGate, WaitsWhileSomebodyWhoMayAsksForChanges) {
  auto facts = approved();
  // Also one of an older commit: nobody took it back.
  facts.reviews.push_back(review("eve", "REQUEST_CHANGES", std::string(40, 'b')));
  EXPECT_EQ(reasons(judge_quality(facts)), "eve asks for changes");
  facts.reviews.back() = review("bob", "REQUEST_CHANGES");
  EXPECT_EQ(judge_quality(facts).state, State::eligible) << "who may only read stops nothing";
}

TEST(QualityGate, AsksTheForgesWordWhereItMayNotAskForPermissions) {
  auto facts = approved();
  facts.permissions.clear();
  EXPECT_EQ(judge_quality(facts).state, State::waiting);
  facts.reviews[0].official = true;
  EXPECT_EQ(judge_quality(facts).state, State::eligible);
  facts.permissions["ada"] = Permission::read;
  EXPECT_EQ(judge_quality(facts).state, State::waiting) << "what is known counts more";
}

TEST(QualityGate, RefusesWhatTheGatesDidNotSee) {
  auto facts = approved();
  facts.pull.head.sha = std::string(40, 'b');
  facts.reviews = {review("ada", "APPROVED", facts.pull.head.sha)};
  const auto verdict = judge_quality(facts);
  EXPECT_EQ(verdict.state, State::refused);
  EXPECT_EQ(quality_status(verdict).state, "failure");
  EXPECT_THAT(reasons(verdict), HasSubstr("its head is bbbbbbbbbbbb, and the gates saw"));
  facts = approved();
  facts.pull.base.branch = "release";
  EXPECT_EQ(judge_quality(facts).state, State::refused);
  facts = approved();
  facts.work.passed = false;
  EXPECT_EQ(judge_quality(facts).state, State::refused);
  facts = approved();
  facts.work.head = facts.pull.head.sha = "";
  EXPECT_EQ(judge_quality(facts).state, State::refused);
}

TEST(QualityGate, RefusesWhatABannedModelHelpedWith) {
  auto facts = approved();
  facts.banned = banned_models({{"anthropic", "claude-x"}}, BannedModels({"anthropic"}, {}));
  const auto verdict = judge_quality(facts);
  EXPECT_EQ(verdict.state, State::refused);
  EXPECT_THAT(reasons(verdict), HasSubstr("anthropic"));
}

TEST(QualityGate, WaitsForOtherChecksButNotForItself) {
  auto facts = approved();
  facts.statuses = {{1, "timmy/quality-gate", "pending", "", ""},
                    {2, "ci/x", "success", "", ""},
                    {3, "ci/y", "skipped", "", ""}};
  EXPECT_EQ(judge_quality(facts).state, State::eligible);
  for (const char* state : {"pending", "failure", "error", "warning"}) {
    facts.statuses[1].state = state;
    EXPECT_EQ(reasons(judge_quality(facts)), std::string("the check \"ci/x\" says ") + state);
  }
}

TEST(QualityGate, WaitsForADraftAndRefusesWhatIsClosed) {
  auto facts = approved();
  facts.pull.draft = true;
  EXPECT_EQ(judge_quality(facts).state, State::waiting);
  facts = approved();
  facts.pull.state = "closed";
  EXPECT_EQ(judge_quality(facts).state, State::refused);
}

TEST(QualityGate, SaysNoMoreThanAStatusHolds) {
  QualityVerdict verdict;
  verdict.state = State::waiting;
  verdict.reasons = {std::string(500, 'x'), "more"};
  EXPECT_LE(quality_status(verdict).description.size(), 140U);
}

}  // namespace
}  // namespace host::dispatch
