// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "base/fake_loop.hpp"
#include "dispatch/report_fixture.hpp"
#include "gitea/fake_gitea.hpp"

namespace host::dispatch {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PostedReports : public ::testing::Test {
 protected:
  PostedReports() {
    forge_.add_repo("org/app", {"bug"});
    forge_.add_issue("org/app", "It crashes");
  }

  Result<Posted> post(const Playbook& playbook, const ReportFacts& facts = report_facts()) {
    std::optional<Result<Posted>> answer;
    post_report(forge_, playbook, facts, [&](Result<Posted> posted) { answer.emplace(posted); });
    loop_.drain();
    if (!answer) return Error(Code::internal, "no answer");
    return *answer;
  }
  FakeIssues::Repo& repo() { return forge_.repos.at("org/app"); }
  std::vector<std::string> labels_of(std::int64_t number) {
    std::vector<std::string> names;
    for (const auto& label : repo().issues.at(number).labels) names.push_back(label.name);
    return names;
  }

  FakeLoop loop_;
  FakeGitea forge_{loop_};
};

TEST_F(PostedReports, OpenAPullRequestAndSaySoOnTheIssue) {
  const auto playbook = playbook_that_reports("report: { labels: [bug], reviewers: [ada] }\n");
  const auto posted = post(playbook).value();
  ASSERT_TRUE(posted.pull);
  EXPECT_EQ(posted.pull->number, 2);
  EXPECT_EQ(posted.pull->head.branch, "timmy/issue-1");
  EXPECT_EQ(posted.pull->base.branch, "main");
  EXPECT_EQ(posted.pull->title, "#1: It crashes");
  EXPECT_THAT(labels_of(2), ElementsAre("bug"));
  EXPECT_THAT(repo().pulls.at(2).requested_reviewers, ElementsAre("ada"));
  ASSERT_THAT(repo().comments.at(1), SizeIs(1));
  EXPECT_THAT(repo().comments.at(1)[0].body, HasSubstr("Pull request #2"));
  EXPECT_THAT(posted.notes, IsEmpty());
}

TEST_F(PostedReports, AreMadeOnceHoweverOftenTheyAreMade) {
  const auto playbook = playbook_that_reports("report: { labels: [bug] }\n");
  (void)post(playbook).value();
  const auto writes = forge_.writes;
  EXPECT_EQ(post(playbook).value().pull->number, 2);
  EXPECT_EQ(forge_.writes, writes);
  EXPECT_THAT(repo().pulls, SizeIs(1));
  EXPECT_THAT(repo().comments.at(1), SizeIs(1));
}

TEST_F(PostedReports, ThatBrokeOffAnywhereAreMadeWholeByTheNextTry) {
  const auto playbook = playbook_that_reports("report: { labels: [bug, new], reviewers: [ada] }\n");
  for (int after = 0;; ++after) {
    ASSERT_LT(after, 30);
    FakeLoop loop;
    FakeGitea forge(loop);
    forge.add_repo("org/app", {"bug"});
    forge.add_issue("org/app", "It crashes");
    std::optional<Result<Posted>> answer;
    const auto take = [&](Result<Posted> posted) { answer.emplace(std::move(posted)); };
    post_report(forge, playbook, report_facts(), take);
    // The forge goes away after so many of its answers.
    for (int step = 0; step < after && !answer; ++step) {
      loop.post([] {});
      loop.drain();
    }
    if (answer && answer->ok()) break;
    forge.set_available(false);
    loop.drain();
    forge.set_available(true);
    answer.reset();
    post_report(forge, playbook, report_facts(), take);
    loop.drain();
    ASSERT_TRUE(answer && answer->ok());
    EXPECT_EQ(forge.repos.at("org/app").pulls.size(), 1U);
    EXPECT_EQ(forge.repos.at("org/app").comments.at(1).size(), 1U);
    EXPECT_EQ(forge.repos.at("org/app").issues.at(2).labels.size(), 2U);
  }
}

TEST_F(PostedReports, MakeTheLabelsThatThereAreNoneOf) {
  (void)post(playbook_that_reports("report: { labels: [bug, from-agent] }\n")).value();
  EXPECT_THAT(labels_of(2), ElementsAre("bug", "from-agent"));
}

TEST_F(PostedReports, NoteWhatTheyMayNotDoAndGoOn) {
  const auto playbook = playbook_that_reports("report: { labels: [bug] }\n");
  (void)post(playbook).value();
  // whoami, create_pr, then the labels.
  forge_.fail_next(Error(Code::denied, "who are you"));
  EXPECT_FALSE(post(playbook).ok()) << "without knowing who it is it writes nothing";
  EXPECT_THAT(repo().pulls, SizeIs(1));
}

TEST_F(PostedReports, LeaveAPullRequestThatAPersonEditedAsItIs) {
  const auto playbook = playbook_that_reports();
  (void)post(playbook).value();
  auto& pull = repo().pulls.at(2);
  pull.title = "A better title", pull.body = "Ada's words.\n" + pull.body;
  (void)post(playbook).value();
  EXPECT_EQ(repo().pulls.at(2).title, "A better title");
  EXPECT_THAT(repo().pulls.at(2).body, HasSubstr("Ada's words."));
}

TEST_F(PostedReports, BringOneOfAnEarlierRunUpToDate) {
  const auto playbook = playbook_that_reports();
  (void)post(playbook).value();
  auto facts = report_facts();
  facts.run = "12.3";
  (void)post(playbook, facts).value();
  EXPECT_THAT(repo().pulls, SizeIs(1));
  EXPECT_THAT(repo().pulls.at(2).body, HasSubstr("run 12.3"));
}

TEST_F(PostedReports, LeaveAPullRequestOfSomebodyElseAsItIs) {
  forge_.add_pull("org/app", "Mine", "timmy/issue-1").body = "Ada's.";
  const auto posted = post(playbook_that_reports()).value();
  EXPECT_EQ(posted.pull->number, 2);
  EXPECT_EQ(repo().pulls.at(2).body, "Ada's.");
}

TEST_F(PostedReports, OfACommentAreOneCommentAndLabelsOfTheIssue) {
  const auto playbook = playbook_that_reports("report: { kind: comment, labels: [bug] }\n");
  const auto posted = post(playbook).value();
  EXPECT_FALSE(posted.pull);
  EXPECT_THAT(repo().comments.at(1)[0].body, HasSubstr("It was a null."));
  EXPECT_THAT(labels_of(1), ElementsAre("bug"));
  (void)post(playbook).value();
  EXPECT_THAT(repo().comments.at(1), SizeIs(1));
  EXPECT_THAT(repo().pulls, IsEmpty());
}

TEST_F(PostedReports, FindTheirOwnCommentAmongThoseThatQuoteIt) {
  const auto playbook = playbook_that_reports("report: { kind: comment }\n");
  auto quoting = report_facts();
  quoting.report = "<!-- timmy:" + comment_key(playbook, "org/app", 1) + " -->";
  const auto other =
      parse_playbook(playbook_text("other", "report: { kind: comment }\n"), "/f/other.yaml");
  // By the host's own user: its agent wrote the other's marker.
  (void)post(other, quoting).value();
  (void)post(playbook).value();
  ASSERT_THAT(repo().comments.at(1), SizeIs(2));
  EXPECT_THAT(repo().comments.at(1)[1].body, HasSubstr("It was a null."));
}

}  // namespace
}  // namespace host::dispatch
