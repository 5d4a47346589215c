// SPDX-License-Identifier: Apache-2.0
//
// The contract: pull requests, their merging and reviews, and the statuses of commits.
#include <gmock/gmock.h>

#include "forge/contract.hpp"

namespace host::forge {
namespace {

using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class PullContract : public Contract {
 protected:
  // With a branch main, and branches `a` and `b` that each add a file.
  std::string new_code() {
    const auto repo = new_repo({{"auto_init", true}, {"default_branch", "main"}});
    for (const auto* branch : {"a", "b"}) add_file(repo, branch, std::string(branch) + ".txt");
    return repo;
  }
  void add_file(const std::string& repo, const std::string& branch, const std::string& file,
                const std::string& content = "aGVsbG8K") {
    Json body = {{"content", content}, {"message", "m"}, {"branch", branch}};
    if (get("/repos/" + repo + "/branches/" + branch).status == 404)
      body["branch"] = "main", body["new_branch"] = branch;
    const auto made = post("/repos/" + repo + "/contents/" + file, body);
    EXPECT_EQ(made.status, 201) << made.body;
  }
  Answer open(const std::string& repo, const std::string& head, const std::string& title = "t") {
    return post("/repos/" + repo + "/pulls", {{"head", head}, {"base", "main"}, {"title", title}});
  }
  static std::string pull_path(const std::string& repo, std::int64_t number,
                               const std::string& rest = "") {
    return "/repos/" + repo + "/pulls/" + std::to_string(number) + rest;
  }
  // Once the server has looked whether it can be.
  Answer merge(const std::string& repo, std::int64_t number, const Json& order) {
    Answer answer;
    for (int i = 0; i < 10; ++i) {
      answer = post(pull_path(repo, number, "/merge"), order);
      if (answer.body.find("Please try again later") == std::string::npos) break;
      peer().pass_time();
    }
    return answer;
  }
  static std::string message(const Answer& answer) { return answer.json().at("message"); }
};

INSTANTIATE_TEST_SUITE_P(Forge, PullContract, ::testing::Values("forge", "gitea"), peer_name);

TEST_P(PullContract, RefusesASecondOneAndNamesTheFirst) {
  const auto repo = new_code();
  const auto made = open(repo, "a");
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(made.json().at("head").at("label"), "a");
  EXPECT_EQ(made.json().at("head").at("repo").at("full_name"), repo);
  const auto number = made.json().at("number").get<std::int64_t>();
  const auto second = open(repo, "a");
  EXPECT_EQ(second.status, 409);
  EXPECT_THAT(message(second), HasSubstr("issue_id: " + std::to_string(number) + ","));
  patch(pull_path(repo, number), {{"state", "closed"}});
  EXPECT_EQ(open(repo, "a").status, 201);
}

TEST_P(PullContract, AnswersMissingBranchesAsIfTheRepositoryWere) {
  const auto repo = new_code();
  EXPECT_EQ(open(repo, "nope").status, 404);
  EXPECT_EQ(open(repo, "main").status, 422);
  EXPECT_EQ(open(repo, "a", "").status, 422);
}

TEST_P(PullContract, ListsClosedOnesTooUnlessAskedForAState) {
  const auto repo = new_code();
  open(repo, "a");
  open(repo, "b");
  patch(pull_path(repo, 1), {{"state", "closed"}});
  const auto path = "/repos/" + repo + "/pulls";
  EXPECT_THAT(get(path).json(), SizeIs(2));
  EXPECT_THAT(numbers(get(path + "?state=open").json()), ElementsAre(2));
  EXPECT_THAT(numbers(get(path + "?state=all&sort=oldest").json()), ElementsAre(1, 2));
  const auto page = get(path + "?state=all&limit=1");
  EXPECT_EQ(page.header("x-total-count"), "2");
  EXPECT_THAT(page.header("link"), HasSubstr("rel=\"next\""));
  peer().pass_time();
  post(issue_path(repo, 1, "/comments"), {{"body", "x"}});
  EXPECT_THAT(numbers(get(path + "?state=all&sort=recentupdate").json()), ElementsAre(1, 2));
}

TEST_P(PullContract, FindsAClosedOneByItsBranches) {
  const auto repo = new_code();
  open(repo, "a");
  patch(pull_path(repo, 1), {{"state", "closed"}});
  const auto found = get("/repos/" + repo + "/pulls/main/a");
  EXPECT_EQ(found.status, 200);
  EXPECT_EQ(found.json().at("state"), "closed");
}

TEST_P(PullContract, MergesWithNothingToSay) {
  const auto repo = new_code();
  open(repo, "a");
  const auto merged = merge(repo, 1, {{"Do", "merge"}, {"delete_branch_after_merge", true}});
  EXPECT_EQ(merged.status, 200);
  EXPECT_EQ(merged.body, "");
  const auto pull = get(pull_path(repo, 1)).json();
  EXPECT_EQ(pull.at("merged"), true);
  EXPECT_EQ(pull.at("state"), "closed");
  EXPECT_EQ(pull.at("head").at("ref"), "refs/pull/1/head");
  EXPECT_EQ(pull.at("head").at("label"), "a");
  EXPECT_EQ(merge(repo, 1, {{"Do", "merge"}}).status, 405);
  EXPECT_EQ(patch(pull_path(repo, 1), {{"state", "open"}}).status, 412);
}

TEST_P(PullContract, SaysWhyNotInItsOwnWay) {
  const auto repo = new_code();
  open(repo, "a", "WIP: a");
  open(repo, "b");
  EXPECT_EQ(merge(repo, 1, {{"Do", "merge"}}).status, 405);
  EXPECT_EQ(get(pull_path(repo, 1)).json().at("draft"), true);
  EXPECT_EQ(merge(repo, 2, {{"Do", "merge"}, {"head_commit_id", std::string(40, 'a')}}).status,
            409);
  EXPECT_EQ(merge(repo, 2, Json::object()).status, 422);
  EXPECT_EQ(merge(repo, 2, {{"Do", "octopus"}}).status, 422);
  patch(pull_path(repo, 2), {{"state", "closed"}});
  EXPECT_EQ(merge(repo, 2, {{"Do", "merge"}}).status, 404);
  EXPECT_EQ(merge(repo, 99, {{"Do", "merge"}}).status, 404);
}

TEST_P(PullContract, SaysOfAConflictOnlyThatOneShouldTryLater) {
  const auto repo = new_code();
  open(repo, "a");
  add_file(repo, "main", "a.txt", "b3RoZXIK");
  peer().pass_time();
  const auto refused = post(pull_path(repo, 1, "/merge"), {{"Do", "merge"}});
  EXPECT_EQ(refused.status, 405);
  EXPECT_THAT(message(refused), HasSubstr("Please try again later"));
  EXPECT_EQ(get(pull_path(repo, 1)).json().at("mergeable"), false);
}

TEST_P(PullContract, ListsFilesInPages) {
  const auto repo = new_code();
  add_file(repo, "a", "c.txt");
  open(repo, "a");
  const auto page = get(pull_path(repo, 1, "/files?limit=1"));
  EXPECT_THAT(page.json(), SizeIs(1));
  EXPECT_EQ(page.json().at(0).at("filename"), "a.txt");
  EXPECT_EQ(page.json().at(0).at("status"), "added");
  EXPECT_EQ(page.header("x-total-count"), "2");
}

TEST_P(PullContract, TakesAMisspeltReviewForOneThatIsPending) {
  const auto repo = new_code();
  open(repo, "a");
  const auto path = pull_path(repo, 1, "/reviews");
  EXPECT_EQ(post(path, {{"event", "APPROVED"}}).status, 422);  // one's own
  EXPECT_EQ(post(path, {{"event", "COMMENT"}}).status, 422);   // no text
  const auto comment = post(path, {{"event", "COMMENT"}, {"body", "x"}});
  EXPECT_EQ(comment.status, 200);
  EXPECT_EQ(comment.json().at("state"), "COMMENT");
  const auto odd = post(path, {{"event", "APPROVE"}, {"body", "x"}});
  EXPECT_EQ(odd.status, 200);
  EXPECT_EQ(odd.json().at("state"), "PENDING");
  patch(pull_path(repo, 1), {{"state", "closed"}});
  EXPECT_EQ(post(path, {{"event", "COMMENT"}, {"body", "x"}}).status, 200);
  if (!peer().other_token.empty()) {
    EXPECT_EQ(peer().ask(peer().other_token, "POST", path, {{"event", "APPROVED"}}).status, 422);
  }
}

TEST_P(PullContract, ListsReviewsWithoutALink) {
  const auto repo = new_code();
  open(repo, "a");
  const auto path = pull_path(repo, 1, "/reviews");
  for (const auto* body : {"one", "two"}) post(path, {{"event", "COMMENT"}, {"body", body}});
  const auto page = get(path + "?limit=1");
  EXPECT_THAT(page.json(), SizeIs(1));
  EXPECT_EQ(page.json().at(0).at("body"), "one");
  EXPECT_EQ(page.header("x-total-count"), "2");
  EXPECT_EQ(page.header("link"), "");
}

TEST_P(PullContract, SumsUpOnlyThePageOfStatusesThatItShows) {
  const auto repo = new_code();
  const auto sha =
      get("/repos/" + repo + "/branches/main").json().at("commit").at("id").get<std::string>();
  const auto path = "/repos/" + repo + "/commits/main/status";
  EXPECT_THAT(get(path).json().at("state"), AnyOf(Json("pending"), Json("")));
  for (const auto* context : {"a", "b"})
    EXPECT_EQ(post("/repos/" + repo + "/statuses/" + sha,
                   {{"context", context}, {"state", *context == 'a' ? "failure" : "success"}})
                  .status,
              201);
  const auto first = get(path + "?limit=1&page=1"), second = get(path + "?limit=1&page=2");
  EXPECT_EQ(first.header("x-total-count"), "2");
  ASSERT_THAT(first.json().at("statuses"), SizeIs(1));
  ASSERT_THAT(second.json().at("statuses"), SizeIs(1));
  EXPECT_NE(first.json().at("state"), second.json().at("state"));
  EXPECT_NE(first.json().at("statuses").at(0).at("status"),
            second.json().at("statuses").at(0).at("status"));
  EXPECT_THAT(get("/repos/" + repo + "/commits/nope/status").status, AnyOf(404, 400, 500));
  EXPECT_EQ(
      post("/repos/" + repo + "/statuses/" + std::string(40, 'a'), {{"state", "success"}}).status,
      500);
}

TEST_P(PullContract, KeepsTheDefaultBranch) {
  const auto repo = new_code();
  const auto path = "/repos/" + repo + "/branches/";
  EXPECT_EQ(remove(path + "main").status, 403);
  EXPECT_EQ(remove(path + "a").status, 204);
  EXPECT_EQ(remove(path + "a").status, 404);
  EXPECT_EQ(get("/repos/" + new_repo() + "/branches").json().size(), 0u);
}

TEST_P(PullContract, AssignsByTheIssueRouteOrAnEditThatReplaces) {
  const auto repo = new_code();
  open(repo, "a");
  const auto login = get("/user").json().at("login").get<std::string>();
  const auto added = post(issue_path(repo, 1, "/assignees"), {{"assignees", {login}}});
  EXPECT_THAT(added.status, AnyOf(201, 404));
  if (added.status == 404) {
    EXPECT_EQ(added.body, "404 page not found\n");
  }
  const auto assignable = get("/repos/" + repo + "/assignees?limit=1&page=9").json();
  ASSERT_THAT(assignable, SizeIs(1));
  EXPECT_EQ(assignable.at(0).at("login"), login);
  EXPECT_EQ(patch(issue_path(repo, 1), {{"assignees", Json::array()}}).json().at("assignees"),
            nullptr);
}

TEST_P(PullContract, AsksForAScopeBeforeItLooksForTheRepository) {
  for (const auto* path : {"/repos/-/-/issues", "/repos/-/-/pulls", "/orgs/-/labels"}) {
    EXPECT_EQ(get(path).status, 404) << path;
    EXPECT_EQ(post(path, Json::object()).status, 404) << path;
    if (peer().read_token.empty()) continue;
    const auto refused = peer().ask(peer().read_token, "POST", path, Json::object());
    EXPECT_EQ(refused.status, 403) << path;
    EXPECT_THAT(message(refused), HasSubstr("required scope"));
  }
  EXPECT_EQ(remove("/user/following/-").status, 404);
  const auto told = get("/token");
  EXPECT_THAT(told.status, AnyOf(200, 404));
  if (told.status == 404) {
    EXPECT_EQ(told.body, "404 page not found\n");
  }
}

TEST_P(PullContract, EditsACommentOfOnesOwn) {
  const auto repo = new_code();
  new_issue(repo, "x");
  const auto id = post(issue_path(repo, 1, "/comments"), {{"body", "one"}}).json().at("id");
  const auto path = "/repos/" + repo + "/issues/comments/" + std::to_string(id.get<std::int64_t>());
  const auto edited = patch(path, {{"body", "two"}});
  EXPECT_EQ(edited.status, 200);
  EXPECT_EQ(edited.json().at("body"), "two");
  EXPECT_EQ(patch("/repos/" + repo + "/issues/comments/999999", {{"body", "x"}}).status, 404);
  if (!peer().other_token.empty()) {
    EXPECT_EQ(peer().ask(peer().other_token, "PATCH", path, {{"body", "x"}}).status, 403);
  }
}

}  // namespace
}  // namespace host::forge
