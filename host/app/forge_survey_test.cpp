// SPDX-License-Identifier: Apache-2.0
//
// Surveys over many repositories on the HTTP client's twin, which knows how many requests are in
// flight.
#include "app/forge_survey.hpp"

#include <set>

#include "app/forge_lanes.hpp"
#include "gitea/test_server.hpp"

namespace host {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class ForgeSurveyTest : public GiteaTest {
 protected:
  ForgeSurveyTest() {
    options_.in_flight = 100;  // it is the lanes that bound it
    options_.breaker_failures = 20;
    make();
    http_.set_handler([this](const HttpRequest& request) { return answer(request); });
  }

  // What "/repos/org/a/pulls" and the like answer; a path that isn't here is a 404.
  void serve(const std::string& path, const std::vector<Json>& list) { lists_[path] = list; }
  void serve_repos(const std::vector<std::string>& names) {
    Json all = Json::array();
    for (const auto& name : names)
      all.push_back({{"id", all.size() + 1}, {"full_name", "org/" + name}});
    lists_["/users/org/repos"] = all;
  }
  Answer answer(const HttpRequest& request) {
    auto path = request.url.substr(request.url.find("/api/v1") + 7);
    path.resize(std::min(path.find('?'), path.size()));
    if (silent_.contains(path)) return std::nullopt;
    if (const auto failure = failing_.find(path); failure != failing_.end())
      return json(failure->second, {{"message", "no"}});
    const auto list = lists_.find(path);
    if (list == lists_.end()) return json(404, {{"message", "not found"}});
    const Json& all = list->second.is_array() ? list->second : list->second["statuses"];
    return json(200, list->second, {{"x-total-count", std::to_string(all.size())}});
  }

  // One that is open, made so many days after the year's first.
  static Json pull(std::int64_t number, const std::string& author = "ada", int day = 1) {
    const auto time =
        "2026-01-" + std::string(day < 10 ? "0" : "") + std::to_string(day) + "T00:00:00Z";
    return {{"id", 100 + number},
            {"number", number},
            {"title", "p" + std::to_string(number)},
            {"state", "open"},
            {"user", {{"login", author}}},
            {"mergeable", true},
            {"created_at", time},
            {"updated_at", time},
            {"base", {{"ref", "main"}, {"label", "main"}, {"sha", "b"}}},
            {"head", {{"ref", "fix"}, {"label", "fix"}, {"sha", "h" + std::to_string(number)}}}};
  }
  // With a list of pulls, and their details.
  void serve_pulls(const std::string& repo, const std::vector<Json>& pulls) {
    const auto path = "/repos/org/" + repo;
    serve(path + "/pulls", pulls);
    for (const auto& each : pulls) {
      const auto number = to_text(each["number"]);
      serve(path + "/pulls/" + number + "/reviews", {});
      const Json status{{"id", 1}, {"context", "ci"}, {"status", "success"}};
      lists_[path + "/commits/h" + number + "/status"] = {{"state", "success"},
                                                          {"statuses", Json::array({status})}};
    }
  }

  // The survey, once it is there; time passes until then.
  template <class Answer>
  Answer ask(void (*survey)(Gitea&, ForgeQuery, std::function<void(Answer)>), ForgeQuery query) {
    std::optional<Answer> answer;
    survey(*gitea_, std::move(query), [&](Answer given) {
      EXPECT_FALSE(answer.has_value()) << "two replies";
      answer = std::move(given);
    });
    for (loop_.drain(); !answer && since_start_ < 10min; since_start_ += 50ms) loop_.advance(50ms);
    if (!answer) ADD_FAILURE() << "no reply";
    return answer ? std::move(*answer) : Answer();
  }
  PullSurvey pulls(ForgeQuery query) { return ask(survey_pulls, std::move(query)); }
  IssueSurvey issues(ForgeQuery query) { return ask(survey_issues, std::move(query)); }
  LabelSurvey labels(ForgeQuery query) { return ask(survey_labels, std::move(query)); }

  template <class S>
  static std::vector<std::string> names(const S& survey) {
    std::vector<std::string> all;
    for (const auto& row : survey.rows) all.push_back(name(row));
    return all;
  }
  static std::string name(const PullRow& row) {
    return row.repo.name + std::to_string(row.pull.number);
  }
  static std::string name(const IssueRow& row) {
    return row.repo.name + std::to_string(row.issue.number);
  }
  std::size_t asked(const std::string& part) const {
    std::size_t count = 0;
    for (const auto& request : sent()) count += request.find(part) != std::string::npos;
    return count;
  }

  std::map<std::string, Json> lists_;
  std::set<std::string> silent_;        // paths that are never answered
  std::map<std::string, int> failing_;  // by path: the status
  Duration since_start_{};
};

TEST_F(ForgeSurveyTest, ReadsSeveralRepositoriesAtOnceAndNeverMoreThanEight) {
  std::vector<std::string> repos;
  for (char c = 'a'; c < 'u'; ++c) repos.emplace_back(1, c);
  serve_repos(repos);
  for (const auto& repo : repos) silent_.insert("/repos/org/" + repo + "/pulls");
  bool replied = false;
  survey_pulls(*gitea_, {.owner = "org"}, [&](const PullSurvey&) { replied = true; });
  loop_.drain();
  EXPECT_EQ(http_.active(), 8u);
  const auto all = sent();
  EXPECT_THAT(std::set<std::string>(all.begin() + 1, all.end()), SizeIs(8))
      << "of as many repositories";
  EXPECT_FALSE(replied);
}

TEST_F(ForgeSurveyTest, ASlowRepositoryHoldsUpNoOther) {
  serve_repos({"a", "b", "c"});
  for (const auto* repo : {"a", "b", "c"}) serve_pulls(repo, {pull(1), pull(2)});
  silent_ = {"/repos/org/a/pulls"};
  std::optional<PullSurvey> survey;
  survey_pulls(*gitea_, {.owner = "org"}, [&](PullSurvey given) { survey = std::move(given); });
  loop_.drain();
  EXPECT_FALSE(survey.has_value());
  EXPECT_EQ(http_.active(), 1u) << "only the slow one is still waited for";
  EXPECT_EQ(asked("/reviews"), 4u);
  EXPECT_EQ(asked("/status"), 4u);
  silent_.clear();
  for (Duration passed{}; !survey && passed < 5min; passed += 1s) loop_.advance(1s);
  ASSERT_TRUE(survey.has_value());
  EXPECT_THAT(survey->failed, IsEmpty());
  EXPECT_THAT(names(*survey), ElementsAre("a2", "a1", "b2", "b1", "c2", "c1"))
      << "in the order of names, not of answers";
}

TEST_F(ForgeSurveyTest, ARepositoryThatFailsIsToldAndTheOthersAreShown) {
  serve_repos({"a", "b", "c"});
  serve_pulls("a", {pull(1)});
  serve_pulls("c", {pull(1)});
  failing_["/repos/org/b/pulls"] = 500;
  const auto survey = pulls({.owner = "org"});
  EXPECT_THAT(names(survey), ElementsAre("a1", "c1"));
  ASSERT_THAT(survey.failed, SizeIs(1));
  EXPECT_EQ(survey.failed[0].what, "org/b");
  EXPECT_EQ(survey.failed[0].error.code(), Code::unavailable);
  EXPECT_THAT(survey.repos, ElementsAre(RepoName{"org", "a"}, RepoName{"org", "c"}));
}

TEST_F(ForgeSurveyTest, DetailsThatFailAreToldOnceAndTheRowsShownWithoutThem) {
  serve_repos({"a", "b"});
  std::vector<Json> many;
  for (int number = 1; number <= 30; ++number) many.push_back(pull(number));
  serve_pulls("a", many);
  serve_pulls("b", {pull(1)});
  for (int number = 1; number <= 30; ++number)
    failing_["/repos/org/a/commits/h" + std::to_string(number) + "/status"] = 403;
  const auto survey = pulls({.owner = "org"});
  EXPECT_THAT(survey.rows, SizeIs(31));
  ASSERT_THAT(survey.failed, SizeIs(1));
  EXPECT_THAT(survey.failed[0].error.message(), HasSubstr("org/a"));
  EXPECT_LT(asked("/org/a/commits"), 8u) << "it would fail thirty times";
  EXPECT_FALSE(survey.rows.front().checks.has_value());
  EXPECT_EQ(survey.rows.back().checks, CheckState::success);
}

TEST_F(ForgeSurveyTest, OneBrokenPullRequestKeepsNoOthersDetailsAway) {
  serve_repos({"a"});
  std::vector<Json> many;
  for (int number = 1; number <= 30; ++number) many.push_back(pull(number));
  serve_pulls("a", many);
  failing_["/repos/org/a/pulls/29/reviews"] = 500;
  const auto survey = pulls({.owner = "org"});
  ASSERT_THAT(survey.failed, SizeIs(1));
  for (const auto& row : survey.rows)
    EXPECT_EQ(row.reviews.has_value(), row.pull.number != 29) << name(row);
}

TEST_F(ForgeSurveyTest, TheLimitBoundsRowsAndRequestsButNotCounts) {
  serve_repos({"a", "b"});
  std::vector<Json> many;
  for (int number = 1; number <= 20; ++number) many.push_back(pull(number, "ada", number));
  serve_pulls("a", many);
  serve_pulls("b", {pull(1, "ada", 30), pull(2, "ada", 31)});
  const auto survey = pulls({.owner = "org", .order = ForgeOrder::newest, .limit = 3});
  EXPECT_THAT(names(survey), ElementsAre("b2", "b1", "a20"));
  EXPECT_EQ(survey.left_out, 19u);
  EXPECT_EQ(survey.by_state.at("open"), 22u);
  for (const auto& row : survey.rows) EXPECT_TRUE(row.checks && row.reviews) << name(row);
  EXPECT_LE(asked("/reviews"), 6u) << "at most twice the limit";
}

TEST_F(ForgeSurveyTest, OnlyWhatFitsIsShown) {
  serve_repos({"a"});
  Json merged = pull(4);
  merged["state"] = "closed", merged["merged"] = true;
  Json closed = pull(5);
  closed["state"] = "closed";
  Json assigned = pull(2, "Grace");
  assigned["assignees"] = {{{"login", "linus"}}};
  Json labelled = pull(3);
  labelled["labels"] = {label(1, "bug"), label(2, "ready")};
  serve_pulls("a", {pull(1), assigned, labelled, merged, closed});
  const auto shown = [&](ForgeQuery query) {
    query.owner = "org";
    return names(pulls(std::move(query)));
  };
  EXPECT_THAT(shown({}), ElementsAre("a3", "a2", "a1"));
  EXPECT_THAT(shown({.state = "merged"}), ElementsAre("a4"));
  EXPECT_THAT(shown({.state = "closed"}), ElementsAre("a5"));
  EXPECT_THAT(shown({.state = "all"}), SizeIs(5));
  EXPECT_THAT(shown({.author = "grace"}), ElementsAre("a2"));
  EXPECT_THAT(shown({.assignee = "LINUS"}), ElementsAre("a2"));
  EXPECT_THAT(shown({.assignee = "none"}), ElementsAre("a3", "a1"));
  EXPECT_THAT(shown({.labels = {"bug", "ready"}}), ElementsAre("a3"));
  EXPECT_THAT(shown({.labels = {"bug", "wip"}}), IsEmpty());
  EXPECT_THROW(shown({.state = "opne"}), Error);
}

TEST_F(ForgeSurveyTest, EveryOrderIsTotal) {
  serve_repos({"a", "b"});
  const auto touched = [](Json each, const char* at) {
    each["updated_at"] = at;
    return each;
  };
  serve_pulls("a", {touched(pull(1, "ada", 5), "2026-03-01T00:00:00Z"), pull(2, "ada", 7)});
  serve_pulls("b", {pull(1, "ada", 5), pull(2, "ada", 6)});
  const auto by = [&](const char* order) {
    return names(pulls({.owner = "org", .order = parse_order(order)}));
  };
  EXPECT_THAT(by("repo"), ElementsAre("a2", "a1", "b2", "b1"));
  EXPECT_THAT(by("newest"), ElementsAre("a2", "b2", "a1", "b1"));
  EXPECT_THAT(by("oldest"), ElementsAre("a1", "b1", "b2", "a2"));
  EXPECT_THAT(by("updated"), ElementsAre("a1", "a2", "b2", "b1"));
  EXPECT_THAT(by("stale"), ElementsAre("b1", "b2", "a2", "a1"));
  try {
    (void)parse_order("newst");
    ADD_FAILURE() << "taken";
  } catch (const Error& error) {
    EXPECT_THAT(error.next_step(), HasSubstr("Did you mean \"newest\"?"));
  }
}

TEST_F(ForgeSurveyTest, IssuesAreCountedByLabelAndPerson) {
  serve_repos({"a", "b"});
  Json both = issue(1, {label(1, "bug"), label(2, "docs")});
  both["assignees"] = {{{"login", "ada"}}, {{"login", "grace"}}};
  serve("/repos/org/a/issues", {both, issue(2, {label(1, "bug")})});
  Json alone = issue(1);
  alone["assignees"] = {{{"login", "ada"}}};
  serve("/repos/org/b/issues", {alone});
  const auto survey = issues({.owner = "org", .limit = 1});
  EXPECT_THAT(names(survey), ElementsAre("a2"));
  EXPECT_EQ(survey.left_out, 2u);
  EXPECT_EQ(survey.by_state.at("open"), 3u);
  EXPECT_EQ(survey.by_label.at("bug"), 2u);
  EXPECT_EQ(survey.by_label.at("docs"), 1u);
  EXPECT_EQ(survey.unlabelled, 1u);
  EXPECT_EQ(survey.by_assignee.at("ada"), 2u);
  EXPECT_EQ(survey.unassigned, 1u);
}

TEST_F(ForgeSurveyTest, LabelsSayWhereTheyAreMissingAndWhereTheyDiffer) {
  serve_repos({"a", "b", "c"});
  const auto coloured = [](std::int64_t id, const char* name, const char* color) {
    return Json{{"id", id}, {"name", name}, {"color", color}};
  };
  serve("/repos/org/a/labels", {coloured(1, "bug", "ff0000"), coloured(2, "docs", "0000ff"),
                                coloured(7, "split", "111111")});
  serve("/repos/org/b/labels", {coloured(3, "bug", "00ff00"), coloured(8, "split", "222222")});
  serve("/repos/org/c/labels", {coloured(4, "bug", "ff0000"), coloured(5, "shared", "123456")});
  serve("/orgs/org/labels", {coloured(6, "shared", "abcdef")});
  serve("/repos/org/a/issues", {issue(1, {label(1, "bug")})});
  serve("/repos/org/b/issues", {issue(1, {label(3, "bug"), label(6, "shared")})});
  serve("/repos/org/c/issues", {});
  const auto survey = labels({.owner = "org"});
  EXPECT_THAT(survey.failed, IsEmpty());
  ASSERT_THAT(survey.rows, SizeIs(4));
  const auto& bug = survey.rows[0];
  EXPECT_EQ(bug.label.name, "bug");
  EXPECT_EQ(bug.label.color, "ff0000") << "as most have it";
  EXPECT_EQ(bug.issues, 2u);
  EXPECT_THAT(bug.in, ElementsAre("a", "b", "c"));
  EXPECT_THAT(bug.missing_in, IsEmpty());
  ASSERT_THAT(bug.differs_in, SizeIs(1));
  EXPECT_EQ(bug.differs_in.at("b").color, "00ff00");
  EXPECT_THAT(survey.rows[1].missing_in, ElementsAre("b", "c"));
  const auto& shared = survey.rows[2];
  EXPECT_TRUE(shared.of_organisation);
  EXPECT_EQ(shared.label.color, "abcdef");
  EXPECT_EQ(shared.issues, 1u);
  EXPECT_THAT(shared.missing_in, IsEmpty()) << "the organisation gives it to all";
  EXPECT_EQ(shared.differs_in.at("c").color, "123456");
  EXPECT_EQ(survey.rows[3].label.color, "111111") << "of as many, the first repository's";
}

TEST_F(ForgeSurveyTest, TheLabelsOfAUserHaveNoOrganisation) {
  serve_repos({"a"});
  serve("/repos/org/a/labels", {});
  serve("/repos/org/a/issues", {});
  EXPECT_THAT(labels({.owner = "org"}).failed, IsEmpty());
  failing_["/orgs/org/labels"] = 403;
  const auto survey = labels({.owner = "org"});
  ASSERT_THAT(survey.failed, SizeIs(1));
  EXPECT_EQ(survey.failed[0].what, "org/*");
}

// ---- which repositories

TEST_F(ForgeSurveyTest, FindsWhatAPatternFitsAndLeavesOutWhatIsArchived) {
  serve("/users/org/repos", {{{"id", 1}, {"full_name", "Org/App"}},
                             {{"id", 2}, {"full_name", "Org/api"}, {"has_pull_requests", false}},
                             {{"id", 3}, {"full_name", "Org/attic"}, {"archived", true}},
                             {{"id", 4}, {"full_name", "Org/site"}}});
  serve("/user/repos",
        {{{"id", 1}, {"full_name", "Org/App"}}, {{"id", 9}, {"full_name", "me/app"}}});
  const auto selected = [&](std::vector<std::string> names, const std::string& owner = "") {
    std::optional<Selection> selection;
    select_repos(*gitea_, names, owner, [&](Selection given) { selection = std::move(given); });
    loop_.drain();
    std::vector<std::string> all;
    for (const auto& repo : selection.value().repos)
      all.push_back(repo.name.full() + (repo.has_pulls ? "" : " without pulls"));
    for (const auto& failure : selection->failed) all.push_back("failed " + failure.what);
    return all;
  };
  EXPECT_THAT(selected({"org/a*"}), ElementsAre("Org/api without pulls", "Org/App"));
  EXPECT_THAT(selected({}, "org"), ElementsAre("Org/api without pulls", "Org/App", "Org/site"));
  EXPECT_THAT(selected({"attic", "s*"}, "org"), ElementsAre("org/attic", "Org/site"));
  EXPECT_THAT(selected({"*/app"}), ElementsAre("me/app", "Org/App"));
  EXPECT_THAT(selected({}), ElementsAre("me/app", "Org/App"));
  EXPECT_THAT(selected({"org/app", "ORG/app", "org/ap*"}),
              ElementsAre("Org/api without pulls", "Org/App"));
  EXPECT_THAT(selected({"me/app", "org/x*"}), ElementsAre("me/app", "failed org/x*"));
  EXPECT_THAT(selected({"nobody/*"}), ElementsAre("failed nobody/*"));
  for (const auto* bad : {"app", "org/app/x", "a b/*", "ap*"})
    EXPECT_THROW(selected({bad}), Error) << bad;
}

TEST_F(ForgeSurveyTest, WhatHasNoPullRequestsIsNotAskedForThem) {
  serve("/users/org/repos", {{{"id", 1}, {"full_name", "org/a"}, {"has_pull_requests", false}}});
  const auto survey = pulls({.owner = "org"});
  EXPECT_THAT(survey.failed, IsEmpty());
  EXPECT_EQ(asked("/pulls"), 0u);
}

// ---- reviews

TEST(ReviewStates, AreTheLastWordOfEachPerson) {
  const auto review = [](const char* user, const char* state, bool stale = false,
                         bool dismissed = false) {
    Review made;
    made.user = user, made.state = state, made.stale = stale, made.dismissed = dismissed;
    return made;
  };
  const auto state = review_state({review("ada", "REQUEST_CHANGES"), review("ada", "APPROVED"),
                                   review("ada", "COMMENT"), review("bob", "APPROVED", true),
                                   review("eve", "APPROVED"), review("eve", "REQUEST_CHANGES"),
                                   review("joe", "APPROVED", false, true),
                                   review("", "REQUEST_REVIEW"), review("kim", "PENDING")});
  EXPECT_THAT(state.approved, ElementsAre("ada", "bob"));
  EXPECT_THAT(state.changes_requested, ElementsAre("eve"));
  EXPECT_THAT(state.stale, ElementsAre("bob"));
}

}  // namespace
}  // namespace host
