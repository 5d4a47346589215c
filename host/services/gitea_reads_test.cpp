// SPDX-License-Identifier: Apache-2.0
#include "services/gitea_reads.hpp"

#include "services/forge_bench.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Every read that names a repository, and the parameter of it that is a number.
const std::vector<ForgeMethod>& repo_reads() {
  static const std::vector<ForgeMethod> all{
      {"get_repo", {{"repo", "org/app"}}},
      {"user_permission", {{"repo", "org/app"}, {"login", "amy"}}},
      {"list_assignable", {{"repo", "org/app"}}},
      {"list_issues", {{"repo", "org/app"}}},
      {"get_issue", {{"repo", "org/app"}, {"number", 1}}},
      {"list_labels", {{"repo", "org/app"}}},
      {"list_comments", {{"repo", "org/app"}, {"number", 1}}},
      {"list_prs", {{"repo", "org/app"}}},
      {"get_pr", {{"repo", "org/app"}, {"number", 2}}},
      {"list_pr_files", {{"repo", "org/app"}, {"number", 2}}},
      {"list_pr_commits", {{"repo", "org/app"}, {"number", 2}}},
      {"list_reviews", {{"repo", "org/app"}, {"number", 2}}},
      {"combined_status", {{"repo", "org/app"}, {"ref", "main"}}},
  };
  return all;
}

class GiteaReadsTest : public ForgeBench {
 protected:
  GiteaReadsTest() { add_pull(); }
};

class EachRead : public GiteaReadsTest, public ::testing::WithParamInterface<ForgeMethod> {};

TEST_P(EachRead, NeedsTheGrantForItsRepository) {
  const auto run = open({{"gitea.read", {"org/other"}}, {"gitea.write", {"org/app"}}});
  EXPECT_EQ(call(*run, "gitea/1." + GetParam().name, GetParam().params).error().code(),
            Code::not_granted);
  EXPECT_EQ(gitea_.calls, 0u) << "the forge was asked all the same";
}

TEST_P(EachRead, RefusesParametersOfAnotherType) {
  const auto run = open({{"gitea.read", {"*"}}});
  for (const auto& [key, value] : GetParam().params.items()) {
    const auto refused =
        call(*run, "gitea/1." + GetParam().name, with(GetParam(), key, Json::object())).error();
    EXPECT_EQ(refused.code(), Code::usage) << key;
    EXPECT_THAT(refused.message(), HasSubstr("\"" + key + "\""));
    const auto missing =
        call(*run, "gitea/1." + GetParam().name, with(GetParam(), key, nullptr)).error();
    EXPECT_EQ(missing.code(), Code::usage) << key;
  }
  EXPECT_EQ(gitea_.calls, 0u);
}

TEST_P(EachRead, PassesTheForgesErrorOn) {
  gitea_.fail_next(Error(Code::rate_limited, "slow down"));
  const auto run = reader();
  const auto error = call(*run, "gitea/1." + GetParam().name, GetParam().params).error();
  EXPECT_EQ(error.code(), Code::rate_limited);
  EXPECT_TRUE(run->forge_asked_to_wait);
  EXPECT_TRUE(run->unreachable.empty()) << "it is there";
}

TEST_P(EachRead, LeavesNoTrace) {
  EXPECT_TRUE(call(*reader(), "gitea/1." + GetParam().name, GetParam().params).ok());
  EXPECT_EQ(gitea_.writes, 0u);
  EXPECT_EQ(rows("SELECT id FROM intents UNION ALL SELECT id FROM audit").size(), 0u);
}

INSTANTIATE_TEST_SUITE_P(All, EachRead, ::testing::ValuesIn(repo_reads()),
                         [](const auto& it) { return it.param.name; });

TEST_F(GiteaReadsTest, ARepositoryIsToldWithWhatMayBeDoneInIt) {
  gitea_.repos.at("org/app").about.can_push = true;
  gitea_.repos.at("org/app").about.merge_styles = {"squash"};
  const Json repo = answer(*reader(), "get_repo", {{"repo", "org/app"}});
  EXPECT_EQ(repo["full_name"], "org/app");
  EXPECT_EQ(repo["can_push"], true);
  EXPECT_EQ(repo["merge_styles"], Json({"squash"}));
}

TEST_F(GiteaReadsTest, APermissionIsAWord) {
  gitea_.repos.at("org/app").permissions["amy"] = Permission::write;
  const auto of = [&](const char* login) {
    return answer(*reader(), "user_permission", {{"repo", "org/app"}, {"login", login}});
  };
  EXPECT_EQ(of("amy"), (Json{{"permission", "write"}}));
  EXPECT_EQ(of("eve"), (Json{{"permission", "none"}}));
}

TEST_F(GiteaReadsTest, WhoCanBeAssignedIsAListOfLogins) {
  gitea_.repos.at("org/app").assignable = {"amy", "bob"};
  EXPECT_EQ(answer(*reader(), "list_assignable", {{"repo", "org/app"}}),
            (Json{{"assignable", {"amy", "bob"}}}));
}

TEST_F(GiteaReadsTest, CommentsComeWithTheirIssue) {
  gitea_.add_comment("org/app", 1, "amy", "me too");
  const Json all = answer(*reader(), "list_comments", on(1))["comments"];
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0]["body"], "me too");
  EXPECT_EQ(all[0]["user"], "amy");
  EXPECT_EQ(all[0]["number"], 1);
  EXPECT_EQ(all[0]["created_at"], format_utc(loop_.clock().wall()));
}

TEST_F(GiteaReadsTest, PullRequestsAreFilteredAndToldWithBothEnds) {
  gitea_.add_pull("org/app", "Other", "other", "stable");
  const auto run = reader();
  const Json all =
      answer(*run, "list_prs", {{"repo", "org/app"}, {"state", "all"}, {"base", "main"}})["prs"];
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0], answer(*run, "get_pr", on(2)));
  EXPECT_EQ(all[0]["head"]["branch"], "mend");
  EXPECT_EQ(all[0]["base"]["branch"], "main");
  EXPECT_EQ(all[0]["mergeable"], true);
  const auto by_head = [&](const char* head) {
    return answer(*run, "list_prs", {{"repo", "org/app"}, {"head", head}})["prs"].size();
  };
  EXPECT_EQ(by_head("other"), 1u);
  EXPECT_EQ(by_head("third"), 0u);
  EXPECT_EQ(
      answer(*run, "list_prs", {{"repo", "org/app"}, {"since", "2999-01-01T00:00:00Z"}})["prs"],
      Json::array());
}

TEST_F(GiteaReadsTest, BodiesAreCutWhereThatIsAskedFor) {
  issue().body = std::string(100, 'x');
  gitea_.repos.at("org/app").pulls.at(2).body = "short";
  const auto run = reader();
  const auto issues = [&](const Json& limit) {
    return answer(*run, "list_issues", {{"repo", "org/app"}, {"body_limit", limit}})["issues"][0];
  };
  EXPECT_EQ(issues(10)["body"], "xxxxxxxxxx");
  EXPECT_EQ(issues(10)["body_cut"], true);
  EXPECT_EQ(issues(100), answer(*run, "get_issue", on(1))) << "no mark where nothing was cut";
  EXPECT_EQ(issues(nullptr)["body"].get<std::string>().size(), 100u);
  const auto pulls = [&](int limit) {
    return answer(*run, "list_prs", {{"repo", "org/app"}, {"body_limit", limit}})["prs"][0];
  };
  EXPECT_EQ(pulls(4)["body"], "shor");
  EXPECT_EQ(pulls(4)["body_cut"], true);
  EXPECT_FALSE(pulls(5).contains("body_cut"));
  for (const Json& wrong : std::initializer_list<Json>{-1, "much", 1.5})
    EXPECT_EQ(call(*run, "gitea/1.list_issues", {{"repo", "org/app"}, {"body_limit", wrong}})
                  .error()
                  .code(),
              Code::usage)
        << wrong;
}

TEST_F(GiteaReadsTest, LabelsAreToldWithThoseThatExcludeOthersAndOnDemandTheOrganisations) {
  gitea_.repos.at("org/app").labels.push_back({7, "kind/bug", "ff0000", "", true});
  const auto run = reader();
  const auto list = [&](const Json& more) {
    Json params{{"repo", "org/app"}};
    params.update(more);
    return answer(*run, "list_labels", params);
  };
  const Json own{{"labels", {"bug", "docs", "kind/bug"}}, {"exclusive", {"kind/bug"}}};
  EXPECT_EQ(list(Json::object()), own);
  Json all = own;
  all["organisation"] = true;
  EXPECT_EQ(list({{"organisation", true}}), all) << "org is a user here, who has none";
  gitea_.organisation_labels["org"] = {{8, "kind/wish", "00ff00", "", true},
                                       {9, "help", "00ff00", "", false}};
  EXPECT_EQ(list(Json::object()), own);
  EXPECT_EQ(list({{"organisation", true}}),
            (Json{{"labels", {"bug", "docs", "kind/bug", "kind/wish", "help"}},
                  {"exclusive", {"kind/bug", "kind/wish"}},
                  {"organisation", true}}));
}

TEST_F(GiteaReadsTest, AnAnswerWithoutTheOrganisationsLabelsSaysSo) {
  const auto run = reader();
  gitea_.organisation_labels["org"] = {{8, "kind/wish", "00ff00", "", true}};
  const Json params{{"repo", "org/app"}, {"organisation", true}};
  gitea_.fail_organisation_labels = Error(Code::denied, "403", "read:organization");
  EXPECT_EQ(
      answer(*run, "list_labels", params),
      (Json{{"labels", {"bug", "docs"}}, {"exclusive", Json::array()}, {"organisation", false}}));
  gitea_.fail_organisation_labels = Error(Code::unavailable, "the forge is away");
  EXPECT_EQ(call(*run, "gitea/1.list_labels", params).error().code(), Code::unavailable);
}

TEST_F(GiteaReadsTest, ARepositoryIsToldWithTheIdThatItKeeps) {
  gitea_.repos.at("org/app").about.id = 4711;
  const auto run = reader();
  EXPECT_EQ(answer(*run, "get_repo", {{"repo", "org/app"}})["id"], 4711);
  EXPECT_EQ(answer(*run, "list_repos", {{"owner", "org"}})["repos"][0]["id"], 4711);
}

TEST_F(GiteaReadsTest, FilesReviewsAndStatusesOfAPullRequest) {
  auto& repo = gitea_.repos.at("org/app");
  repo.files[2] = {{"a.cpp", "b.cpp", "renamed", 3, 4}};
  repo.reviews[2] = {{7, "amy", "APPROVED", "fine", "abc", true, false, false, "", {}}};
  repo.statuses["main"] = {{1, "build", "success", "", ""}, {2, "lint", "pending", "soon", ""}};
  const auto run = reader();
  EXPECT_EQ(answer(*run, "list_pr_files", on(2))["files"], Json::array({{{"name", "a.cpp"},
                                                                         {"previous_name", "b.cpp"},
                                                                         {"status", "renamed"},
                                                                         {"additions", 3},
                                                                         {"deletions", 4}}}));
  repo.commits[2] = {{"abc", "Mend it", {"Amy", "amy@x.test"}, {"Bob", "bob@x.test"}}};
  EXPECT_EQ(answer(*run, "list_pr_commits", on(2))["commits"],
            Json::array({{{"sha", "abc"},
                          {"message", "Mend it"},
                          {"author", {{"name", "Amy"}, {"email", "amy@x.test"}}},
                          {"committer", {{"name", "Bob"}, {"email", "bob@x.test"}}}}}));
  const Json review = answer(*run, "list_reviews", on(2))["reviews"].at(0);
  EXPECT_EQ(review["state"], "APPROVED");
  EXPECT_EQ(review["official"], true);
  EXPECT_EQ(review["submitted_at"], Json());
  const Json sum = answer(*run, "combined_status", {{"repo", "org/app"}, {"ref", "main"}});
  EXPECT_EQ(sum["state"], "pending");
  EXPECT_EQ(sum["statuses"][1]["description"], "soon");
}

class Teams : public ForgeBench {
 protected:
  Teams() {
    gitea_.teams["org"] = {{4, "Core"}};
    gitea_.teams["other"] = {{5, "Secret"}};
    gitea_.team_members = {{4, {"amy", "bob"}}, {5, {"eve"}}};
  }
  Result<Json> list(const std::string& glob, const Json& owner = "org") {
    return call(*open({{"gitea.read", {glob}}}), "gitea/1.list_teams", {{"owner", owner}});
  }
};

TEST_F(Teams, AreToldToWhoMayReadAnythingOfTheirOrganisation) {
  for (const char* glob : {"org/*", "org/app", "o*/app", "*"})
    EXPECT_EQ(list(glob).value(), (Json{{"teams", {{{"id", 4}, {"name", "Core"}}}}})) << glob;
  for (const char* glob : {"other/*", "organic/app", "or/app"})
    EXPECT_EQ(list(glob).error().code(), Code::not_granted) << glob;
  EXPECT_THAT(list("other/app").error().next_step(), HasSubstr("gitea.read: [\"org/*\"]"));
}

TEST_F(Teams, OwnersThatAreNoneAreRefused) {
  for (const Json& owner : std::initializer_list<Json>{"org/app", "..", "", 7, nullptr})
    EXPECT_EQ(list("*", owner).error().code(), Code::usage) << owner;
  EXPECT_EQ(gitea_.calls, 0u);
}

TEST_F(Teams, MembersAreFoundByTheTeamsNameWithinItsOrganisation) {
  const auto run = reader();
  const auto of = [&](const Json& team) {
    return call(*run, "gitea/1.list_team_members", {{"owner", "org"}, {"team", team}});
  };
  EXPECT_EQ(of("Core").value(), (Json{{"members", {"amy", "bob"}}}));
  EXPECT_EQ(of("core").value(), (Json{{"members", {"amy", "bob"}}}));
  EXPECT_EQ(of("Secret").error().code(), Code::not_found);
  EXPECT_EQ(of(5).error().code(), Code::usage);
  EXPECT_EQ(call(*run, "gitea/1.list_team_members", {{"owner", "other"}, {"team", "Secret"}})
                .error()
                .code(),
            Code::not_granted);
  gitea_.fail_next(Error(Code::denied, "not a member"));
  EXPECT_EQ(of("Core").error().code(), Code::denied);
}

}  // namespace
}  // namespace host
