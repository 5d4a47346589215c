// SPDX-License-Identifier: Apache-2.0
//
// The client: the server, repositories, issues and labels.
#include "forge/client_contract.hpp"

namespace host::forge {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

TEST_P(ClientContract, FindsIssuesByANameThatTwoLabelsHave) {
  const auto repo = new_repo();
  const auto first = new_label(repo, "bug");
  new_label(repo, "bug");
  new_issue(repo, "one of them", {{"labels", {first}}});
  new_issue(repo, "none");
  EXPECT_THAT(issue_numbers(list(repo, {.labels = {"bug"}}).value()), ElementsAre(1));
}

INSTANTIATE_TEST_SUITE_P(Forge, ClientContract, ::testing::Values("forge", "gitea"), peer_name);

TEST_P(ClientContract, KnowsServerAndUser) {
  const auto user = wait<host::User>([&](auto reply) { client().whoami(reply); });
  EXPECT_EQ(user.value().login, get("/user").json().at("login"));
  EXPECT_TRUE(client().authorised());
  const auto version = wait<std::string>([&](auto reply) { client().version(reply); });
  EXPECT_EQ(version.value(), get("/version").json().at("version"));
}

TEST_P(ClientContract, SaysWhatToDoAboutABadToken) {
  const auto stranger = new_client("0123456789012345678901234567890123456789");
  const auto user = wait<host::User>([&](auto reply) { stranger->whoami(reply); });
  ASSERT_FALSE(user.ok());
  EXPECT_EQ(user.error().code(), Code::denied);
  EXPECT_NE(user.error().next_step(), "");
  EXPECT_FALSE(stranger->authorised());
}

TEST_P(ClientContract, NamesTheScopeThatIsMissing) {
  if (peer().read_token.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_READ_TOKEN";
  const auto repo = new_repo();
  new_label(repo, "bug");
  new_issue(repo, "x");
  const auto reader = new_client(peer().read_token);
  const auto added = wait<std::vector<host::Label>>(
      [&](auto reply) { reader->add_labels(parse_repo_name(repo), 1, {"bug"}, reply); });
  ASSERT_FALSE(added.ok());
  EXPECT_EQ(added.error().code(), Code::denied);
  EXPECT_THAT(added.error().what(), HasSubstr("write:issue"));
}

TEST_P(ClientContract, ReadsARepository) {
  const auto repo = new_repo({{"private", true}});
  const auto read =
      wait<Repository>([&](auto reply) { client().get_repo(parse_repo_name(repo), reply); });
  EXPECT_EQ(read.value().full_name, repo);
  EXPECT_TRUE(read.value().is_private);
  EXPECT_TRUE(read.value().can_push);
  EXPECT_FALSE(read.value().archived);
  const auto missing = wait<Repository>(
      [&](auto reply) { client().get_repo(parse_repo_name(repo + "-not"), reply); });
  EXPECT_EQ(missing.error().code(), Code::not_found);
}

TEST_P(ClientContract, ListsWhatTheUserOwnsAndWorksIn) {
  const auto own = new_repo();
  const auto organisation = new_organisation();
  ASSERT_EQ(post("/orgs/" + organisation + "/repos", {{"name", "app"}}).status, 201);
  const auto mine = [&](GiteaClient& with) {
    const auto all =
        wait<std::vector<Repository>>([&](auto reply) { with.list_my_repos(reply); }).value();
    std::vector<std::string> names;
    for (const auto& repo : all) names.push_back(repo.full_name);
    return names;
  };
  EXPECT_THAT(mine(client()), AllOf(Contains(own), Contains(organisation + "/app")));
  if (peer().other_token.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_OTHER_TOKEN";
  const auto other = new_client(peer().other_token);
  EXPECT_THAT(mine(*other), Not(Contains(own))) << "it is public, but not theirs";
  let_other_write(own);
  EXPECT_THAT(mine(*other), Contains(own));
}

TEST_P(ClientContract, ListsTheLabelsThatAnOrganisationGivesItsRepositories) {
  const auto organisation = new_organisation();
  ASSERT_EQ(
      post("/orgs/" + organisation + "/labels", {{"name", "shared"}, {"color", "#00aabb"}}).status,
      201);
  const auto labels = [&](const std::string& owner) {
    return wait<std::vector<host::Label>>(
        [&](auto reply) { client().list_organisation_labels(owner, reply); });
  };
  ASSERT_THAT(labels(organisation).value(), SizeIs(1));
  EXPECT_EQ(labels(organisation).value()[0].name, "shared");
  EXPECT_EQ(labels(organisation).value()[0].color, "00aabb");
  EXPECT_EQ(labels(me()).error().code(), Code::not_found) << "a user is no organisation";
}

TEST_P(ClientContract, ListsEveryRepositoryOfAnOwner) {
  const auto organisation = new_organisation();
  const auto cap = page_cap();
  for (int i = 0; i < cap + 1; ++i) {
    const auto name = "r" + std::to_string(i);
    ASSERT_EQ(post("/orgs/" + organisation + "/repos", {{"name", name}}).status, 201);
  }
  const auto all =
      wait<std::vector<Repository>>([&](auto reply) { client().list_repos(organisation, reply); });
  EXPECT_THAT(all.value(), SizeIs(cap + 1));
}

// A page full of what this user may not see is not the end.
TEST_P(ClientContract, LooksPastAnEmptyPage) {
  if (peer().other_token.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_OTHER_TOKEN";
  const auto organisation = new_organisation();
  const auto path = "/orgs/" + organisation + "/repos";
  const auto cap = page_cap();
  for (int i = 0; i < cap; ++i)
    post(path, {{"name", "hidden" + std::to_string(i)}, {"private", true}});
  post(path, {{"name", "shown"}});
  const auto other = new_client(peer().other_token);
  const auto all =
      wait<std::vector<Repository>>([&](auto reply) { other->list_repos(organisation, reply); });
  ASSERT_THAT(all.value(), SizeIs(1));
  EXPECT_EQ(all.value()[0].full_name, organisation + "/shown");
}

TEST_P(ClientContract, ListsEveryIssuePastTheClamp) {
  const auto repo = new_repo();
  const auto cap = page_cap();
  for (int i = 0; i < cap + 2; ++i) new_issue(repo, "x");
  const auto all = list(repo, {}).value();
  EXPECT_THAT(all, SizeIs(cap + 2));
  EXPECT_EQ(all.front().number, cap + 2);
  EXPECT_EQ(all.back().number, 1);
}

TEST_P(ClientContract, FiltersEvenWhereTheServerDoesNot) {
  const auto repo = new_repo();
  const auto bug = new_label(repo, "bug");
  new_issue(repo, "plain");
  new_issue(repo, "bug", {{"labels", {bug}}});
  new_issue(repo, "closed", {{"closed", true}});
  EXPECT_THAT(issue_numbers(list(repo, {}).value()), ElementsAre(2, 1));
  EXPECT_THAT(issue_numbers(list(repo, {.state = "all"}).value()), ElementsAre(3, 2, 1));
  EXPECT_THAT(issue_numbers(list(repo, {.labels = {"bug"}}).value()), ElementsAre(2));
  EXPECT_THAT(list(repo, {.labels = {"nope"}}).value(), IsEmpty());
  EXPECT_THAT(list(repo, {.labels = {"bug", "nope"}}).value(), IsEmpty());
}

TEST_P(ClientContract, ListsWhatWasUpdatedSince) {
  const auto repo = new_repo();
  new_issue(repo, "old");
  peer().pass_time();
  new_issue(repo, "new");
  const auto updated =
      wait<host::Issue>([&](auto reply) { client().get_issue(parse_repo_name(repo), 2, reply); })
          .value()
          .updated_at;
  ASSERT_TRUE(updated);
  EXPECT_THAT(issue_numbers(list(repo, {.since = updated}).value()), ElementsAre(2));
  EXPECT_THAT(issue_numbers(list(repo, {.since = *updated - 1h}).value()), ElementsAre(2, 1));
}

TEST_P(ClientContract, ReadsAnIssue) {
  const auto repo = new_repo();
  const auto bug = new_label(repo, "bug");
  new_issue(repo, "Größe", {{"body", "text"}, {"labels", {bug}}});
  const auto read = [&](std::int64_t number) {
    return wait<host::Issue>(
        [&](auto reply) { client().get_issue(parse_repo_name(repo), number, reply); });
  };
  const auto issue = read(1).value();
  EXPECT_EQ(issue.title, "Größe");
  EXPECT_EQ(issue.body, "text");
  EXPECT_EQ(issue.state, "open");
  EXPECT_EQ(issue.user, get("/user").json().at("login"));
  EXPECT_FALSE(issue.is_pull);
  EXPECT_THAT(label_names(issue.labels), ElementsAre("bug"));
  EXPECT_EQ(read(999).error().code(), Code::not_found);
}

TEST_P(ClientContract, ListsEveryLabel) {
  const auto repo = new_repo();
  const auto cap = page_cap();
  for (int i = 0; i < cap + 1; ++i) new_label(repo, "l" + std::to_string(i));
  const auto all = wait<std::vector<host::Label>>(
      [&](auto reply) { client().list_labels(parse_repo_name(repo), reply); });
  EXPECT_THAT(all.value(), SizeIs(cap + 1));
}

TEST_P(ClientContract, AddsLabelsAndSaysWhichDoNotExist) {
  const auto repo = new_repo();
  new_label(repo, "bug");
  new_label(repo, "ui");
  new_issue(repo, "x");
  EXPECT_THAT(label_names(add(repo, 1, {"bug"}).value()), ElementsAre("bug"));
  EXPECT_THAT(label_names(add(repo, 1, {"ui", "bug"}).value()), UnorderedElementsAre("bug", "ui"));
  const auto unknown = add(repo, 1, {"nope"});
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code(), Code::not_found);
  EXPECT_THAT(unknown.error().message(), HasSubstr("nope"));
  EXPECT_EQ(add(repo, 999, {"bug"}).error().code(), Code::not_found);
}

TEST_P(ClientContract, AddsALabelOfTheOrganisation) {
  const auto organisation = new_organisation();
  const auto repo = organisation + "/app";
  ASSERT_EQ(post("/orgs/" + organisation + "/repos", {{"name", "app"}}).status, 201);
  post("/orgs/" + organisation + "/labels", {{"name", "shared"}, {"color", "00aabb"}});
  new_issue(repo, "x");
  EXPECT_THAT(label_names(add(repo, 1, {"shared"}).value()), ElementsAre("shared"));
}

TEST_P(ClientContract, RemovesALabelByName) {
  const auto repo = new_repo();
  const auto bug = new_label(repo, "bug");
  new_issue(repo, "x", {{"labels", {bug}}});
  for (int i = 0; i < 2; ++i) {
    const auto removed = wait<Done>(
        [&](auto reply) { client().remove_label(parse_repo_name(repo), 1, "bug", reply); });
    EXPECT_TRUE(removed.ok());
    EXPECT_THAT(get(issue_path(repo, 1, "/labels")).json(), IsEmpty());
  }
}

TEST_P(ClientContract, CommentsOncePerMarker) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  const auto first = comment(repo, 1, "job-7").value();
  EXPECT_EQ(comment(repo, 1, "job-7").value().id, first.id);
  EXPECT_NE(comment(repo, 1, "job-8").value().id, first.id);
  EXPECT_EQ(get(issue_path(repo, 1, "/comments")).json().size(), 2u);
}

TEST_P(ClientContract, TellsAMissingIssueFromAServerInTrouble) {
  const auto repo = new_repo();
  EXPECT_EQ(comment(repo, 999, "job-7").error().code(), Code::not_found);
  EXPECT_TRUE(client().available());
}

TEST_P(ClientContract, NamesAnArchivedRepositoryAsAConflict) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  ASSERT_EQ(patch("/repos/" + repo, {{"archived", true}}).status, 200);
  EXPECT_EQ(comment(repo, 1, "job-7").error().code(), Code::conflict);
}

}  // namespace
}  // namespace host::forge
