// SPDX-License-Identifier: Apache-2.0
//
// The contract: the server, who may do what, and repositories.
#include <gmock/gmock.h>

#include <set>

#include "forge/contract.hpp"

namespace host::forge {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ServerContract : public Contract {};

INSTANTIATE_TEST_SUITE_P(Forge, ServerContract, ::testing::Values("forge", "gitea"), peer_name);

TEST_P(ServerContract, TellsItsVersionToAnybody) {
  const auto answer = peer().ask("", "GET", "/version");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.json().at("version").is_string());
}

TEST_P(ServerContract, KnowsWhoHoldsTheToken) {
  const auto user = get("/user").json();
  EXPECT_TRUE(user.at("login").is_string());
  EXPECT_GT(user.at("id").get<std::int64_t>(), 0);
}

TEST_P(ServerContract, RefusesABadTokenEvenWhereNoneIsNeeded) {
  for (const auto* path : {"/user", "/version"}) {
    const auto answer = peer().ask("0123456789012345678901234567890123456789", "GET", path);
    EXPECT_EQ(answer.status, 401) << path;
    EXPECT_TRUE(answer.json().at("message").is_string());
  }
}

TEST_P(ServerContract, AsksTheAnonymousForAToken) {
  const auto repo = new_repo();
  const auto who = peer().ask("", "GET", "/user");
  EXPECT_EQ(who.status, 401);
  EXPECT_THAT(who.json().at("message").get<std::string>(), HasSubstr("token is required"));
  EXPECT_EQ(peer().ask("", "POST", "/repos/" + repo + "/issues", {{"title", "x"}}).status, 401);
}

TEST_P(ServerContract, NamesTheScopeThatATokenLacks) {
  if (peer().read_token.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_READ_TOKEN";
  const auto repo = new_repo();
  const auto& reader = peer().read_token;
  EXPECT_EQ(peer().ask(reader, "GET", "/repos/" + repo + "/issues").status, 200);
  const auto answer = peer().ask(reader, "POST", "/repos/" + repo + "/issues", {{"title", "x"}});
  EXPECT_EQ(answer.status, 403);
  const auto message = answer.json().at("message").get<std::string>();
  EXPECT_THAT(message, HasSubstr("required scope"));
  EXPECT_THAT(message, HasSubstr("write:issue"));
}

TEST_P(ServerContract, AnswersAnUnknownRouteInPlainText) {
  const auto answer = get("/no/such/route");
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.header("content-type"), HasSubstr("text/plain"));
}

TEST_P(ServerContract, AnswersAMissingObjectInJson) {
  const auto repo = new_repo();
  const std::vector<std::string> paths = {
      "/repos/" + repo + "-not", "/repos/" + repo + "/labels/nope", issue_path(repo, 999),
      "/repos/nobody-of-that-name/x", "/users/nobody-of-that-name/repos"};
  for (const auto& path : paths) {
    const auto answer = get(path);
    EXPECT_EQ(answer.status, 404) << path;
    EXPECT_TRUE(answer.json().is_object()) << path;
  }
}

TEST_P(ServerContract, ShowsARepository) {
  const auto repo = new_repo({{"description", "d"}});
  const auto json = get("/repos/" + repo).json();
  EXPECT_EQ(json.at("full_name"), repo);
  EXPECT_EQ(json.at("archived"), false);
  EXPECT_EQ(json.at("private"), false);
  EXPECT_EQ(json.at("has_issues"), true);
  EXPECT_EQ(json.at("permissions"), Json({{"admin", true}, {"push", true}, {"pull", true}}));
  EXPECT_TRUE(json.at("default_branch").is_string());
}

TEST_P(ServerContract, TakesRepositoryNamesWithoutCase) {
  const auto repo = new_repo();
  std::string upper = repo;
  for (auto& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(get("/repos/" + upper).json().at("full_name"), repo);
}

TEST_P(ServerContract, HidesAPrivateRepositoryAsNotFound) {
  const auto repo = new_repo({{"private", true}});
  EXPECT_EQ(peer().ask("", "GET", "/repos/" + repo).status, 404);
  if (!peer().other_token.empty()) {
    EXPECT_EQ(peer().ask(peer().other_token, "GET", "/repos/" + repo + "/issues").status, 404);
  }
  EXPECT_EQ(get("/repos/" + repo).json().at("private"), true);
}

TEST_P(ServerContract, ListsTheRepositoriesOfAnOrganisation) {
  const auto organisation = new_organisation();
  std::set<std::string> made, found;
  for (const auto* name : {"a", "b", "c"}) {
    made.insert(post("/orgs/" + organisation + "/repos", {{"name", name}}).json().at("full_name"));
  }
  for (const auto* kind : {"/orgs/", "/users/"}) {
    for (const auto* page : {"1", "2"}) {
      const auto answer = get(kind + organisation + "/repos?limit=2&page=" + page);
      EXPECT_EQ(answer.header("x-total-count"), "3");
      for (const auto& repo : answer.json()) found.insert(repo.at("full_name"));
    }
    EXPECT_EQ(found, made);
    found.clear();
  }
}

// The count is of all, the page is cut before, so a short page is not the last.
TEST_P(ServerContract, CountsRepositoriesThatItDoesNotShow) {
  if (peer().other_token.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_OTHER_TOKEN";
  const auto organisation = new_organisation();
  for (const auto& [name, hidden] : {std::pair("a", true), {"b", false}})
    ASSERT_EQ(
        post("/orgs/" + organisation + "/repos", {{"name", name}, {"private", hidden}}).status,
        201);
  const auto path = "/users/" + organisation + "/repos?limit=1&page=";
  const auto first = peer().ask(peer().other_token, "GET", path + "1");
  EXPECT_EQ(first.header("x-total-count"), "2");
  EXPECT_THAT(first.json(), IsEmpty());
  EXPECT_EQ(peer().ask(peer().other_token, "GET", path + "2").json().size(), 1u);
}

TEST_P(ServerContract, RedirectsARenamedRepositoryByPath) {
  const auto repo = new_repo();
  const auto renamed = repo + "-new";
  ASSERT_EQ(patch("/repos/" + repo, {{"name", renamed.substr(renamed.find('/') + 1)}}).status, 200);
  const auto read = get("/repos/" + repo + "/issues?state=all");
  EXPECT_THAT(read.status, AnyOf(301, 307));
  EXPECT_EQ(read.header("location"), "/api/v1/repos/" + renamed + "/issues?state=all");
  EXPECT_THAT(post("/repos/" + repo + "/issues", {{"title", "x"}}).status, AnyOf(301, 307));
  // Taking the old name back ends the redirect.
  EXPECT_EQ(patch("/repos/" + renamed, {{"name", repo.substr(repo.find('/') + 1)}}).status, 200);
  EXPECT_EQ(get("/repos/" + repo).status, 200);
}

TEST_P(ServerContract, LocksAnArchivedRepositoryOnlyInPart) {
  const auto repo = new_repo();
  new_label(repo, "bug");
  new_issue(repo, "x");
  ASSERT_EQ(patch("/repos/" + repo, {{"archived", true}}).status, 200);
  EXPECT_EQ(get("/repos/" + repo).json().at("archived"), true);
  EXPECT_EQ(get("/repos/" + repo + "/issues").status, 200);
  const auto refused = post("/repos/" + repo + "/issues", {{"title", "y"}});
  EXPECT_EQ(refused.status, 423);
  EXPECT_THAT(refused.json().at("message").get<std::string>(), HasSubstr("is archived"));
  EXPECT_EQ(post(issue_path(repo, 1, "/comments"), {{"body", "y"}}).status, 423);
  EXPECT_EQ(post(issue_path(repo, 1, "/labels"), {{"labels", {"bug"}}}).status, 200);
  EXPECT_EQ(patch(issue_path(repo, 1), {{"title", "y"}}).status, 201);
}

TEST_P(ServerContract, AnswersNotFoundWhereIssuesAreSwitchedOff) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  ASSERT_EQ(patch("/repos/" + repo, {{"has_issues", false}}).status, 200);
  EXPECT_EQ(get("/repos/" + repo + "/issues?type=issues").status, 404);
  EXPECT_EQ(get(issue_path(repo, 1)).status, 404);
  EXPECT_EQ(post(issue_path(repo, 1, "/comments"), {{"body", "x"}}).status, 404);
  EXPECT_EQ(get("/repos/" + repo + "/labels").status, 200);
}

TEST_P(ServerContract, GivesAStrangerSomeRightsOnly) {
  if (peer().other_token.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_OTHER_TOKEN";
  const auto repo = new_repo();
  const auto bug = new_label(repo, "bug");
  new_issue(repo, "x", {{"labels", {bug}}});
  const auto as_other = [&](const char* method, const std::string& path, const Json& body) {
    return peer().ask(peer().other_token, method, path, body);
  };
  const auto made =
      as_other("POST", "/repos/" + repo + "/issues", {{"title", "mine"}, {"labels", {bug}}});
  EXPECT_EQ(made.status, 201);
  EXPECT_THAT(made.json().at("labels"), IsEmpty());  // left out without a word
  EXPECT_EQ(as_other("POST", issue_path(repo, 1, "/comments"), {{"body", "hello"}}).status, 201);
  EXPECT_EQ(as_other("PATCH", issue_path(repo, 2), {{"state", "closed"}}).status, 201);
  EXPECT_EQ(as_other("POST", issue_path(repo, 2, "/labels"), {{"labels", {"bug"}}}).status, 403);
  EXPECT_EQ(
      as_other("POST", "/repos/" + repo + "/labels", {{"name", "x"}, {"color", "00aabb"}}).status,
      403);
  for (const auto& empty :
       {as_other("PATCH", issue_path(repo, 1), {{"title", "y"}}),
        as_other("DELETE", issue_path(repo, 1, "/labels/" + std::to_string(bug)), nullptr)}) {
    EXPECT_EQ(empty.status, 403);
    EXPECT_EQ(empty.body, "");
  }
}

TEST_P(ServerContract, LetsOnlyWritersCommentOnALockedIssue) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  if (put(issue_path(repo, 1, "/lock"), {{"lock_reason", "spam"}}).status == 404)
    GTEST_SKIP() << "this server has no route to lock an issue";
  EXPECT_EQ(get(issue_path(repo, 1)).json().at("is_locked"), true);
  EXPECT_EQ(post(issue_path(repo, 1, "/comments"), {{"body", "x"}}).status, 201);
  if (peer().other_token.empty()) GTEST_SKIP() << "no second user's token was given";
  EXPECT_EQ(peer()
                .ask(peer().other_token, "POST", issue_path(repo, 1, "/comments"), {{"body", "x"}})
                .status,
            403);
}

}  // namespace
}  // namespace host::forge
