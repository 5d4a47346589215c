// SPDX-License-Identifier: Apache-2.0
#include "dispatch/report_fixture.hpp"
#include "dispatch/verify_fixture.hpp"

namespace host::dispatch {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using workspaces::ObjectId;
using workspaces::plain_git;
using workspaces::PushResult;

class SealedWorkOf : public VerifyTest {
 protected:
  void SetUp() override {
    VerifyTest::SetUp();
    if (IsSkipped()) return;
    mend();
    agent_commits(*clone_, "Mend it\n\nThe agent's own words.");
    ASSERT_TRUE(bundle(*clone_));
    verified_.emplace(take_in(*clone_).head);
  }
  [[nodiscard]] ObjectId seal(const CommitIdentity& identity = {}) const {
    return seal_work(*mirror_, *verified_, clone_->record.branch,
                     trailer_message(playbook_that_reports(), report_facts(), *verified_), identity,
                     WallTime(std::chrono::hours(24 * 20'000)));
  }
  [[nodiscard]] std::string git(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "--git-dir=.");
    return plain_git(mirror_->git_dir(), std::move(arguments));
  }
  std::optional<ObjectId> verified_;
};

TEST_F(SealedWorkOf, AnAgentLeavesItsCommitsAsTheGatesSawThem) {
  const auto sealed = seal();
  EXPECT_EQ(git({"rev-parse", sealed.text() + "^"}), verified_->text() + "\n");
  EXPECT_EQ(git({"rev-parse", sealed.text() + "^{tree}"}),
            git({"rev-parse", verified_->text() + "^{tree}"}));
}

TEST_F(SealedWorkOf, AnAgentCarriesTrailersThatGitKnows) {
  const auto text = git({"log", "-1", "--format=%(trailers:only,unfold)", seal().text()});
  EXPECT_EQ(text,
            "Timmy-Run: 12.2\nTimmy-Playbook: bug-fixer\nTimmy-Issue: org/app#1\n"
            "Timmy-Agent: hermes 0.19.0\nTimmy-Model: acme small-1\n"
            "Timmy-Gates: size=passed, command verify=passed\nTimmy-Tokens: 12345\n"
            "Timmy-Verified: " +
                verified_->text() + "\n\n");
}

TEST_F(SealedWorkOf, AnAgentIsSaidToBeTheHosts) {
  const auto text = git({"log", "-1", "--format=%an <%ae> %cn %B",
                         seal({.name = "timmy of org", .address = "timmy@example.org"}).text()});
  EXPECT_THAT(text, AllOf(HasSubstr("timmy of org <timmy@example.org> timmy of org"),
                          Not(HasSubstr("own words"))));
  EXPECT_THROW((void)seal({.name = "x <y>", .address = "a"}), Error);
  EXPECT_THROW((void)seal({.name = "x", .address = "a\nb"}), Error);
}

TEST_F(SealedWorkOf, AnAgentIsTheSameHoweverOftenItIsMade) { EXPECT_EQ(seal(), seal()); }

TEST_F(SealedWorkOf, AnAgentIsKeptUntilItIsPushed) {
  const auto sealed = seal();
  EXPECT_EQ(git({"rev-parse", "refs/timmy/sealed/" + clone_->record.branch}), sealed.text() + "\n");
  EXPECT_EQ(mirror_->work_head(clone_->record.branch), verified_) << "the agent's own ref stays";
  EXPECT_EQ(push_head(sealed).kind, PushResult::Kind::pushed);
  EXPECT_EQ(at_forge(clone_->record.branch), sealed);
  EXPECT_EQ(push_head(seal()).kind, PushResult::Kind::already_there);
}

TEST(Trailers, KeepEachToItsLine) {
  auto facts = report_facts();
  facts.agent = "x\nTimmy-Gates: all=passed";
  facts.tokens_whole = false;
  const auto message = trailer_message(playbook_that_reports(), facts,
                                       ObjectId::parse(std::string(40, 'a')).value());
  EXPECT_THAT(message, Not(HasSubstr("\nTimmy-Gates: all")));
  EXPECT_THAT(message, HasSubstr("\nTimmy-Tokens: 12345 at most\n"));
}

}  // namespace
}  // namespace host::dispatch
