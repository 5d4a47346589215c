// SPDX-License-Identifier: Apache-2.0
#include "gitea/client.hpp"

#include "gitea/fake_gitea.hpp"
#include "gitea/test_server.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

using ClientTest = GiteaTest;

TEST_F(ClientTest, ReadsARepository) {
  http_.enqueue(json(200, {{"id", 3},
                           {"full_name", "org/app"},
                           {"default_branch", "main"},
                           {"archived", true},
                           {"permissions", {{"admin", false}, {"push", true}}}}));
  const auto repo = wait<Repository>([&](Reply<Repository> reply) {
                      gitea_->get_repo(repo_, std::move(reply));
                    }).value();
  EXPECT_EQ(repo.full_name, "org/app");
  EXPECT_TRUE(repo.archived);
  EXPECT_TRUE(repo.can_push);
  EXPECT_FALSE(repo.can_admin);
  EXPECT_THAT(sent(), ElementsAre("GET /repos/org/app"));
}

TEST_F(ClientTest, ListsWhatAnOwnerHas) {
  http_.enqueue(json(
      200, Json::array({{{"id", 1}, {"full_name", "org/a"}}, {{"id", 2}, {"full_name", "org/b"}}}),
      {{"x-total-count", "2"}}));
  const auto repos = wait<std::vector<Repository>>(
      [&](Reply<std::vector<Repository>> reply) { gitea_->list_repos("org", std::move(reply)); });
  EXPECT_EQ(repos.value().size(), 2u);
  EXPECT_THAT(sent(), ElementsAre("GET /users/org/repos?page=1&limit=50"));
}

TEST_F(ClientTest, ListsOfSeveralRepositoriesAreInFlightAtOnceAndASlowOneHoldsUpNoOther) {
  http_.set_handler([](const HttpRequest& request) -> Answer {
    if (request.url.find("/org/slow/") != std::string::npos) return std::nullopt;
    return json(200, Json::array());
  });
  std::vector<std::string> listed;
  const auto list = [&](const std::string& name) {
    gitea_->list_issues({"org", name}, {}, [&, name](const Result<std::vector<Issue>>& issues) {
      listed.push_back(name + (issues.ok() ? "" : " failed"));
    });
  };
  for (const auto* name : {"slow", "a", "b"}) list(name);
  EXPECT_EQ(http_.active(), 0u);
  loop_.drain();
  EXPECT_THAT(listed, ElementsAre("a", "b"));
  EXPECT_EQ(http_.active(), 1u);
  http_.set_handler([](const HttpRequest&) { return std::nullopt; });
  for (const auto* name : {"c", "d", "e", "f"}) list(name);
  loop_.drain();
  EXPECT_EQ(http_.active(), 4u) << "the server's bound (in_flight), over all repositories";
}

TEST_F(ClientTest, ReadsAnIssueAndTheLabelsOfARepository) {
  http_.enqueue(json(200, issue(5, Json::array({label(1, "bug")}))));
  const auto one = wait<Issue>([&](Reply<Issue> reply) {
                     gitea_->get_issue(repo_, 5, std::move(reply));
                   }).value();
  EXPECT_EQ(one.number, 5);
  EXPECT_EQ(one.labels.at(0).name, "bug");
  http_.enqueue(json(200, Json::array({label(1, "bug"), label(2, "bug")})));
  http_.enqueue(json(200, Json::array()));
  const auto labels = wait<std::vector<Label>>(
      [&](Reply<std::vector<Label>> reply) { gitea_->list_labels(repo_, std::move(reply)); });
  EXPECT_EQ(labels.value().size(), 2u);
  EXPECT_EQ(sent().at(1), "GET /repos/org/app/labels?page=1&limit=50");
}

TEST_F(ClientTest, AsksForIssuesInWordsThatNoServerMisreads) {
  http_.set_handler([](const HttpRequest&) { return json(200, Json::array()); });
  IssueFilter filter;
  filter.state = "all";
  filter.labels = {"bug"};
  filter.since = loop_.clock().wall() + 250ms;
  EXPECT_TRUE(list_issues(filter).ok());
  EXPECT_EQ(sent().back(),
            "GET /repos/org/app/issues?type=issues&state=all&since=2026-01-05T12%3A00%3A00Z&"
            "page=1&limit=50");
  filter.state = "opened";
  EXPECT_EQ(error_of(list_issues(filter)).code(), Code::usage);
}

TEST_F(ClientTest, FiltersAgainWhatTheServerShouldHaveFiltered) {
  // It knows none of the labels, so it ignores them; and it mixes pull requests in.
  Json pull = issue(1, Json::array({label(1, "bug")}));
  pull["pull_request"] = Json::object();
  Json closed = issue(2, Json::array({label(1, "bug")}));
  closed["state"] = "closed";
  Json old = issue(3, Json::array({label(1, "bug")}));
  old["updated_at"] = "2026-01-05T11:59:59Z";
  Json edge = issue(4, Json::array({label(1, "bug")}));
  edge["updated_at"] = "2026-01-05T13:00:00+01:00";
  const Json other_case = issue(6, Json::array({label(2, "Bug")}));
  http_.enqueue(json(200, Json::array({pull, closed, old, edge, issue(5), other_case}),
                     {{"x-total-count", "6"}}));
  IssueFilter filter;
  filter.labels = {"bug"};
  filter.since = loop_.clock().wall() + 900ms;
  const auto issues = list_issues(filter).value();
  ASSERT_EQ(issues.size(), 1u);
  EXPECT_EQ(issues[0].number, 4);
}

TEST_F(ClientTest, ArgumentsThatNameNothingAreRefusedWithoutARequest) {
  const auto code = [&](const RepoName& repo, std::int64_t number) {
    return error_of(wait<Issue>([&](Reply<Issue> reply) {
             gitea_->get_issue(repo, number, std::move(reply));
           }))
        .code();
  };
  EXPECT_EQ(code({"..", "app"}, 1), Code::usage);
  EXPECT_EQ(code({"org", "a/b"}, 1), Code::usage);
  EXPECT_EQ(code({"org", "app?x"}, 1), Code::usage);
  EXPECT_EQ(code({"org", "app"}, 0), Code::usage);
  EXPECT_EQ(error_of(add_labels({})).code(), Code::usage);
  EXPECT_EQ(error_of(add_labels({"bug", ""})).code(), Code::usage);
  EXPECT_TRUE(http_.requests().empty());
}

TEST_F(ClientTest, A404SaysThatItMayBeAMatterOfAccess) {
  http_.enqueue(json(404, {{"message", "not found"}}));
  const auto error = error_of(wait<Repository>(
      [&](Reply<Repository> reply) { gitea_->get_repo(repo_, std::move(reply)); }));
  EXPECT_EQ(error.code(), Code::not_found);
  EXPECT_THAT(error.message(), StartsWith("reading the repository org/app: 404"));
  EXPECT_THAT(error.next_step(), HasSubstr("token"));
}

TEST(FakeGitea, KeepsWhatItIsToldAndFailsOnDemand) {
  FakeLoop loop;
  FakeGitea gitea(loop);
  gitea.add_repo("org/app", {"bug", "docs"});
  gitea.add_issue("org/app", "It crashes");
  std::vector<std::string> got;
  const auto labels = [&](const Result<std::vector<Label>>& result) {
    got.push_back(result.ok() ? std::to_string(result.value().size())
                              : std::string(name(result.error().code())));
  };
  gitea.add_labels({"org", "app"}, 1, {"bug"}, labels);
  gitea.add_labels({"org", "app"}, 1, {"bug", "docs"}, labels);
  gitea.add_labels({"org", "app"}, 1, {"nope"}, labels);
  gitea.add_labels({"org", "app"}, 2, {"bug"}, labels);
  EXPECT_TRUE(got.empty());
  loop.drain();
  EXPECT_THAT(got, ElementsAre("1", "2", "not_found", "not_found"));
  EXPECT_EQ(gitea.writes, 2u);
  std::vector<bool> told;
  gitea.set_available_handler([&](bool available) { told.push_back(available); });
  gitea.set_available(false);
  gitea.add_labels({"org", "app"}, 1, {"bug"}, labels);
  loop.drain();
  EXPECT_EQ(got.back(), "unavailable");
  gitea.set_available(true);
  gitea.fail_next({Code::rate_limited, "slow down"});
  gitea.add_labels({"org", "app"}, 1, {"bug"}, labels);
  loop.drain();
  EXPECT_EQ(got.back(), "rate_limited");
  EXPECT_EQ(told, (std::vector<bool>{false, true}));
}

TEST(FakeGitea, AnswersForPullRequestsAsTheClientDoes) {
  FakeLoop loop;
  FakeGitea gitea(loop);
  const RepoName app{"org", "app"};
  gitea.add_repo("org/app").assignable = {"timmy", "ada"};
  std::vector<std::string> got;
  const auto note = [&](const auto& result, const auto& text) {
    got.push_back(result.ok() ? text(result.value()) : std::string(name(result.error().code())));
  };
  const auto pull = [&](const Result<PullRequest>& result) {
    note(result, [](const PullRequest& p) { return std::to_string(p.number) + " " + p.state; });
  };
  const auto comment = [&](const Result<Comment>& result) {
    note(result, [](const Comment& c) { return c.body.substr(0, 3); });
  };
  for (int i = 0; i < 2; ++i)
    gitea.create_pr(app, {.head = "a", .base = "main", .title = "t", .body = ""}, pull);
  gitea.keep_comment(app, 1, "one", "m", comment);
  gitea.keep_comment(app, 1, "two", "m", comment);
  gitea.create_review(
      app, 1, {.event = ReviewEvent::approve, .body = "", .commit_sha = ""}, "r",
      [&](const Result<Review>& result) { note(result, [](const Review& r) { return r.state; }); });
  gitea.add_assignees(app, 1, {"eve"}, [&](const Result<Issue>& result) {
    note(result, [](const Issue&) { return std::string("assigned"); });
  });
  for (int i = 0; i < 2; ++i) gitea.merge_pr(app, 1, {}, pull);
  gitea.set_pr_state(app, 1, true, pull);
  loop.drain();
  EXPECT_THAT(got, ElementsAre("1 open", "1 open", "one", "two", "invalid", "not_found", "1 closed",
                               "1 closed", "conflict"));
  EXPECT_EQ(gitea.repos["org/app"].comments[1].size(), 1u);
  EXPECT_EQ(gitea.writes, 4u);
}

}  // namespace
}  // namespace host
