// SPDX-License-Identifier: Apache-2.0
#include "services/gitea_writes.hpp"

#include "services/forge_bench.hpp"

namespace host {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// Of pull request 2, as the bench makes it.
const std::string kHead = std::string(39, 'a') + "2";

const std::vector<ForgeMethod>& writes() {
  static const std::vector<ForgeMethod> all{
      {"set_issue_state", {{"repo", "org/app"}, {"number", 1}, {"open", false}}},
      {"add_assignees", {{"repo", "org/app"}, {"number", 1}, {"logins", {"timmy"}}}},
      {"remove_assignees", {{"repo", "org/app"}, {"number", 1}, {"logins", {"timmy"}}}},
      {"create_label", {{"repo", "org/app"}, {"name", "new"}}},
      {"add_labels", {{"repo", "org/app"}, {"number", 1}, {"labels", {"bug"}}}},
      {"remove_label", {{"repo", "org/app"}, {"number", 1}, {"label", "bug"}}},
      {"create_comment", {{"repo", "org/app"}, {"number", 1}, {"body", "seen"}}},
      {"keep_comment", {{"repo", "org/app"}, {"number", 1}, {"body", "seen"}, {"name", "sum"}}},
      {"keep_issue",
       {{"repo", "org/app"}, {"title", "Report"}, {"body", "all"}, {"name", "report"}}},
      {"merge_pr", {{"repo", "org/app"}, {"number", 2}, {"style", "squash"}, {"head_sha", kHead}}},
      {"create_review", {{"repo", "org/app"}, {"number", 2}, {"event", "comment"}, {"body", "hm"}}},
      {"set_status",
       {{"repo", "org/app"}, {"sha", "abc"}, {"context", "timmy"}, {"state", "success"}}},
  };
  return all;
}

class GiteaWritesTest : public ForgeBench {
 protected:
  GiteaWritesTest() { add_pull(); }
  std::vector<std::string> audited() {
    return rows("SELECT what || ' ' || target || ' ' || result FROM audit ORDER BY id");
  }
};

class EachWrite : public GiteaWritesTest, public ::testing::WithParamInterface<ForgeMethod> {
 protected:
  [[nodiscard]] std::string method() const { return "gitea/1." + GetParam().name; }
};

TEST_P(EachWrite, NeedsTheGrantForItsRepository) {
  const auto run = open({{"gitea.write", {"org/other"}}, {"gitea.read", {"*"}}});
  EXPECT_EQ(call(*run, method(), GetParam().params).error().code(), Code::not_granted);
  EXPECT_EQ(gitea_.calls, 0u);
  EXPECT_THAT(rows("SELECT id FROM intents"), IsEmpty());
}

TEST_P(EachWrite, RefusesParametersOfAnotherType) {
  const auto run = writer();
  for (const auto& [key, value] : GetParam().params.items()) {
    if (key == "repo") continue;
    const auto refused = call(*run, method(), with(GetParam(), key, Json::object())).error();
    EXPECT_EQ(refused.code(), Code::usage) << key;
    EXPECT_THAT(refused.message(), HasSubstr("\"" + key + "\""));
  }
  EXPECT_EQ(gitea_.calls, 0u);
  EXPECT_THAT(rows("SELECT id FROM intents"), IsEmpty());
}

TEST_P(EachWrite, LeavesItsIntentAndAnAuditLine) {
  const auto run = writer();
  ASSERT_TRUE(call(*run, method(), GetParam().params).ok());
  EXPECT_THAT(rows("SELECT state || ' ' || method || ' ' || result FROM intents"),
              ElementsAre("done " + method() + " ok"));
  EXPECT_THAT(audited(), ElementsAre(StartsWith(method() + " org/app")));
  EXPECT_EQ(rows("SELECT target FROM intents"), rows("SELECT target FROM audit"));
  EXPECT_EQ(rows("SELECT target FROM audit"), written_);
}

TEST_P(EachWrite, PassesTheForgesErrorOnAndAuditsIt) {
  gitea_.fail_next(Error(Code::conflict, "archived"));
  const auto run = writer();
  EXPECT_EQ(call(*run, method(), GetParam().params).error().code(), Code::conflict);
  EXPECT_THAT(rows("SELECT result FROM audit"), ElementsAre(HasSubstr("archived")));
  EXPECT_THAT(written_, IsEmpty());
}

TEST_P(EachWrite, OfAStaleRunNeverReachesTheForge) {
  const auto run = writer();
  end(*run);
  EXPECT_EQ(call(*run, method(), GetParam().params).error().code(), Code::stale);
  EXPECT_EQ(gitea_.calls, 0u);
}

TEST_P(EachWrite, TwiceChangesOnce) {
  const auto run = writer();
  (void)call(*run, method(), GetParam().params);
  const auto after = gitea_.writes;
  EXPECT_TRUE(call(*run, method(), GetParam().params).ok());
  EXPECT_EQ(gitea_.writes, after);
}

TEST_P(EachWrite, IsNotSentInADryRunButAuditedAndAnswered) {
  const auto run = writer();
  run->writes.dry_run = true;
  const Json made = answer(*run, GetParam().name, GetParam().params);
  EXPECT_EQ(gitea_.writes, 0u);
  EXPECT_EQ(made["dry_run"], true);
  EXPECT_THAT(rows("SELECT id FROM intents"), IsEmpty());
  EXPECT_THAT(audited(), ElementsAre(AllOf(StartsWith(method() + " org/app"),
                                           ::testing::EndsWith(" dry run: not sent"))));
  EXPECT_THAT(*lines_, ::testing::Contains(HasSubstr("would send " + method() + " on org/app")));
  // In earnest the answer has the same form.
  const auto earnest = writer();
  Json sent = answer(*earnest, GetParam().name, GetParam().params);
  for (const auto& [key, value] : sent.items()) EXPECT_TRUE(made.contains(key)) << key;
  EXPECT_EQ(made.size(), sent.size() + 1);
}

TEST_P(EachWrite, InADryRunIsCheckedAsInEarnest) {
  const auto run = writer();
  run->writes = {.most = 1, .dry_run = true};
  EXPECT_EQ(call(*run, method(), with(GetParam(), "repo", "org/secret")).error().code(),
            Code::not_granted);
  EXPECT_TRUE(call(*run, method(), GetParam().params).ok());
  EXPECT_EQ(call(*run, method(), GetParam().params).error().code(), Code::too_large);
  end(*run);
  run->writes.most = 9;
  EXPECT_EQ(call(*run, method(), GetParam().params).error().code(), Code::stale);
}

INSTANTIATE_TEST_SUITE_P(All, EachWrite, ::testing::ValuesIn(writes()),
                         [](const auto& it) { return it.param.name; });

TEST_F(GiteaWritesTest, AnIssueIsClosedAndOpened) {
  const auto run = writer();
  EXPECT_EQ(answer(*run, "set_issue_state", on(1, {{"open", false}}))["state"], "closed");
  EXPECT_EQ(issue().state, "closed");
  EXPECT_EQ(answer(*run, "set_issue_state", on(1, {{"open", true}}))["state"], "open");
  EXPECT_EQ(call(*run, "gitea/1.set_issue_state", on(1)).error().code(), Code::usage)
      << "what it is to be must be said";
}

TEST_F(GiteaWritesTest, AssigneesComeAndGo) {
  gitea_.repos.at("org/app").assignable = {"amy", "bob"};
  const auto run = writer();
  EXPECT_EQ(answer(*run, "add_assignees", on(1, {{"logins", {"amy", "bob"}}}))["assignees"],
            Json({"amy", "bob"}));
  EXPECT_EQ(answer(*run, "remove_assignees", on(1, {{"logins", {"amy"}}}))["assignees"],
            Json({"bob"}));
  EXPECT_EQ(call(*run, "gitea/1.add_assignees", on(1, {{"logins", {"eve"}}})).error().code(),
            Code::not_found);
  EXPECT_EQ(call(*run, "gitea/1.add_assignees", on(1, {{"logins", {""}}})).error().code(),
            Code::usage);
}

TEST_F(GiteaWritesTest, LabelsAreMadeAndTakenOff) {
  const auto run = writer();
  EXPECT_EQ(
      answer(*run, "create_label",
             {{"repo", "org/app"}, {"name", "p/1"}, {"color", "ff0000"}, {"exclusive", true}}),
      (Json{{"name", "p/1"}, {"color", "ff0000"}, {"description", ""}, {"exclusive", true}}));
  answer(*run, "add_labels", labels_of({"p/1"}));
  EXPECT_EQ(answer(*run, "remove_label", on(1, {{"label", "p/1"}})), Json::object());
  EXPECT_TRUE(issue().labels.empty());
  EXPECT_THAT(audited(),
              ElementsAre("gitea/1.create_label org/app label p/1 ok",
                          "gitea/1.add_labels org/app#1 ok", "gitea/1.remove_label org/app#1 ok"));
}

TEST_F(GiteaWritesTest, ACommentIsWrittenOnceByAJobHoweverOftenItRuns) {
  const auto first = writer();
  EXPECT_EQ(answer(*first, "create_comment", on(1, {{"body", "seen"}}))["user"], "timmy");
  const auto again = writer();
  again->key = first->key;
  answer(*again, "create_comment", on(1, {{"body", "seen again"}}));
  EXPECT_EQ(comments().size(), 1u);
  answer(*again, "create_comment", on(1, {{"body", "more"}, {"name", "second"}}));
  EXPECT_EQ(comments().size(), 2u) << "another name is another comment";
  answer(*writer(), "create_comment", on(1, {{"body", "seen"}}));
  EXPECT_EQ(comments().size(), 3u) << "another job is another comment";
}

TEST_F(GiteaWritesTest, AKeptCommentIsOneOverAllJobsOfThePluginAndBelongsToItAlone) {
  const auto keep = [&](const RunContext& run, const char* body, const char* name) {
    return answer(run, "keep_comment", on(1, {{"body", body}, {"name", name}}))["body"];
  };
  EXPECT_THAT(keep(*writer(), "1 left", "sum").get<std::string>(), StartsWith("1 left"));
  EXPECT_THAT(keep(*writer(), "none left", "sum").get<std::string>(), StartsWith("none left"));
  ASSERT_EQ(comments().size(), 1u);
  EXPECT_THAT(comments()[0].body, StartsWith("none left"));
  keep(*writer(), "x", "other");
  const auto stranger = writer();
  stranger->plugin = "stranger";
  keep(*stranger, "x", "sum");
  EXPECT_EQ(comments().size(), 3u);
  EXPECT_EQ(call(*writer(), "gitea/1.keep_comment", on(1, {{"body", "x"}})).error().code(),
            Code::usage);
}

TEST_F(GiteaWritesTest, AKeptIssueIsOneOverAllJobsOfThePluginAndBelongsToItAlone) {
  const auto keep = [&](const RunContext& run, const char* body, const char* name) {
    return answer(run, "keep_issue",
                  {{"repo", "org/app"}, {"title", "Report"}, {"body", body}, {"name", name}})
        .value("number", 0);
  };
  const auto number = keep(*writer(), "one", "report");
  EXPECT_EQ(keep(*writer(), "two", "report"), number);
  EXPECT_THAT(gitea_.repos.at("org/app").issues.at(number).body, StartsWith("two"));
  const auto stranger = writer();
  stranger->plugin = "stranger";
  EXPECT_NE(keep(*stranger, "x", "report"), number);
  EXPECT_NE(keep(*writer(), "x", "other"), number);
}

// The marker's rules are the client's: the twin takes anything.
TEST_F(GiteaWritesTest, AMarkerIsMadeOfWhatAnyKeyAndNameMayHold) {
  const auto run = writer();
  run->key = "a key -- of <anything>";
  answer(*run, "create_comment", on(1, {{"body", "x"}, {"name", "--> <b>"}}));
  answer(*run, "keep_comment", on(1, {{"body", "y"}, {"name", "--> <b>"}}));
  for (const auto& comment : comments())
    EXPECT_THAT(comment.body,
                ::testing::ContainsRegex("\n\n<!-- timmy:(comment|keep)/[0-9a-f]{32} -->$"));
}

TEST_F(GiteaWritesTest, MergingTakesAGrantOfItsOwn) {
  const auto run = open({{"gitea.write", {"*"}}, {"gitea.read", {"*"}}});
  const auto refused = call(*run, "gitea/1.merge_pr", on(2)).error();
  EXPECT_EQ(refused.code(), Code::not_granted);
  EXPECT_THAT(refused.next_step(), HasSubstr("gitea.merge: [\"org/app\"]"));
  EXPECT_EQ(gitea_.calls, 0u);
  const auto merger = open({{"gitea.merge", {"org/app"}}});
  EXPECT_TRUE(call(*merger, "gitea/1.merge_pr", on(2)).ok());
  EXPECT_EQ(call(*merger, "gitea/1.add_labels", labels_of({"bug"})).error().code(),
            Code::not_granted)
      << "and does not include writing";
}

TEST_F(GiteaWritesTest, APullRequestIsMergedAsItWasOrdered) {
  const Json pull = answer(*writer(), "merge_pr",
                           on(2, {{"style", "squash"},
                                  {"title", "T"},
                                  {"message", "M"},
                                  {"delete_branch", true},
                                  {"head_sha", kHead},
                                  {"base", "main"}}));
  EXPECT_EQ(pull["merged"], true);
  EXPECT_EQ(pull["state"], "closed");
  const auto& order = gitea_.merge_order;
  EXPECT_EQ(order.style, "squash");
  EXPECT_EQ(order.title, "T");
  EXPECT_EQ(order.message, "M");
  EXPECT_TRUE(order.delete_branch);
  EXPECT_EQ(order.head_sha, kHead);
  EXPECT_EQ(order.base, "main");
  EXPECT_THAT(audited(), ElementsAre("gitea/1.merge_pr org/app#2 ok"));
}

TEST_F(GiteaWritesTest, AnotherHeadOrBaseIsNotMergedAndAStyleThatIsNoneNotSent) {
  EXPECT_EQ(call(*writer(), "gitea/1.merge_pr", on(2, {{"head_sha", std::string(40, 'd')}}))
                .error()
                .code(),
            Code::conflict);
  EXPECT_EQ(call(*writer(), "gitea/1.merge_pr", on(2, {{"base", "release"}})).error().code(),
            Code::conflict);
  EXPECT_EQ(gitea_.writes, 0u);
  const auto refused = call(*writer(), "gitea/1.merge_pr", on(2, {{"style", "octopus"}})).error();
  EXPECT_EQ(refused.code(), Code::usage);
  EXPECT_THAT(refused.message(), HasSubstr("octopus"));
  EXPECT_EQ(audited().size(), 2u) << "only what was sent";
}

TEST_F(GiteaWritesTest, AReviewSaysWhatItIsToBe) {
  const auto run = writer();
  const Json made = answer(*run, "create_review",
                           on(2, {{"event", "request_changes"}, {"body", "no"}, {"name", "a"}}));
  EXPECT_EQ(made["state"], "REQUEST_CHANGES");
  EXPECT_EQ(answer(*run, "create_review", on(2, {{"event", "approve"}}))["state"], "APPROVED");
  EXPECT_THAT(call(*run, "gitea/1.create_review", on(2, {{"event", "bless"}})).error().message(),
              HasSubstr("approve, request_changes or comment, not \"bless\""));
}

TEST_F(GiteaWritesTest, AStatusIsSetOnItsCommit) {
  const Json made = answer(*writer(), "set_status",
                           {{"repo", "org/app"},
                            {"sha", "abc"},
                            {"context", "timmy"},
                            {"state", "pending"},
                            {"description", "soon"},
                            {"target_url", "https://ci.example"}});
  EXPECT_EQ(made["context"], "timmy");
  EXPECT_EQ(made["description"], "soon");
  EXPECT_EQ(gitea_.repos.at("org/app").statuses["abc"].at(0).target_url, "https://ci.example");
  EXPECT_THAT(audited(), ElementsAre("gitea/1.set_status org/app@abc ok"));
}

TEST_F(GiteaWritesTest, WhatNamesAnObjectIsNoLongerThanALineTakes) {
  const auto run = writer();
  const std::string longest(255, 'x');
  answer(*run, "create_label", {{"repo", "org/app"}, {"name", longest}});
  const auto refused =
      call(*run, "gitea/1.create_label", {{"repo", "org/app"}, {"name", longest + "x"}}).error();
  EXPECT_EQ(refused.code(), Code::usage);
  EXPECT_EQ(
      call(
          *run, "gitea/1.set_status",
          {{"repo", "org/app"}, {"sha", longest + "x"}, {"context", "timmy"}, {"state", "success"}})
          .error()
          .code(),
      Code::usage);
  EXPECT_EQ(audited().size(), 1u);
}

class DryRun : public GiteaWritesTest {
 protected:
  DryRun() {
    run_->writes.dry_run = true;
    gitea_.writes = 0;
  }
  std::shared_ptr<RunContext> run_ = writer();
};

TEST_F(DryRun, AnswersWithTheIssueAsItWouldBe) {
  issue().labels = {{1, "bug", "", "", false}};
  issue().assignees = {"amy"};
  EXPECT_EQ(answer(*run_, "set_issue_state", on(1, {{"open", false}}))["state"], "closed");
  EXPECT_EQ(answer(*run_, "add_labels", labels_of({"docs", "bug"}))["labels"],
            Json({"bug", "docs"}));
  EXPECT_EQ(answer(*run_, "add_assignees", on(1, {{"logins", {"bob", "amy"}}}))["assignees"],
            Json({"amy", "bob"}));
  EXPECT_EQ(answer(*run_, "remove_assignees", on(1, {{"logins", {"amy"}}}))["assignees"],
            Json::array());
  EXPECT_EQ(gitea_.writes, 0u);
}

TEST_F(DryRun, AnswersWithWhatWouldBeMade) {
  const Json comment = answer(*run_, "create_comment", on(1, {{"body", "seen"}}));
  EXPECT_EQ(comment["body"], "seen");
  EXPECT_EQ(comment["number"], 1);
  EXPECT_EQ(answer(*run_, "create_label",
                   {{"repo", "org/app"}, {"name", "bug"}, {"color", "ff0000"}})["color"],
            "ededed")
      << "it is there already";
  EXPECT_EQ(answer(*run_, "create_label",
                   {{"repo", "org/app"}, {"name", "x"}, {"color", "ff0000"}})["color"],
            "ff0000");
  const Json review = answer(*run_, "create_review", on(2, {{"event", "approve"}}));
  EXPECT_EQ(review["state"], "APPROVED");
  EXPECT_EQ(review["commit_sha"], gitea_.repos.at("org/app").pulls[2].head.sha);
}

TEST_F(DryRun, OfAMergeAnswersAsThePullRequestWouldBeOrWhyNot) {
  const Json merged = answer(*run_, "merge_pr", on(2, {{"head_sha", kHead}}));
  EXPECT_EQ(merged["merged"], true);
  EXPECT_EQ(merged["state"], "closed");
  const auto refused = [&](const Json& more = Json::object()) {
    const auto result = call(*run_, "gitea/1.merge_pr", on(2, more));
    return result.ok() ? std::string() : result.error().message();
  };
  EXPECT_THAT(refused({{"head_sha", "other"}}), HasSubstr("its head is no longer"));
  EXPECT_THAT(refused({{"base", "other"}}), HasSubstr("its base is no longer"));
  EXPECT_EQ(refused({{"base", "main"}}), "");
  auto& pull = gitea_.repos.at("org/app").pulls[2];
  pull.draft = true;
  EXPECT_THAT(refused(), HasSubstr("it is a draft"));
  pull.draft = false;
  gitea_.repos.at("org/app").issues.at(2).state = "closed";
  EXPECT_THAT(refused(), HasSubstr("it is closed"));
  pull.merged = true;
  EXPECT_EQ(refused(), "") << "what is merged is fine";
  EXPECT_EQ(gitea_.writes, 0u);
}

TEST_F(DryRun, OfWhatIsNotThereFailsAsTheWriteWould) {
  EXPECT_EQ(call(*run_, "gitea/1.create_comment", on(99, {{"body", "x"}})).error().code(),
            Code::not_found);
  EXPECT_THAT(audited(), ElementsAre("gitea/1.create_comment org/app#99 dry run: not sent; "
                                     "org/app#99 not found"));
}

TEST_F(DryRun, LogsNoMoreOfTheParametersThanALineTakes) {
  answer(*run_, "create_comment", on(1, {{"body", std::string(100'000, 'x')}}));
  for (const auto& line : *lines_) EXPECT_LT(line.size(), 3000u);
}

}  // namespace
}  // namespace host
