// SPDX-License-Identifier: Apache-2.0
//
// The contract: issues and comments.
#include <gmock/gmock.h>

#include "forge/contract.hpp"

namespace host::forge {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::Not;

class IssueContract : public Contract {};

INSTANTIATE_TEST_SUITE_P(Forge, IssueContract, ::testing::Values("forge", "gitea"), peer_name);

TEST_P(IssueContract, ShowsAnIssueAsItWasMade) {
  const auto repo = new_repo();
  const auto label = new_label(repo, "bug");
  const auto made = post("/repos/" + repo + "/issues",
                         {{"title", " Größe "}, {"body", "line\nline"}, {"labels", {label}}});
  EXPECT_EQ(made.status, 201);
  const auto number = made.json().at("number").get<std::int64_t>();
  EXPECT_EQ(number, 1);
  const auto issue = get(issue_path(repo, number)).json();
  EXPECT_EQ(issue.at("title"), "Größe");  // white space around it is gone
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

TEST_P(IssueContract, PrintsTimesInWholeSecondsWithAnOffset) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  const auto issue = get(issue_path(repo, 1)).json();
  for (const auto* field : {"created_at", "updated_at"})
    EXPECT_THAT(
        issue.at(field).get<std::string>(),
        MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(Z|[-+][0-9:]{5})"));
}

TEST_P(IssueContract, RefusesAnIssueWithoutATitle) {
  const auto repo = new_repo();
  const auto path = "/repos/" + repo + "/issues";
  for (const auto& body : {Json({{"body", "x"}}), Json({{"title", ""}}), Json({{"title", 5}})})
    EXPECT_EQ(post(path, body).status, 422) << body;
  EXPECT_EQ(peer().ask_raw(peer().token, "POST", path, "{\"title\":", "application/json").status,
            422);
}

// What libcurl sends unless told otherwise.
TEST_P(IssueContract, ReadsAFormWhereTheContentTypeSaysSo) {
  const auto repo = new_repo();
  const auto answer = peer().ask_raw(peer().token, "POST", "/repos/" + repo + "/issues",
                                     "{\"title\":\"x\"}", "application/x-www-form-urlencoded");
  EXPECT_EQ(answer.status, 422);
  EXPECT_THAT(answer.json().at("message").get<std::string>(), HasSubstr("[Title]: Required"));
}

TEST_P(IssueContract, DropsUnknownLabelIdsOfANewIssue) {
  const auto repo = new_repo();
  const auto made = post("/repos/" + repo + "/issues", {{"title", "x"}, {"labels", {999999}}});
  EXPECT_EQ(made.status, 201);
  EXPECT_THAT(made.json().at("labels"), IsEmpty());
}

TEST_P(IssueContract, ListsIssuesNewestFirstInClampedPages) {
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

TEST_P(IssueContract, FiltersByState) {
  const auto repo = new_repo();
  new_issue(repo, "open");
  new_issue(repo, "closed", {{"closed", true}});
  const auto path = "/repos/" + repo + "/issues?type=issues&state=";
  EXPECT_THAT(numbers(get(path + "open").json()), ElementsAre(1));
  EXPECT_THAT(numbers(get(path + "closed").json()), ElementsAre(2));
  EXPECT_THAT(numbers(get(path + "all").json()), ElementsAre(2, 1));
  EXPECT_THAT(numbers(get(path + "other").json()), ElementsAre(1));
}

TEST_P(IssueContract, FiltersByAllLabelsButDropsUnknownNames) {
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

TEST_P(IssueContract, ListsWhatWasUpdatedSinceInclusively) {
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

TEST_P(IssueContract, EditsWithStatus201) {
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

TEST_P(IssueContract, FailsToAssignNobodyWithAServerError) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  const auto login = get("/user").json().at("login").get<std::string>();
  const auto mine = patch(issue_path(repo, 1), {{"assignees", {login}}}).json();
  EXPECT_EQ(mine.at("assignees").at(0).at("login"), login);
  EXPECT_EQ(patch(issue_path(repo, 1), {{"assignees", {"nobody-of-that-name"}}}).status, 500);
  EXPECT_EQ(patch(issue_path(repo, 1), {{"assignees", Json::array()}}).json().at("assignees"),
            nullptr);
}

TEST_P(IssueContract, ListsAllCommentsWhateverThePage) {
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

TEST_P(IssueContract, FailsOnTheCommentsOfAMissingIssue) {
  const auto repo = new_repo();
  const auto path = issue_path(repo, 999, "/comments");
  EXPECT_THAT(post(path, {{"body", "x"}}).status, AnyOf(404, 500));
  EXPECT_THAT(get(path).status, AnyOf(404, 500));
}

}  // namespace
}  // namespace host::forge
