// SPDX-License-Identifier: Apache-2.0
//
// The client: what it changes about issues, and the accounts around them.
#include "forge/client_contract.hpp"

namespace host::forge {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using namespace std::chrono_literals;

class ClientIssueContract : public ClientContract {
 protected:
  Result<host::Issue> set_state(const std::string& repo, std::int64_t number, bool open) {
    return wait<host::Issue>(
        [&](auto reply) { client().set_issue_state(parse_repo_name(repo), number, open, reply); });
  }
  Result<host::Issue> edit(const std::string& repo, std::int64_t number, const TextEdit& change) {
    return wait<host::Issue>(
        [&](auto reply) { client().edit_issue(parse_repo_name(repo), number, change, reply); });
  }
  Result<host::Issue> assign(const std::string& repo, std::vector<std::string> logins) {
    return wait<host::Issue>(
        [&](auto reply) { client().add_assignees(parse_repo_name(repo), 1, logins, reply); });
  }
  Result<host::Comment> keep(const std::string& repo, const std::string& body) {
    return wait<host::Comment>(
        [&](auto reply) { client().keep_comment(parse_repo_name(repo), 1, body, "state", reply); });
  }
};

INSTANTIATE_TEST_SUITE_P(Forge, ClientIssueContract, ::testing::Values("forge", "gitea"),
                         peer_name);

TEST_P(ClientIssueContract, ClosesAndOpensAnIssueAndWritesNothingWhereItIsSo) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  EXPECT_EQ(set_state(repo, 1, false).value().state, "closed");
  const auto updated = get(issue_path(repo, 1)).json().at("updated_at");
  peer().pass_time();
  EXPECT_TRUE(set_state(repo, 1, false).value().closed_at.has_value());
  EXPECT_EQ(get(issue_path(repo, 1)).json().at("updated_at"), updated);
  EXPECT_EQ(set_state(repo, 1, true).value().state, "open");
  EXPECT_EQ(set_state(repo, 999, true).error().code(), Code::not_found);
}

TEST_P(ClientIssueContract, KeepsOneIssueUpToDateAndLeavesOneThatIsClosed) {
  const auto repo = new_repo();
  new_issue(repo, "quotes it <!-- timmy:report -->");
  const auto keep = [&](const std::string& title, const std::string& body) {
    return wait<host::Issue>([&](auto reply) {
             client().keep_issue(parse_repo_name(repo), title, body, "report", reply);
           })
        .value();
  };
  const auto made = keep(" Report ", "one");
  EXPECT_EQ(made.title, "Report");
  EXPECT_EQ(made.body, "one\n\n<!-- timmy:report -->");
  const auto updated = get(issue_path(repo, made.number)).json().at("updated_at");
  peer().pass_time();
  EXPECT_EQ(keep("Report", "one").number, made.number);
  EXPECT_EQ(get(issue_path(repo, made.number)).json().at("updated_at"), updated);
  EXPECT_EQ(keep("Report", "two").number, made.number);
  EXPECT_EQ(get(issue_path(repo, made.number)).json().at("body"), "two\n\n<!-- timmy:report -->");
  ASSERT_EQ(set_state(repo, made.number, false).value().state, "closed");
  EXPECT_NE(keep("Report", "three").number, made.number);
}

TEST_P(ClientIssueContract, SaysThatOpenDependenciesKeepAnIssueOpen) {
  const auto repo = new_repo();
  new_issue(repo, "blocked");
  new_issue(repo, "first");
  const auto slash = repo.find('/');
  ASSERT_EQ(post(issue_path(repo, 1, "/dependencies"),
                 {{"owner", repo.substr(0, slash)}, {"repo", repo.substr(slash + 1)}, {"index", 2}})
                .status,
            201);
  const auto closed = set_state(repo, 1, false);
  ASSERT_FALSE(closed.ok());
  EXPECT_EQ(closed.error().code(), Code::conflict);
  EXPECT_THAT(closed.error().message(), HasSubstr("dependencies"));
  EXPECT_EQ(get(issue_path(repo, 1)).json().at("state"), "open");
}

TEST_P(ClientIssueContract, EditsTitleAndBody) {
  const auto repo = new_repo();
  new_issue(repo, "old", {{"body", "text"}});
  const auto edited = edit(repo, 1, {.title = " new ", .body = {}}).value();
  EXPECT_EQ(edited.title, "new");
  EXPECT_EQ(edited.body, "text");
  EXPECT_EQ(edit(repo, 1, {.title = {}, .body = "a\nb"}).value().body, "a\nb");
  EXPECT_EQ(edit(repo, 1, {.title = {}, .body = ""}).value().body, "");
}

TEST_P(ClientIssueContract, AssignsWithoutTakingOthersAway) {
  const auto repo = new_repo();
  const auto other = let_other_write(repo);
  if (other.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_OTHER_TOKEN";
  new_issue(repo, "x");
  EXPECT_THAT(assign(repo, {other}).value().assignees, ElementsAre(other));
  EXPECT_THAT(assign(repo, {me()}).value().assignees, UnorderedElementsAre(me(), other));
  EXPECT_THAT(assign(repo, {other}).value().assignees, SizeIs(2));
  const auto taken = wait<host::Issue>(
      [&](auto reply) { client().remove_assignees(parse_repo_name(repo), 1, {other}, reply); });
  EXPECT_THAT(taken.value().assignees, ElementsAre(me()));
  const auto cleared = wait<host::Issue>(
      [&](auto reply) { client().remove_assignees(parse_repo_name(repo), 1, {me()}, reply); });
  EXPECT_THAT(cleared.value().assignees, IsEmpty());
}

TEST_P(ClientIssueContract, NamesWhoCanNotBeAssignedWithoutTheServersOwn500) {
  const auto repo = new_repo({{"private", true}});
  new_issue(repo, "x");
  const auto unknown = assign(repo, {me(), "nobody-of-that-name"});
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code(), Code::not_found);
  EXPECT_THAT(unknown.error().message(), HasSubstr("nobody-of-that-name"));
  EXPECT_EQ(get(issue_path(repo, 1)).json().at("assignees"), nullptr);
  const auto all = wait<std::vector<std::string>>(
      [&](auto reply) { client().list_assignable(parse_repo_name(repo), reply); });
  EXPECT_THAT(all.value(), ElementsAre(me()));
}

TEST_P(ClientIssueContract, AnAuthorWhoMayNotWriteIsToldSo) {
  if (peer().other_token.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_OTHER_TOKEN";
  const auto repo = new_repo();
  ASSERT_EQ(
      peer().ask(peer().other_token, "POST", "/repos/" + repo + "/issues", {{"title", "x"}}).status,
      201);
  const auto stranger = new_client(peer().other_token);
  const auto assigned = wait<host::Issue>(
      [&](auto reply) { stranger->add_assignees(parse_repo_name(repo), 1, {me()}, reply); });
  ASSERT_FALSE(assigned.ok());
  EXPECT_EQ(assigned.error().code(), Code::denied);
}

TEST_P(ClientIssueContract, MakesALabelOnce) {
  const auto repo = new_repo();
  const auto make = [&](const NewLabel& label) {
    return wait<host::Label>(
        [&](auto reply) { client().create_label(parse_repo_name(repo), label, reply); });
  };
  const auto made =
      make({.name = "kind/bug", .color = "d73a4a", .description = "broken", .exclusive = true})
          .value();
  EXPECT_EQ(made.color, "d73a4a");
  EXPECT_EQ(made.description, "broken");
  EXPECT_TRUE(made.exclusive);
  EXPECT_EQ(make({.name = "kind/bug", .color = "000000", .description = ""}).value().id, made.id);
  EXPECT_EQ(get("/repos/" + repo + "/labels").json().size(), 1u);
}

TEST_P(ClientIssueContract, KeepsOneCommentUpToDate) {
  const auto repo = new_repo();
  new_issue(repo, "x");
  const auto first = keep(repo, "one").value();
  EXPECT_EQ(keep(repo, "one").value().id, first.id);
  peer().pass_time();
  const auto second = keep(repo, "two").value();
  EXPECT_EQ(second.id, first.id);
  EXPECT_THAT(second.body, HasSubstr("two"));
  const auto all = wait<std::vector<host::Comment>>(
      [&](auto reply) { client().list_comments(parse_repo_name(repo), 1, reply); });
  ASSERT_THAT(all.value(), SizeIs(1));
  EXPECT_EQ(all.value()[0].body, second.body);
  EXPECT_GT(all.value()[0].updated_at, all.value()[0].created_at);
  EXPECT_EQ(all.value()[0].number, 1);
}

TEST_P(ClientIssueContract, ListsTheCommentsOfAllIssuesSinceATime) {
  const auto repo = new_repo();
  new_issue(repo, "a");
  new_issue(repo, "b");
  (void)comment(repo, 1, "old");
  peer().pass_time();
  for (int i = 0; i < page_cap() + 1; ++i) (void)comment(repo, 2, "new-" + std::to_string(i));
  const auto recent = wait<host::Comment>([&](auto reply) {
                        client().create_comment(parse_repo_name(repo), 2, "x", "new-0", reply);
                      }).value();
  const auto listed = [&](WallTime since) {
    return wait<std::vector<host::Comment>>([&](auto reply) {
             client().list_repo_comments(parse_repo_name(repo), since, reply);
           })
        .value();
  };
  const auto all = listed(*recent.updated_at);
  EXPECT_THAT(all, SizeIs(page_cap() + 1));
  EXPECT_EQ(all.front().number, 2);
  EXPECT_THAT(listed(*recent.updated_at - 1h), SizeIs(page_cap() + 2));
}

TEST_P(ClientIssueContract, TheCommentsOfAMissingIssueAreNotAServerInTrouble) {
  const auto repo = new_repo();
  const auto all = wait<std::vector<host::Comment>>(
      [&](auto reply) { client().list_comments(parse_repo_name(repo), 999, reply); });
  EXPECT_EQ(all.error().code(), Code::not_found);
}

TEST_P(ClientIssueContract, FollowsARenamedRepositoryAndTells) {
  const auto repo = new_repo();
  new_label(repo, "bug");
  new_issue(repo, "x");
  const auto renamed = repo + "-renamed";
  const auto name = renamed.substr(renamed.find('/') + 1);
  ASSERT_EQ(patch("/repos/" + repo, {{"name", name}}).status, 200);
  std::vector<std::string> told;
  client().set_renamed_handler([&](const RepoName& from, const RepoName& to) {
    told.push_back(from.full() + " " + to.full());
  });
  const auto read =
      wait<Repository>([&](auto reply) { client().get_repo(parse_repo_name(repo), reply); });
  EXPECT_EQ(read.value().full_name, renamed);
  EXPECT_THAT(told, ElementsAre(repo + " " + renamed));
  // A POST that is sent on stays one.
  EXPECT_THAT(label_names(add(repo, 1, {"bug"}).value()), ElementsAre("bug"));
  const auto issue =
      wait<host::Issue>([&](auto reply) { client().get_issue(parse_repo_name(repo), 1, reply); });
  EXPECT_EQ(issue.value().repo, renamed);
  EXPECT_EQ(issue.value().repo_id, read.value().id) << "it is the same one";
  EXPECT_NE(issue.value().repo_id, 0);
  remove("/repos/" + renamed);
}

TEST_P(ClientIssueContract, TellsTheScopesOfAToken) {
  const auto scopes = [&](GiteaClient& with) {
    return wait<TokenScopes>([&](auto reply) { with.scopes(reply); }).value();
  };
  for (const auto* scope : {"read:issue", "write:issue", "write:repository", "read:user",
                            "read:organization", "write:organization"})
    EXPECT_TRUE(scopes(client()).has(scope)) << scope;
  if (peer().read_token.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_READ_TOKEN";
  const auto reader = new_client(peer().read_token);
  EXPECT_THAT(scopes(*reader).granted, ElementsAre("read:issue", "read:repository", "read:user"));
}

TEST_P(ClientIssueContract, KnowsTeamsAndTheirMembers) {
  if (peer().other_token.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_OTHER_TOKEN";
  const auto organisation = new_organisation();
  const auto made = post("/orgs/" + organisation + "/teams",
                         {{"name", "reviewers"},
                          {"permission", "write"},
                          {"units", {"repo.code", "repo.issues", "repo.pulls"}}});
  ASSERT_EQ(made.status, 201) << made.body;
  const auto id = made.json().at("id").get<std::int64_t>();
  const auto other = peer().ask(peer().other_token, "GET", "/user").json().at("login");
  ASSERT_EQ(put("/teams/" + std::to_string(id) + "/members/" + other.get<std::string>(), {}).status,
            204);
  const auto teams =
      wait<std::vector<host::Team>>([&](auto reply) { client().list_teams(organisation, reply); });
  std::vector<std::string> known;
  for (const auto& team : teams.value()) known.push_back(team.name);
  EXPECT_THAT(known, UnorderedElementsAre("Owners", "reviewers"));
  const auto members =
      wait<std::vector<std::string>>([&](auto reply) { client().list_team_members(id, reply); });
  EXPECT_THAT(members.value(), ElementsAre(other.get<std::string>()));
}

TEST_P(ClientIssueContract, SaysWhatSomebodyMayDo) {
  const auto repo = new_repo();
  const auto other = let_other_write(repo);
  if (other.empty()) GTEST_SKIP() << "no TIMMY_GITEA_TEST_OTHER_TOKEN";
  const auto may = [&](GiteaClient& as, const std::string& login) {
    return wait<Permission>(
        [&](auto reply) { as.user_permission(parse_repo_name(repo), login, reply); });
  };
  EXPECT_EQ(may(client(), other).value(), Permission::write);
  EXPECT_EQ(may(client(), me()).value(), Permission::owner);
  EXPECT_EQ(may(client(), "nobody-of-that-name").error().code(), Code::not_found);
  const auto stranger = new_client(peer().other_token);
  EXPECT_EQ(may(*stranger, me()).error().code(), Code::denied);
}

}  // namespace
}  // namespace host::forge
