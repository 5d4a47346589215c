// SPDX-License-Identifier: Apache-2.0
//
// timmy-host gitea, and what --doctor says of a token's scopes, without a running host, against a
// forge that answers.
#include <gmock/gmock.h>

#include <cstdlib>
#include <sstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "cli/command.hpp"
#include "faults/fault_bench.hpp"
#include "forge/sample.hpp"

namespace host::faults {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class GiteaCommandsTest : public FaultBench {
 protected:
  GiteaCommandsTest() {
    ::setenv("TIMMY_HOME", paths_.timmy_home.c_str(), 1);
    ::setenv("HERMES_HOME", paths_.hermes_home.c_str(), 1);
    forge_.with([](forge::Forge& forge) {
      auto& repo = *forge.state.repo(forge::kSampleRepo);
      forge.state.add_commit(repo, "main", "a", "a");
      for (const auto* branch : {"fix", "wip"})
        forge.state.add_commit(repo, branch, branch, "b", "main");
      auto& pull = forge.state.add_pull(repo, "ada", "Mend \x1b[31mit", "fix", "main");
      const auto sha = forge::ForgeState::head_of(repo, pull);
      pull.reviews.push_back(
          {.id = 900, .login = "grace", .state = "APPROVED", .commit = sha, .official = true});
      repo.statuses[sha].push_back({.id = 901, .login = "ci", .context = "ci", .state = "failure"});
      forge.state.add_pull(repo, "linus", "WIP: later", "wip", "main");
    });
  }

  int run(const std::vector<std::string>& arguments) {
    std::ostringstream out, err;
    const int status = cli::main(arguments, out, err);
    out_ = out.str(), err_ = err.str();
    EXPECT_THAT(out_ + err_, Not(HasSubstr(kToken)));
    return status;
  }
  Json json(std::vector<std::string> arguments) {
    arguments.emplace_back("--json");
    EXPECT_EQ(run(arguments), 0) << err_;
    return parse_json(out_, "what the command printed");
  }
  void set_scopes(const std::vector<std::string>& scopes) {
    forge_.with([&](forge::Forge& forge) { forge.state.tokens.at(kToken).scopes = scopes; });
  }

  std::string out_;
  std::string err_;
};

TEST_F(GiteaCommandsTest, PullRequestsAreShownWithChecksAndReviews) {
  EXPECT_EQ(run({"gitea", "prs"}), 0) << err_;
  EXPECT_THAT(
      out_, AllOf(ContainsRegex("PR +TITLE +AUTHOR +BRANCHES +MERGE +CHECKS +REVIEWS +AGE"),
                  ContainsRegex("demo/app#9 +Mend \\?\\[31mit +ada +main<-fix +yes +failure "
                                "+1 approved +0m"),
                  ContainsRegex("demo/app#10 +WIP: later +linus +main<-wip +draft +- +- "),
                  HasSubstr("2 pull requests in 2 repositories: 2 open"), Not(HasSubstr("\x1b"))));
  const Json all = json({"gitea", "prs", "demo/app", "--author", "ada"});
  ASSERT_EQ(all["prs"].size(), 1u);
  EXPECT_EQ(all["prs"][0]["checks"], "failure");
  EXPECT_EQ(all["prs"][0]["reviews"]["approved"], Json({"grace"}));
  EXPECT_EQ(all["failed"], Json::array());
}

TEST_F(GiteaCommandsTest, IssuesAreFilteredCountedAndCut) {
  EXPECT_EQ(run({"gitea", "issues", "demo/*", "--limit", "3"}), 0) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("demo/app#8"), HasSubstr("7 more are not shown"),
                          HasSubstr("10 issues in 2 repositories"),
                          HasSubstr("labels: documentation 1, good first issue 1, without 8\n")));
  const Json some = json({"gitea", "issues", "--owner", "demo", "--label", "good first issue"});
  ASSERT_EQ(some["issues"].size(), 1u);
  EXPECT_EQ(some["issues"][0]["number"], 8);
  EXPECT_EQ(some["counts"]["open"], 1);
}

TEST_F(GiteaCommandsTest, APlaybookIsChosenForAnIssueOfTheForge) {
  const Json triage{{"enabled", true}, {"repositories", Json::array({"demo/*"})}};
  write_config({{"defaults", {{"playbooks", {{"triage", triage}}}}}});
  EXPECT_EQ(run({"playbooks", "explain", "demo/app", "8"}), 1) << err_;
  EXPECT_THAT(out_, AllOf(HasSubstr("demo/app#8 \"Feature: dark mode\": open issue"),
                          ContainsRegex("triage +skipped +label needs-triage missing")));
  EXPECT_EQ(run({"playbooks", "explain", "demo/app", "9"}), 1) << err_;
  EXPECT_THAT(out_, HasSubstr("a pull request, and it takes issues"));
  EXPECT_EQ(run({"playbooks", "explain", "demo/app", "99"}), 66);
}

TEST_F(GiteaCommandsTest, LabelsThatAreMissingOrDifferAreFound) {
  forge_.with([](forge::Forge& forge) {
    forge.state.add_label(*forge.state.repo("demo/site"), "blocked");
    forge.state.repo("demo/site")->labels.front().color = "123456";
  });
  EXPECT_EQ(run({"gitea", "labels"}), 0) << err_;
  EXPECT_THAT(out_, AllOf(ContainsRegex("demo +blocked +#ededed +0 +1 +app +-"),
                          ContainsRegex("demo +bug +#d73a4a +0 +2 +- +site \\(#123456\\)"),
                          ContainsRegex("demo +documentation +#0075ca +1 +2 +- +-")));
}

TEST_F(GiteaCommandsTest, OneRepositoryThatFailsIsALineAndTheStatusOne) {
  EXPECT_EQ(run({"gitea", "issues", "demo/app", "demo/nope"}), 1);
  EXPECT_THAT(out_, HasSubstr("8 issues in 1 repository"));
  EXPECT_THAT(err_, HasSubstr("timmy-host: listing the issues of demo/nope: 404"));
  EXPECT_EQ(run({"gitea", "issues", "demo/nope"}), exit_status(Code::not_found));
  EXPECT_THAT(out_, IsEmpty());
  EXPECT_EQ(run({"gitea", "issues", "demo/app", "--state", "opne"}), 64);
  EXPECT_EQ(run({"gitea", "issues", "--limit", "-1"}), 64);
}

TEST_F(GiteaCommandsTest, WithoutAForgeOrATokenThatMayBeUsedItSaysSoOnce) {
  std::filesystem::permissions(paths_.hermes_home / "gitea_token", std::filesystem::perms(0644));
  EXPECT_EQ(run({"gitea", "prs", "demo/app", "demo/site"}), exit_status(Code::denied));
  EXPECT_THAT(err_, HasSubstr("chmod 600"));
  write_config({{"defaults", {{"gitea", nullptr}}}});
  EXPECT_EQ(run({"gitea", "prs"}), 64);
  EXPECT_THAT(err_, HasSubstr("Set gitea.url in host.yaml"));
}

TEST_F(GiteaCommandsTest, HelpShowsExamplesAndOptions) {
  EXPECT_EQ(run({"gitea", "prs", "--help"}), 0);
  EXPECT_THAT(out_, AllOf(HasSubstr("Usage: timmy-host gitea prs [REPO ...]"), HasSubstr("--state"),
                          HasSubstr("--assignee"), HasSubstr("Examples:")));
  EXPECT_EQ(run({"gitea"}), 64);
  EXPECT_THAT(err_, HasSubstr("gitea prs, gitea issues, gitea labels"));
}

TEST_F(GiteaCommandsTest, ACredentialOfSystemdComesBeforeAnyOtherTokenFile) {
  const auto folder = folder_ / "credentials";
  make_directories(folder, 0700);
  write_atomically(folder / "gitea_token", std::string(kToken) + "\n", 0400);
  write_atomically(paths_.hermes_home / "gitea_token", "another-token\n", 0600);
  EXPECT_EQ(run({"gitea", "issues", "demo/app"}), exit_status(Code::denied));
  ::setenv("CREDENTIALS_DIRECTORY", folder.c_str(), 1);
  EXPECT_EQ(run({"gitea", "issues", "demo/app"}), 0) << err_;
  run({"doctor"});
  EXPECT_THAT(out_, HasSubstr("ok  gitea token: " + (folder / "gitea_token").string()));
  ::unsetenv("CREDENTIALS_DIRECTORY");
  start({{"CREDENTIALS_DIRECTORY", folder.string()}});
  EXPECT_EQ(wait_for(enqueue("gitea_issue_triage"))["state"], "completed");
  stop();
}

// ---- --doctor

TEST_F(GiteaCommandsTest, DoctorNamesEachScopeThatAPluginLacksWithTheCalls) {
  EXPECT_EQ(run({"doctor", "--plugin-dir", TIMMY_ECHO_DIR}), 0) << out_;
  EXPECT_THAT(out_, HasSubstr("ok  gitea scopes: the token has read:issue, "));

  set_scopes({"read:issue", "read:repository", "read:user", "read:organization"});
  EXPECT_EQ(run({"doctor", "--plugin-dir", TIMMY_ECHO_DIR}), 1);
  EXPECT_THAT(out_,
              AllOf(HasSubstr("fail  plugin triage: the token lacks the scope write:issue, without "
                              "which gitea/1.add_assignees, add_labels, "),
                    HasSubstr("fail  plugin triage: the token lacks the scope write:repository, "
                              "without which gitea/1.create_review, set_status would fail"),
                    HasSubstr("and write it to " + (paths_.hermes_home / "gitea_token").string()),
                    Not(HasSubstr("plugin echo: the token")), Not(HasSubstr("ok  gitea scopes"))));
}

TEST_F(GiteaCommandsTest, DoctorKnowsWhatADryRunAndAnUnusedTeamNeedNot) {
  set_scopes({"read:issue", "read:repository", "read:user"});
  write_config({{"defaults", {{"dry_run", true}}}});
  EXPECT_EQ(run({"doctor", "--plugin-dir", TIMMY_ECHO_DIR}), 0) << out_;
  EXPECT_THAT(out_, AllOf(HasSubstr("warn  plugin triage: the token lacks the scope "
                                    "read:organization, without which gitea/1.list_team_members, "
                                    "list_teams would fail, and list_labels leaves out the "
                                    "organisation's labels"),
                          Not(HasSubstr("write:issue"))));
}

TEST_F(GiteaCommandsTest, DoctorGoesOnWhereTheTokenMayNotTellWhoItIs) {
  set_scopes({"write:issue", "write:repository"});
  EXPECT_EQ(run({"doctor", "--plugin-dir", TIMMY_ECHO_DIR}), 1);
  EXPECT_THAT(out_, AllOf(HasSubstr("fail  gitea: asking who the token belongs to: 403"),
                          HasSubstr("fail  plugin triage: the token lacks the scope read:user"),
                          HasSubstr("create_comment"), Not(HasSubstr("write:issue, without"))));
}

TEST_F(GiteaCommandsTest, DoctorSaysWhereTheScopesCantBeKnown) {
  forge_.with([](forge::Forge& forge) {
    forge.faults.add(forge::Fault::status(502).on("GET", "/token").repeat(5));
  });
  EXPECT_EQ(run({"doctor", "--plugin-dir", TIMMY_ECHO_DIR}), 0) << out_;
  EXPECT_THAT(out_, AllOf(HasSubstr("ok  gitea: "),
                          HasSubstr("warn  gitea scopes: it can't be known what the token may be "
                                    "used for: asking what the token may be used for: 502"),
                          Not(HasSubstr("the token lacks"))));
}

}  // namespace
}  // namespace host::faults
