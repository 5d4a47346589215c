// SPDX-License-Identifier: Apache-2.0
//
// Issues, assignees, scopes and renamed repositories, against the quirks of their routes.
#include "gitea/test_server.hpp"

namespace host {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kIssue = "GET /repos/org/app/issues/5";
constexpr const char* kEdit = "PATCH /repos/org/app/issues/5";
constexpr const char* kRoute = "POST /repos/org/app/issues/5/assignees";

class IssuesTest : public GiteaTest {
 protected:
  // An issue at a forge with or without the route that adds assignees.
  IssuesTest() {
    http_.set_handler([this](const HttpRequest& request) { return answer(request); });
  }
  Answer answer(const HttpRequest& request) {
    const auto path = request.url.substr(request.url.find("/api/v1") + 7);
    if (path == "/repos/org/app/assignees")
      return json(200, Json::array({{{"login", "ada"}}, {{"login", "Bob"}}}));
    if (path.ends_with("/assignees") && !route_) return plain(404, "404 page not found\n");
    if (request.method == "GET") return json(200, issue_);
    const auto body = parse_json(request.body, "body");
    if (ignores_) return json(201, issue_);
    if (body.contains("state")) issue_["state"] = body.at("state");
    if (!body.contains("assignees")) return json(201, issue_);
    if (request.method == "PATCH" || issue_["assignees"].is_null())
      issue_["assignees"] = Json::array();
    for (const auto& login : body.at("assignees"))
      issue_["assignees"].push_back({{"login", login}});
    return json(201, issue_);
  }
  Result<Issue> assign(std::vector<std::string> logins) {
    return wait<Issue>([&](Reply<Issue> reply) {
      gitea_->add_assignees(repo_, 5, std::move(logins), std::move(reply));
    });
  }
  Result<TokenScopes> scopes() {
    return wait<TokenScopes>([&](Reply<TokenScopes> reply) { gitea_->scopes(std::move(reply)); });
  }

  Json issue_ = issue(5);
  bool route_ = false;
  bool ignores_ = false;
};

TEST_F(IssuesTest, LooksOnceForTheRouteThatAddsAndThenEdits) {
  issue_["assignees"] = Json::array({{{"login", "carl"}}});
  EXPECT_THAT(assign({"ada"}).value().assignees, ElementsAre("carl", "ada"));
  EXPECT_THAT(sent(), ElementsAre(kIssue, "GET /repos/org/app/assignees", kRoute, kEdit));
  EXPECT_THAT(assign({"bob"}).value().assignees, ElementsAre("carl", "ada", "bob"));
  EXPECT_EQ(sent().back(), kEdit);
  const auto all = sent();
  EXPECT_EQ(std::count(all.begin(), all.end(), kRoute), 1);
  // Another server may have it.
  route_ = true;
  gitea_->configure(options_);
  issue_["assignees"] = nullptr;
  EXPECT_THAT(assign({"ada"}).value().assignees, ElementsAre("ada"));
  EXPECT_EQ(sent().back(), kRoute);
}

TEST_F(IssuesTest, WhoIsAssignedInAnotherCaseIsAssigned) {
  issue_["assignees"] = Json::array({{{"login", "Ada"}}});
  EXPECT_TRUE(assign({"ada"}).ok());
  EXPECT_THAT(sent(), ElementsAre(kIssue));
}

TEST_F(IssuesTest, AsksWhoCanBeAssignedBeforeTheServerFailsAtIt) {
  const auto error = error_of(assign({"ada", "eve"}));
  EXPECT_EQ(error.code(), Code::not_found);
  EXPECT_THAT(error.message(), HasSubstr("eve"));
  EXPECT_THAT(sent(), Not(Contains(kEdit)));
}

TEST_F(IssuesTest, ADoneThatDidNothingIsNotDone) {
  ignores_ = true;
  const auto error = error_of(assign({"ada"}));
  EXPECT_EQ(error.code(), Code::denied);
  EXPECT_THAT(error.message(), HasSubstr("without a word"));
  const auto closed = wait<Issue>(
      [&](Reply<Issue> reply) { gitea_->set_issue_state(repo_, 5, false, std::move(reply)); });
  EXPECT_EQ(error_of(closed).code(), Code::conflict);
}

TEST_F(IssuesTest, SendsAStateAloneAndOnlyWhereItChanges) {
  const auto set = [&](bool open) {
    return wait<Issue>(
        [&](Reply<Issue> reply) { gitea_->set_issue_state(repo_, 5, open, std::move(reply)); });
  };
  EXPECT_TRUE(set(true).ok());
  EXPECT_THAT(sent(), ElementsAre(kIssue));
  EXPECT_TRUE(set(false).ok());
  EXPECT_EQ(http_.requests().back().body, R"({"state":"closed"})");
}

TEST_F(IssuesTest, ReadsTheScopesWhereTheServerTellsThem) {
  http_.set_handler([](const HttpRequest&) {
    return json(200, {{"scopes", {"write:issue", "read:user", "public-only"}}});
  });
  EXPECT_THAT(scopes().value().granted, ElementsAre("read:issue", "read:user", "write:issue"));
  EXPECT_THAT(sent(), ElementsAre("GET /token"));
}

TEST_F(IssuesTest, ElseAsksForWhatCanNotBeThere) {
  http_.set_handler([](const HttpRequest& request) -> Answer {
    const auto path = request.url.substr(request.url.find("/api/v1") + 7);
    if (path == "/token") return plain(404, "404 page not found\n");
    if (path == "/user") return json(200, {{"login", "timmy"}});
    EXPECT_THAT(path, HasSubstr("/-"));
    if (request.method != "GET" || path.starts_with("/orgs"))
      return json(403, {{"message", "token does not have at least one of required scope(s): [x]"}});
    return json(404, {{"message", "not found"}});
  });
  EXPECT_THAT(scopes().value().granted, ElementsAre("read:issue", "read:repository", "read:user"));
  // A refusal for another cause is no answer.
  http_.set_handler([](const HttpRequest& request) -> Answer {
    if (request.url.ends_with("/token")) return plain(404, "404 page not found\n");
    return json(403, {{"message", "You must change your password."}});
  });
  EXPECT_EQ(error_of(scopes()).code(), Code::denied);
}

TEST_F(IssuesTest, ScopesToWriteAreScopesToRead) {
  const TokenScopes scopes{{"read:user", "write:issue"}};
  EXPECT_TRUE(scopes.has("read:issue"));
  EXPECT_TRUE(scopes.has("write:issue"));
  EXPECT_FALSE(scopes.has("write:user"));
  EXPECT_FALSE(scopes.has("read:repository"));
}

TEST_F(IssuesTest, ARenamedRepositoryIsToldBeforeTheReply) {
  std::vector<std::string> told;
  gitea_->set_renamed_handler([&](const RepoName& from, const RepoName& to) {
    told.push_back(from.full() + " is " + to.full());
  });
  http_.enqueue(plain(301, "", {{"location", "/api/v1/repos/org/new/issues/5?x=1"}}));
  const auto got = wait<Issue>([&](const Reply<Issue>& reply) {
    gitea_->get_issue(repo_, 5, [&told, reply](Result<Issue> result) {
      told.emplace_back("reply");
      reply(std::move(result));
    });
  });
  EXPECT_TRUE(got.ok());
  EXPECT_THAT(told, ElementsAre("org/app is org/new", "reply"));
  EXPECT_TRUE(lines_->empty()) << "it is told at each call, so who is told writes the line";
}

TEST_F(IssuesTest, ACommentTellsItsIssue) {
  http_.set_handler([](const HttpRequest&) {
    return json(200, Json::array({{{"id", 1}, {"issue_url", "https://x/org/app/issues/12"}},
                                  {{"id", 2}, {"pull_request_url", "https://x/org/app/pulls/13"}},
                                  {{"id", 3}, {"issue_url", "https://x/odd"}}}));
  });
  const auto all = wait<std::vector<Comment>>([&](Reply<std::vector<Comment>> reply) {
                     gitea_->list_repo_comments(repo_, loop_.clock().wall(), std::move(reply));
                   }).value();
  ASSERT_EQ(all.size(), 3u);
  EXPECT_EQ(all[0].number, 12);
  EXPECT_EQ(all[1].number, 13);
  EXPECT_EQ(all[2].number, 0);
}

}  // namespace
}  // namespace host
