// SPDX-License-Identifier: Apache-2.0
//
// What this host relies on in a Gitea, black box. Runs against the forge always, and against a real
// one when the environment names it (peer.hpp). Where supported versions differ, every one's answer
// is accepted here; forge_test.cpp pins the forge to Gitea 1.26.
#include <gmock/gmock.h>

#include <set>

#include "forge/peer.hpp"

namespace host::forge {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

std::vector<std::string> names(const Json& labels) {
  std::vector<std::string> all;
  for (const auto& label : labels) all.push_back(label.at("name"));
  return all;
}

std::vector<std::int64_t> numbers(const Json& issues) {
  std::vector<std::int64_t> all;
  for (const auto& issue : issues) all.push_back(issue.at("number"));
  return all;
}

class Contract : public PeerTest {
 protected:
  int page_cap() { return get("/settings/api").json().at("max_response_items"); }
};

INSTANTIATE_TEST_SUITE_P(Forge, Contract, ::testing::Values("forge", "gitea"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST_P(Contract, TellsItsVersionToAnybody) {
  const auto answer = peer().ask("", "GET", "/version");
  EXPECT_EQ(answer.status, 200);
  EXPECT_TRUE(answer.json().at("version").is_string());
}

TEST_P(Contract, KnowsWhoHoldsTheToken) {
  const auto user = get("/user").json();
  EXPECT_TRUE(user.at("login").is_string());
  EXPECT_GT(user.at("id").get<std::int64_t>(), 0);
}

TEST_P(Contract, RefusesABadTokenEvenWhereNoneIsNeeded) {
  for (const auto* path : {"/user", "/version"}) {
    const auto answer = peer().ask("0123456789012345678901234567890123456789", "GET", path);
    EXPECT_EQ(answer.status, 401) << path;
    EXPECT_TRUE(answer.json().at("message").is_string());
  }
}

TEST_P(Contract, AsksTheAnonymousForAToken) {
  const auto repo = new_repo();
  const auto who = peer().ask("", "GET", "/user");
  EXPECT_EQ(who.status, 401);
  EXPECT_THAT(who.json().at("message").get<std::string>(), HasSubstr("token is required"));
  EXPECT_EQ(peer().ask("", "POST", "/repos/" + repo + "/issues", {{"title", "x"}}).status, 401);
}

TEST_P(Contract, NamesTheScopeThatATokenLacks) {
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

TEST_P(Contract, AnswersAnUnknownRouteInPlainText) {
  const auto answer = get("/no/such/route");
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.header("content-type"), HasSubstr("text/plain"));
}

TEST_P(Contract, AnswersAMissingObjectInJson) {
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

TEST_P(Contract, ShowsARepository) {
  const auto repo = new_repo({{"description", "d"}});
  const auto json = get("/repos/" + repo).json();
  EXPECT_EQ(json.at("full_name"), repo);
  EXPECT_EQ(json.at("archived"), false);
  EXPECT_EQ(json.at("private"), false);
  EXPECT_EQ(json.at("has_issues"), true);
  EXPECT_EQ(json.at("permissions"), Json({{"admin", true}, {"push", true}, {"pull", true}}));
  EXPECT_TRUE(json.at("default_branch").is_string());
}

TEST_P(Contract, TakesRepositoryNamesWithoutCase) {
  const auto repo = new_repo();
  std::string upper = repo;
  for (auto& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_EQ(get("/repos/" + upper).json().at("full_name"), repo);
}

TEST_P(Contract, HidesAPrivateRepositoryAsNotFound) {
  const auto repo = new_repo({{"private", true}});
  EXPECT_EQ(peer().ask("", "GET", "/repos/" + repo).status, 404);
  if (!peer().other_token.empty()) {
    EXPECT_EQ(peer().ask(peer().other_token, "GET", "/repos/" + repo + "/issues").status, 404);
  }
  EXPECT_EQ(get("/repos/" + repo).json().at("private"), true);
}

TEST_P(Contract, ListsTheRepositoriesOfAnOrganisation) {
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
  for (const auto& repo : made) EXPECT_EQ(remove("/repos/" + repo).status, 204);
}

// The count is of all, the page is cut before, so a short page is not the last.
TEST_P(Contract, CountsRepositoriesThatItDoesNotShow) {
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
  for (const auto* name : {"a", "b"})
    EXPECT_EQ(remove("/repos/" + organisation + "/" + name).status, 204);
}

TEST_P(Contract, RedirectsARenamedRepositoryByPath) {
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

TEST_P(Contract, ShowsAnIssueAsItWasMade) {
  const auto repo = new_repo();
  const auto label = new_label(repo, "bug");
  const auto made = post("/repos/" + repo + "/issues",
                         {{"title", "Größe"}, {"body", "line\nline"}, {"labels", {label}}});
  EXPECT_EQ(made.status, 201);
  const auto number = made.json().at("number").get<std::int64_t>();
  EXPECT_EQ(number, 1);
  const auto issue = get(issue_path(repo, number)).json();
  EXPECT_EQ(issue.at("title"), "Größe");
  EXPECT_EQ(issue.at("body"), "line\nline");
  EXPECT_EQ(issue.at("state"), "open");
  EXPECT_EQ(issue.at("assignees"), nullptr);
  EXPECT_EQ(issue.at("pull_request"), nullptr);
  EXPECT_EQ(issue.at("closed_at"), nullptr);
  EXPECT_EQ(issue.at("comments"), 0);
  EXPECT_EQ(issue.at("user").at("login"), get("/user").json().at("login"));
  EXPECT_EQ(issue.at("repository").at("full_name"), repo);
  EXPECT_THAT(names(issue.at("labels")), ElementsAre("bug"));
}

TEST_P(Contract, PrintsTimesInWholeSecondsWithAnOffset) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  const auto issue = get(issue_path(repo, 1)).json();
  for (const auto* field : {"created_at", "updated_at"})
    EXPECT_THAT(
        issue.at(field).get<std::string>(),
        MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[-+][0-9:]{5})"));
}

TEST_P(Contract, RefusesAnIssueWithoutATitle) {
  const auto repo = new_repo();
  const auto path = "/repos/" + repo + "/issues";
  for (const auto& body : {Json({{"body", "x"}}), Json({{"title", ""}}), Json({{"title", 5}})})
    EXPECT_EQ(post(path, body).status, 422) << body;
  EXPECT_EQ(peer().ask_raw(peer().token, "POST", path, "{\"title\":", "application/json").status,
            422);
}

// What libcurl sends unless told otherwise.
TEST_P(Contract, ReadsAFormWhereTheContentTypeSaysSo) {
  const auto repo = new_repo();
  const auto answer = peer().ask_raw(peer().token, "POST", "/repos/" + repo + "/issues",
                                     "{\"title\":\"x\"}", "application/x-www-form-urlencoded");
  EXPECT_EQ(answer.status, 422);
  EXPECT_THAT(answer.json().at("message").get<std::string>(), HasSubstr("[Title]: Required"));
}

TEST_P(Contract, DropsUnknownLabelIdsOfANewIssue) {
  const auto repo = new_repo();
  const auto made = post("/repos/" + repo + "/issues", {{"title", "x"}, {"labels", {999999}}});
  EXPECT_EQ(made.status, 201);
  EXPECT_THAT(made.json().at("labels"), IsEmpty());
}

TEST_P(Contract, ListsIssuesNewestFirstInClampedPages) {
  const auto repo = new_repo();
  const auto cap = page_cap();
  std::vector<std::int64_t> expected;
  for (int i = 0; i < cap + 2; ++i) expected.insert(expected.begin(), new_issue(repo, "x"));
  const auto path = "/repos/" + repo + "/issues?type=issues&limit=1000&page=";
  const auto first = get(path + "1");
  EXPECT_EQ(first.json().size(),
            static_cast<std::size_t>(cap));  // fewer than asked for, not the last
  EXPECT_EQ(first.header("x-total-count"), std::to_string(cap + 2));
  EXPECT_THAT(first.header("link"), HasSubstr("rel=\"next\""));
  const auto second = get(path + "2");
  EXPECT_THAT(second.header("link"), Not(HasSubstr("rel=\"next\"")));
  auto found = numbers(first.json());
  for (const auto number : numbers(second.json())) found.push_back(number);
  EXPECT_EQ(found, expected);
  const auto beyond = get(path + "9");
  EXPECT_EQ(beyond.status, 200);
  EXPECT_EQ(beyond.json(), Json::array());
  EXPECT_EQ(beyond.header("x-total-count"), std::to_string(cap + 2));
}

TEST_P(Contract, FiltersByState) {
  const auto repo = new_repo();
  new_issue(repo, "open");
  new_issue(repo, "closed", {{"closed", true}});
  const auto path = "/repos/" + repo + "/issues?type=issues&state=";
  EXPECT_THAT(numbers(get(path + "open").json()), ElementsAre(1));
  EXPECT_THAT(numbers(get(path + "closed").json()), ElementsAre(2));
  EXPECT_THAT(numbers(get(path + "all").json()), ElementsAre(2, 1));
  EXPECT_THAT(numbers(get(path + "other").json()), ElementsAre(1));
}

TEST_P(Contract, FiltersByAllLabelsButDropsUnknownNames) {
  const auto repo = new_repo();
  const auto bug = new_label(repo, "bug"), ui = new_label(repo, "ui");
  new_issue(repo, "plain");
  new_issue(repo, "bug", {{"labels", {bug}}});
  new_issue(repo, "both", {{"labels", {bug, ui}}});
  const auto path = "/repos/" + repo + "/issues?type=issues&labels=";
  EXPECT_THAT(numbers(get(path + "bug").json()), ElementsAre(3, 2));
  EXPECT_THAT(numbers(get(path + "bug,ui").json()), ElementsAre(3));
  EXPECT_THAT(numbers(get(path + "bug,nope").json()), ElementsAre(3, 2));
  EXPECT_THAT(numbers(get(path + "nope").json()), ElementsAre(3, 2, 1));
}

TEST_P(Contract, ListsWhatWasUpdatedSinceInclusively) {
  const auto repo = new_repo();
  new_label(repo, "bug");
  new_issue(repo, "old");
  new_issue(repo, "touched");
  peer().pass_time();
  post(issue_path(repo, 2, "/labels"), {{"labels", {"bug"}}});
  peer().pass_time();
  const auto updated = get(issue_path(repo, 2)).json().at("updated_at").get<std::string>();
  EXPECT_NE(updated, get(issue_path(repo, 1)).json().at("updated_at"));
  std::string encoded = updated;
  if (const auto plus = encoded.find('+'); plus != std::string::npos)
    encoded.replace(plus, 1, "%2B");
  const auto path = "/repos/" + repo + "/issues?type=issues&state=all&since=";
  EXPECT_THAT(numbers(get(path + encoded).json()), ElementsAre(2));
  EXPECT_THAT(numbers(get(path + "2000-01-01T00:00:00Z").json()), ElementsAre(2, 1));
  EXPECT_EQ(get(path + "yesterday").status, 422);
  peer().pass_time();
  post(issue_path(repo, 1, "/comments"), {{"body", "hello"}});
  EXPECT_THAT(numbers(get(path + encoded).json()), ElementsAre(2, 1));
}

TEST_P(Contract, EditsWithStatus201) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  const auto closed = patch(issue_path(repo, 1), {{"state", "closed"}});
  EXPECT_EQ(closed.status, 201);
  EXPECT_EQ(closed.json().at("state"), "closed");
  EXPECT_TRUE(closed.json().at("closed_at").is_string());
  EXPECT_EQ(patch(issue_path(repo, 1), {{"state", "closed"}}).status, 201);
  const auto opened = patch(issue_path(repo, 1), {{"state", "open"}, {"title", "y"}}).json();
  EXPECT_EQ(opened.at("state"), "open");
  EXPECT_EQ(opened.at("title"), "y");
  EXPECT_EQ(opened.at("closed_at"), nullptr);
  EXPECT_EQ(patch(issue_path(repo, 999), {{"title", "y"}}).status, 404);
}

TEST_P(Contract, FailsToAssignNobodyWithAServerError) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  const auto login = get("/user").json().at("login").get<std::string>();
  const auto mine = patch(issue_path(repo, 1), {{"assignees", {login}}}).json();
  EXPECT_EQ(mine.at("assignees").at(0).at("login"), login);
  EXPECT_EQ(patch(issue_path(repo, 1), {{"assignees", {"nobody-of-that-name"}}}).status, 500);
  EXPECT_EQ(patch(issue_path(repo, 1), {{"assignees", Json::array()}}).json().at("assignees"),
            nullptr);
}

TEST_P(Contract, AddsLabelsByNameAndReturnsAllOfThem) {
  const auto repo = new_repo();
  const auto bug = new_label(repo, "bug");
  new_label(repo, "ui");
  new_issue(repo, "x", {{"labels", {bug}}});
  const auto path = issue_path(repo, 1, "/labels");
  const auto added = post(path, {{"labels", {"ui"}}});
  EXPECT_EQ(added.status, 200);
  EXPECT_THAT(names(added.json()), ElementsAre("bug", "ui"));
  EXPECT_THAT(names(post(path, {{"labels", {"ui"}}}).json()), ElementsAre("bug", "ui"));
  EXPECT_THAT(names(post(path, {{"labels", Json::array()}}).json()), ElementsAre("bug", "ui"));
  EXPECT_THAT(names(get(path).json()), ElementsAre("bug", "ui"));
}

TEST_P(Contract, SkipsUnknownLabelsInSilence) {
  const auto repo = new_repo(), other = new_repo();
  new_label(repo, "bug");
  const auto foreign = new_label(other, "foreign");
  new_issue(repo, "x");
  const auto path = issue_path(repo, 1, "/labels");
  const auto mixed = post(path, {{"labels", {"bug", "nope"}}});
  EXPECT_EQ(mixed.status, 200);
  EXPECT_THAT(names(mixed.json()), ElementsAre("bug"));
  EXPECT_THAT(names(post(path, {{"labels", {"BUG"}}}).json()), ElementsAre("bug"));
  EXPECT_THAT(names(post(path, {{"labels", {foreign, 999999}}}).json()), ElementsAre("bug"));
  EXPECT_EQ(post(issue_path(repo, 999, "/labels"), {{"labels", {"bug"}}}).status, 404);
}

TEST_P(Contract, RefusesLabelsOfTwoKinds) {
  const auto repo = new_repo();
  const auto bug = new_label(repo, "bug");
  new_issue(repo, "x");
  const auto path = issue_path(repo, 1, "/labels");
  EXPECT_EQ(post(path, {{"labels", {bug, "bug"}}}).status, 400);
  EXPECT_EQ(post(path, {{"labels", {true}}}).status, 400);
  EXPECT_EQ(post(path, {{"labels", "bug"}}).status, 422);
}

TEST_P(Contract, LetsOneLabelOfAnExclusiveScopeStand) {
  const auto repo = new_repo();
  new_label(repo, "kind/a", {{"exclusive", true}});
  new_label(repo, "kind/b", {{"exclusive", true}});
  new_issue(repo, "x");
  const auto path = issue_path(repo, 1, "/labels");
  EXPECT_THAT(names(post(path, {{"labels", {"kind/a"}}}).json()), ElementsAre("kind/a"));
  EXPECT_THAT(names(post(path, {{"labels", {"kind/b"}}}).json()), ElementsAre("kind/b"));
}

TEST_P(Contract, ReplacesAndClearsLabels) {
  const auto repo = new_repo();
  new_label(repo, "bug");
  new_label(repo, "ui");
  new_issue(repo, "x");
  const auto path = issue_path(repo, 1, "/labels");
  post(path, {{"labels", {"bug"}}});
  EXPECT_THAT(names(put(path, {{"labels", {"ui", "nope"}}}).json()), ElementsAre("ui"));
  EXPECT_EQ(remove(path).status, 204);
  EXPECT_THAT(get(path).json(), IsEmpty());
}

TEST_P(Contract, RemovesALabelByIdHoweverOften) {
  const auto repo = new_repo();
  const auto bug = new_label(repo, "bug");
  new_issue(repo, "x", {{"labels", {bug}}});
  const auto path = issue_path(repo, 1, "/labels/");
  EXPECT_EQ(remove(path + std::to_string(bug)).status, 204);
  EXPECT_EQ(remove(path + std::to_string(bug)).status, 204);
  EXPECT_THAT(get(issue_path(repo, 1, "/labels")).json(), IsEmpty());
  EXPECT_THAT(remove(path + "999999").status, AnyOf(404, 422));
}

TEST_P(Contract, LetsTwoLabelsHaveOneName) {
  const auto repo = new_repo();
  const auto first = new_label(repo, "bug"), second = new_label(repo, "bug");
  EXPECT_NE(first, second);
  EXPECT_EQ(get("/repos/" + repo + "/labels/bug").json().at("id"), first);
  new_issue(repo, "one", {{"labels", {first}}});
  new_issue(repo, "both");
  // By name: both are added, and both are asked for.
  EXPECT_THAT(names(post(issue_path(repo, 2, "/labels"), {{"labels", {"bug"}}}).json()),
              ElementsAre("bug", "bug"));
  EXPECT_THAT(numbers(get("/repos/" + repo + "/issues?type=issues&labels=bug").json()),
              ElementsAre(2));
}

TEST_P(Contract, ListsLabelsInPagesWithoutALink) {
  const auto repo = new_repo();
  for (const auto* name : {"c", "a", "b"}) new_label(repo, name);
  const auto first = get("/repos/" + repo + "/labels?limit=2");
  EXPECT_THAT(names(first.json()), ElementsAre("a", "b"));
  EXPECT_EQ(first.header("x-total-count"), "3");
  EXPECT_EQ(first.header("link"), "");
  EXPECT_THAT(names(get("/repos/" + repo + "/labels?limit=2&page=2").json()), ElementsAre("c"));
  EXPECT_EQ(get("/repos/" + repo + "/labels?limit=2&page=3").json(), Json::array());
}

TEST_P(Contract, FindsALabelByNameOrId) {
  const auto repo = new_repo();
  const auto id = new_label(repo, "kind/with space", {{"color", "#0AB"}});
  const auto found = get("/repos/" + repo + "/labels/kind%2Fwith%20space").json();
  EXPECT_EQ(found.at("id"), id);
  EXPECT_EQ(found.at("color"), "00aabb");
  EXPECT_EQ(get("/repos/" + repo + "/labels/" + std::to_string(id)).json(), found);
  const auto path = "/repos/" + repo + "/labels";
  EXPECT_EQ(post(path, {{"name", "x"}}).status, 422);
  EXPECT_EQ(post(path, {{"color", "00aabb"}}).status, 422);
  EXPECT_EQ(post(path, {{"name", "x"}, {"color", "red"}}).status, 422);
}

TEST_P(Contract, AddsLabelsOfTheOrganisationByName) {
  const auto organisation = new_organisation();
  const auto repo = organisation + "/app";
  ASSERT_EQ(post("/orgs/" + organisation + "/repos", {{"name", "app"}}).status, 201);
  ASSERT_EQ(
      post("/orgs/" + organisation + "/labels", {{"name", "shared"}, {"color", "00aabb"}}).status,
      201);
  new_issue(repo, "plain");
  new_issue(repo, "shared");
  EXPECT_THAT(names(post(issue_path(repo, 2, "/labels"), {{"labels", {"shared"}}}).json()),
              ElementsAre("shared"));
  EXPECT_THAT(get("/repos/" + repo + "/labels").json(), IsEmpty());
  EXPECT_EQ(remove("/repos/" + repo).status, 204);
}

TEST_P(Contract, ListsAllCommentsWhateverThePage) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  const auto path = issue_path(repo, 1, "/comments");
  EXPECT_EQ(get(path).json(), Json::array());
  for (const auto* body : {"one", "two", "three", "four"}) {
    const auto made = post(path, {{"body", body}});
    EXPECT_EQ(made.status, 201);
    EXPECT_EQ(made.json().at("body"), body);
  }
  const auto all = get(path + "?limit=1&page=2").json();
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].at("body"), "one");
  EXPECT_EQ(all[3].at("user").at("login"), get("/user").json().at("login"));
  EXPECT_EQ(get(issue_path(repo, 1)).json().at("comments"), 4);
  EXPECT_EQ(get(path + "?since=2100-01-01T00:00:00Z").json(), Json::array());
  EXPECT_EQ(post(path, {{"body", ""}}).status, 422);
}

TEST_P(Contract, FailsOnTheCommentsOfAMissingIssue) {
  const auto repo = new_repo();
  const auto path = issue_path(repo, 999, "/comments");
  EXPECT_THAT(post(path, {{"body", "x"}}).status, AnyOf(404, 500));
  EXPECT_THAT(get(path).status, AnyOf(404, 500));
}

TEST_P(Contract, LocksAnArchivedRepositoryOnlyInPart) {
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

TEST_P(Contract, AnswersNotFoundWhereIssuesAreSwitchedOff) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  ASSERT_EQ(patch("/repos/" + repo, {{"has_issues", false}}).status, 200);
  EXPECT_EQ(get("/repos/" + repo + "/issues?type=issues").status, 404);
  EXPECT_EQ(get(issue_path(repo, 1)).status, 404);
  EXPECT_EQ(get("/repos/" + repo + "/labels").status, 200);
}

TEST_P(Contract, GivesAStrangerSomeRightsOnly) {
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

TEST_P(Contract, LetsOnlyWritersCommentOnALockedIssue) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  if (put(issue_path(repo, 1, "/lock"), {{"lock_reason", "spam"}}).status == 404)
    GTEST_SKIP() << "this server has no route to lock an issue";
  EXPECT_EQ(get(issue_path(repo, 1)).json().at("is_locked"), true);
  EXPECT_EQ(post(issue_path(repo, 1, "/comments"), {{"body", "x"}}).status, 201);
  if (peer().other_token.empty()) return;
  EXPECT_EQ(peer()
                .ask(peer().other_token, "POST", issue_path(repo, 1, "/comments"), {{"body", "x"}})
                .status,
            403);
}

}  // namespace
}  // namespace host::forge
