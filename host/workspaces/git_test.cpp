// SPDX-License-Identifier: Apache-2.0
#include "workspaces/git.hpp"

#include <stdlib.h>

#include "workspaces/git_fixture.hpp"

namespace host::workspaces {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// A "git" that is a script.
fs::path script(const TestFolder& folder, const std::string& text) {
  const auto path = folder / "fake-git";
  put(path, "#!/bin/sh\n" + text + "\n");
  fs::permissions(path, fs::perms::owner_all);
  return path;
}

Git fake(const TestFolder& folder, const std::string& text) {
  return Git({.program = script(folder, text), .home = folder / "home"});
}

TEST(Git, AnOldOrStrangeOrMissingGitIsRefusedWithWhatToDo) {
  const TestFolder folder;
  for (const char* says : {"git version 2.38.9", "git version 1.99.0", "gitea 1.22", ""}) {
    const auto error = error_of([&] { return fake(folder, std::string("echo ") + says); });
    EXPECT_EQ(error->code(), Code::unsupported) << says;
    EXPECT_THAT(error->next_step(), HasSubstr("2.39")) << says;
  }
  EXPECT_EQ(error_of([&] { return Git({.program = "/no/git", .home = folder / "home"}); })->code(),
            Code::unsupported);
  for (const char* says : {"git version 2.39.0", "git version 2.51.1.windows", "git version 3.0"})
    EXPECT_NO_THROW(fake(folder, std::string("echo ") + says)) << says;
}

TEST(Git, PassesNothingOfTheHostsEnvironment) {
  const TestFolder folder;
  ::setenv("GIT_SSH_COMMAND", "evil", 1);
  ::setenv("GITEA_TOKEN", "of-the-host", 1);
  const auto git = fake(folder, "case \"$*\" in *version) echo git version 2.39.5;; *) env;; esac");
  const auto seen = git.run({.arguments = {"x"}}).output;
  ::unsetenv("GIT_SSH_COMMAND");
  ::unsetenv("GITEA_TOKEN");
  EXPECT_THAT(seen, Not(HasSubstr("of-the-host")));
  EXPECT_THAT(seen, Not(HasSubstr("evil")));
  EXPECT_THAT(seen, HasSubstr("GIT_CONFIG_NOSYSTEM=1"));
  EXPECT_THAT(seen, HasSubstr("GIT_CONFIG_GLOBAL=/dev/null"));
  EXPECT_THAT(seen, HasSubstr("GIT_TERMINAL_PROMPT=0"));
  EXPECT_THAT(seen, HasSubstr("LC_ALL=C"));
  EXPECT_THAT(seen, HasSubstr("GIT_DEFAULT_HASH=sha1"));
  EXPECT_THAT(seen, HasSubstr("GIT_DEFAULT_REF_FORMAT=files"));
}

// As the host's own client of HTTP: beyond this machine by the proxy, to this machine never.
TEST(Git, GoesThroughTheProxyToForgesBeyondThisMachineAlone) {
  const TestFolder folder;
  const auto path =
      script(folder, "case \"$*\" in *version) echo git version 2.39.5;; *) env;; esac");
  const Git git({.program = path,
                 .home = folder / "home",
                 .proxy = {{"https_proxy", "http://proxy.lan:3128"}}});
  const Mirror mirror = [&] {
    put(folder / "mirror" / "git" / "HEAD", "x");
    fs::permissions(folder / "mirror", fs::perms::owner_all);
    return Mirror(git, folder / "mirror");
  }();
  const auto seen = [&](const std::string& url) {
    const GitRemote remote{.repository = "org/app", .url = url, .allow_plaintext = true};
    return git.run(mirror.remote_command({"fetch"}, remote, nullptr)).output;
  };
  EXPECT_THAT(seen("https://git.example.org/org/app.git"),
              HasSubstr("https_proxy=http://proxy.lan:3128\n"));
  EXPECT_THAT(seen("https://127.0.0.1/org/app.git"), Not(HasSubstr("proxy")));
  EXPECT_THAT(git.run({.arguments = {"x"}}).output, Not(HasSubstr("proxy")));
}

TEST(Git, BoundsOutputAndTime) {
  const TestFolder folder;
  const auto git = fake(folder,
                        "case \"$*\" in *version) echo git version 2.39.5;; *flood) yes;; "
                        "*hang) sleep 1000;; *die) kill -9 $$;; esac");
  EXPECT_EQ(
      error_of([&] { return git.run({.arguments = {"flood"}, .most_output = 9999}); })->code(),
      Code::too_large);
  EXPECT_EQ(error_of([&] { return git.run({.arguments = {"hang"}, .limit = 200ms}); })->code(),
            Code::timed_out);
  EXPECT_EQ(error_of([&] { return git.run({.arguments = {"die"}}); })->code(), Code::io);
}

class RealGit : public GitTest {};

// Each is a way in which git, asked by the host for its own repository, could be made to run
// something by what lies about.
TEST_F(RealGit, RunsNothingThatAConfigurationNames) {
  const auto repo = folder_ / "repo";
  plain_git("/", {"init", "--quiet", "--bare", repo.string()});
  const auto program = canary().string();
  for (const char* key : {"core.fsmonitor", "core.sshCommand", "core.askPass", "core.pager",
                          "core.editor", "credential.helper", "diff.external", "pager.log"})
    plain_git(repo, {"config", key, program});
  plain_git(repo, {"config", "core.hooksPath", (folder_ / "hooks").string()});
  put(folder_ / "hooks" / "reference-transaction", read_file(canary(), 4096));
  fs::permissions(folder_ / "hooks" / "reference-transaction", fs::perms::owner_all);
  put(folder_ / "home" / ".gitconfig", "[core]\n\tpager = " + program + "\n");

  auto tree = GitCommand{.arguments = {"hash-object", "-w", "-t", "tree", "/dev/null"}};
  tree.git_dir = repo;
  const auto id = git_->must(tree, "writing a tree");
  auto commit = GitCommand{.arguments = {"commit-tree", "-m", "x", id.substr(0, 40)}};
  commit.git_dir = repo;
  commit.environment = {{"GIT_AUTHOR_NAME", "A"},
                        {"GIT_AUTHOR_EMAIL", "a@b"},
                        {"GIT_COMMITTER_NAME", "A"},
                        {"GIT_COMMITTER_EMAIL", "a@b"}};
  const auto made = git_->must(commit, "committing");
  auto update = GitCommand{.arguments = {"update-ref", "refs/heads/x", made.substr(0, 40)}};
  update.git_dir = repo;
  (void)git_->must(update, "moving a ref");
  auto log = GitCommand{.arguments = {"log", "-p", "refs/heads/x"}};
  log.git_dir = repo;
  EXPECT_THAT(git_->must(log, "reading a log"), HasSubstr(made.substr(0, 40)));
  auto ask = GitCommand{.arguments = {"ls-remote", "https://127.0.0.1:1/x"}};
  ask.git_dir = repo;
  ask.protocol = GitProtocol::https;
  EXPECT_NE(git_->run(ask).status, 0);
  EXPECT_THAT(what_ran(), IsEmpty());
  plain_git(repo, {"update-ref", "refs/heads/y", made.substr(0, 40)});
  EXPECT_THAT(what_ran(), HasSubstr("reference-transaction")) << "the canary is a living one";
}

TEST_F(RealGit, ReachesOtherRepositoriesOnlyByTheProtocolThatIsNamed) {
  const auto repo = folder_ / "repo";
  plain_git("/", {"init", "--quiet", "--bare", repo.string()});
  for (const auto& url : {"ext::" + canary().string(), std::string("ssh://x/y"),
                          "file://" + repo.string(), repo.string()})
    for (const auto protocol : {GitProtocol::none, GitProtocol::https}) {
      auto ask = GitCommand{.arguments = {"ls-remote", url}};
      ask.protocol = protocol;
      const auto ending = git_->run(ask);
      EXPECT_NE(ending.status, 0) << url;
      EXPECT_THAT(ending.errors, HasSubstr("not allowed")) << url;
    }
  EXPECT_THAT(what_ran(), IsEmpty());
  auto ask = GitCommand{.arguments = {"ls-remote", repo.string()}};
  ask.protocol = GitProtocol::file;
  EXPECT_EQ(git_->run(ask).status, 0);
}

TEST_F(RealGit, ReplacementsOfObjectsDoNotCount) {
  const auto repo = folder_ / "repo";
  plain_git("/", {"init", "--quiet", repo.string()});
  const auto one = plain_git(repo, {"hash-object", "-w", "--stdin"}, "one").substr(0, 40);
  const auto two = plain_git(repo, {"hash-object", "-w", "--stdin"}, "two").substr(0, 40);
  plain_git(repo, {"replace", one, two});
  ASSERT_EQ(plain_git(repo, {"cat-file", "-p", one}), "two");
  auto read = GitCommand{.arguments = {"cat-file", "-p", one}};
  read.git_dir = repo / ".git";
  EXPECT_EQ(git_->must(read, "reading"), "one");
}

TEST(GitUrl, HasServerAndPathAlone) {
  EXPECT_EQ(check_git_url("https://git.example.org/org/app.git", false), "https");
  EXPECT_EQ(check_git_url("http://127.0.0.1:3000/org/app.git", false), "http");
  EXPECT_EQ(check_git_url("http://git.lan/org/app.git", true), "http");
  for (const char* url :
       {"http://git.lan/org/app.git", "https://me:pw@git.lan/org/app.git", "https://git.lan/x?y",
        "https://git.lan/x#y", "ssh://git.lan/x", "file:///etc", "ext::sh", "/etc",
        "--upload-pack=x", "https://git.lan/\"]\n[core]"})
    EXPECT_THROW(check_git_url(url, false), Error) << url;
}

TEST_F(RealGit, ACredentialGoesByADescriptorAndForItsUrlAlone) {
  const std::string url = "https://git.example.org/org/app.git";
  const GitCredential credential(url, Secret(std::string(kToken)));
  const auto header_for = [&](const std::string& of) {
    auto ask = GitCommand{.arguments = {"config", "--get-urlmatch", "http.extraHeader", of}};
    ask.credential = &credential;
    return git_->run(ask).output;
  };
  EXPECT_THAT(header_for(url), HasSubstr("Authorization: Basic "));
  EXPECT_THAT(header_for(url + "/info/refs"), HasSubstr("Authorization: Basic "));
  EXPECT_THAT(header_for("https://git.example.org/org/other.git"), Not(HasSubstr("Basic")));
  EXPECT_THAT(header_for("https://evil.example.org/org/app.git"), Not(HasSubstr("Basic")));
  EXPECT_THAT(credential.scrub("it is " + std::string(kToken)), Not(HasSubstr(kToken)));
  EXPECT_THROW(GitCredential("https://x/\"]\n[core]\n", Secret("t")), Error);
}

}  // namespace
}  // namespace host::workspaces
