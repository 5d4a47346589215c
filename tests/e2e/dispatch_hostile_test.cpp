// SPDX-License-Identifier: Apache-2.0
//
// Agents that do not do what they should: each ends as it ought to, with as many pull requests as
// it has earned, the host goes on, and nothing of it is left (TearDown of the bench).
#include <gmock/gmock.h>

#include "e2e/dispatch_bench.hpp"

namespace host::faults {
namespace {

namespace fs = std::filesystem;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

struct BadAgent {
  const char* name;
  const char* script;
  const char* limits;  // of the playbook
  const char* reason;  // why its item fails
};

std::ostream& operator<<(std::ostream& out, const BadAgent& agent) { return out << agent.name; }

class BadAgentTest : public DispatchBench, public ::testing::WithParamInterface<BadAgent> {};

TEST_P(BadAgentTest, FailsForAReasonAndOpensNothing) {
  const auto& bad = GetParam();
  playbook_is(bad.limits);
  agent_is(bad.script);
  expect_end("failed", bad.reason);
  EXPECT_THAT(pulls(), IsEmpty());
  EXPECT_THAT(branches(), IsEmpty());
  EXPECT_TRUE(eventually([&] { return forge_texts().find(bad.reason) != std::string::npos; }))
      << "the issue's people are not told: " << forge_texts();
}

INSTANTIATE_TEST_SUITE_P(
    Agents, BadAgentTest,
    ::testing::Values(
        BadAgent{"DoesNothing", "exit 0\n", kUsualLimits, "it committed nothing"},
        BadAgent{"LoopsInSilence", "while :; do sleep 0.05; done\n",
                 "attempts: 1, tokens: 1000, wall: 1m, stall: 1s", "for 1s it printed nothing"},
        BadAgent{"LoopsAndTalks", "while :; do echo still at it; sleep 0.05; done\n",
                 "attempts: 1, tokens: 1000, wall: 2s, stall: 1s", "2s"},
        BadAgent{"Crashes", "kill -SEGV $$\n", kUsualLimits, "SIGSEGV"},
        BadAgent{"FillsTheDisk",
                 "i=0; while [ $i -lt 80 ]; do\n"
                 "head -c 1048576 /dev/zero > \"fill $i\"; i=$((i+1)); done; sleep 60\n",
                 "attempts: 1, tokens: 1000, wall: 1m, stall: 50s, disk: 64MiB",
                 "of 64 MiB at most"},
        // Each has less than the limit; all together have more.
        BadAgent{"EatsMemory",
                 "for i in 1 2 3 4 5; do\n"
                 "{ head -c 40000000 /dev/zero; sleep 60; } | tail -c 50000000 &\n"
                 "done; wait\n",
                 "attempts: 1, tokens: 1000, wall: 1m, stall: 50s, memory: 120MiB", "of 120"},
        BadAgent{"TakesItsRepositoryApart", "rm -rf .git\n", kUsualLimits, "attempt 2 of 2"},
        BadAgent{"LeavesPipesWhereGitHasFiles",
                 "for file in .git/index .git/HEAD .git/refs/heads/more; do\n"
                 "rm -f \"$file\"; mkfifo \"$file\"; done\n",
                 kUsualLimits, "is no regular file, and git reads it"},
        BadAgent{"LeavesPipesWhereFilesWere",
                 "for file in main.txt .gitignore \"$TIMMY_REPORT_FILE\"; do\n"
                 "rm -f \"$file\"; mkfifo \"$file\"; done\n",
                 kUsualLimits, "it committed nothing"}),
    [](const auto& info) { return std::string(info.param.name); });

class HostileTest : public DispatchBench {
 protected:
  // A command that hides from whoever looks for descendants, in the run's own words: it has left
  // the session, knows no variable of the run's, and heeds no signal that can be ignored.
  [[nodiscard]] std::string hide() const {
    return "daemon='trap \"\" HUP INT TERM; : > \"$1\"; while :; do sleep 0.2; done'\n"
           "hide() { \"$@\" sh -c \"$daemon\" " +
           folder_.path().filename().string() +
           " \"$PWD/.git/hidden.$n\" > /dev/null 2>&1 < /dev/null & n=x$n; }\n"
           "hide env -i setsid\n"
           "hide setsid setsid\n"
           "( ( hide setsid --fork ) & )\n"
           "n=z; hide nohup\n"
           "while [ $(ls .git/hidden.* | wc -l) -lt 4 ]; do sleep 0.05; done\n"
           "echo 4 are hidden\n";
  }
};

TEST_F(HostileTest, WhatForksAndHidesEndsWithItsRun) {
  agent_mends_and(hide());
  expect_end("done", "");
  EXPECT_THAT(output(), HasSubstr("4 are hidden"));
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
}

TEST_F(HostileTest, WhatForksAndHidesEndsWithAHostThatIsKilled) {
  agent_is(hide() + "sleep 600\n");
  start_host();
  ASSERT_TRUE(eventually([&] { return output().find("hidden") != std::string::npos; })) << log();
  EXPECT_GE(left_running().size(), 5u) << "they can't be seen, so nothing would be found";
  kill();
  expect_nothing_left();
  agent_is(kFix);
  expect_end("done", "");
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
}

// 110 tokens a call, by the provider; 1,000 for all attempts.
TEST_F(HostileTest, PastItsTokensItIsRefusedAndMayHandInWhatItHas) {
  playbook_is("attempts: 2, tokens: 1000, wall: 1m, stall: 20s");
  agent_mends_and("while \"${0%/*}/ask\" \"$TMPDIR/seen\" chat; do :; done\n");
  fs::copy_file(TIMMY_METERED_CHILD, beside_agent("ask"));
  expect_end("done", "");
  EXPECT_GT(provider_.chats(), 1);
  EXPECT_LE(110 * provider_.chats(), 1000);
  EXPECT_EQ(item()["tokens"], 110 * provider_.chats());
  EXPECT_THAT(output(), HasSubstr("insufficient_quota"));
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
}

TEST_F(HostileTest, OneThatAsksOnForTokensThatItDoesNotGetIsEnded) {
  playbook_is("attempts: 2, tokens: 1000, wall: 1m, stall: 1s");
  agent_is("while :; do \"${0%/*}/ask\" \"$TMPDIR/seen\" chat; sleep 0.1; done\n");
  fs::copy_file(TIMMY_METERED_CHILD, beside_agent("ask"));
  expect_end("failed", "got no tokens");
  EXPECT_LE(110 * provider_.chats(), 1000);
  EXPECT_EQ(item()["tokens"], 110 * provider_.chats());
  EXPECT_THAT(pulls(), IsEmpty());
}

// So many and no more, since not every machine's kernel would keep a fork bomb small
// (host/runs/runner_bound_test.cpp lights one where it does).
TEST_F(HostileTest, OneThatStartsMoreProcessesThanItMayIsEnded) {
  playbook_is("attempts: 1, tokens: 1000, wall: 20s, stall: 15s, processes: 40");
  agent_is("i=0; while [ $i -lt 120 ]; do setsid sleep 60 & i=$((i+1)); done; sleep 60\n");
  expect_end("failed", "attempt 1 of 1");
  // Where the kernel keeps to the limit itself, the agent's own shell can't fork.
  EXPECT_THAT(to_text(item()["reason"]), AnyOf(HasSubstr("of 40 at most"), HasSubstr("status 2")));
  EXPECT_THAT(pulls(), IsEmpty());
}

// The host's own files, by their names, and what it reads of the agent's as links to them.
TEST_F(HostileTest, WhatItWritesOutsideOfItsCloneIsNotThere) {
  const std::vector<fs::path> files{paths_.host_yaml(), paths_.hermes_home / "gitea_token",
                                    paths_.playbooks() / "fixer.yaml", beside_agent("notes"),
                                    fs::path(bare()) / "HEAD"};
  put(beside_agent("notes"), "the operator's");
  std::string script = "cd / && for file in " + paths_.database().string() + " " +
                       (paths_.timmy_home / "evil").string() + " /etc/evil /usr/bin/evil";
  std::vector<std::string> before;
  for (const auto& file : files) {
    script += " " + file.string();
    before.push_back(read_file(file, 1 << 20));
  }
  script +=
      "; do\n(echo evil >> \"$file\"; chmod 777 \"$file\"; rm -f \"$file\") 2> /dev/null\n"
      "done\ncd \"$OLDPWD\"\nln -s " +
      files[1].string() + " \"$TIMMY_REPORT_FILE\"\n";
  agent_is(script + "printf 'return 0\\n' > main.txt; git commit --quiet -a -m 'Return 0'\n");
  expect_end("done", "");
  for (std::size_t i = 0; i < files.size(); ++i)
    EXPECT_EQ(read_file(files[i], 1 << 20), before[i]) << files[i];
  EXPECT_EQ(fs::status(files[1]).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  for (const auto& file :
       {paths_.timmy_home / "evil", fs::path("/etc/evil"), fs::path("/usr/bin/evil")})
    EXPECT_FALSE(fs::exists(file)) << file;
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
}

TEST_F(HostileTest, WhatIsInNoCommitCountsForNothingAndIsKept) {
  agent_is(std::string(kFix) +
           "printf 'return 1\\n' > main.txt; echo draft > draft.txt; echo staged > staged.txt\n"
           "git add staged.txt; mkdir -p .timmy; printf '#!/bin/sh\\nexit 1\\n' > .timmy/verify\n");
  expect_end("done", "");
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
  EXPECT_EQ(bare_git({"show", "timmy/issue-9:main.txt"}), "return 0\n");
  EXPECT_THAT(bare_git({"ls-tree", "-r", "--name-only", "timmy/issue-9"}), Not(HasSubstr("draft")));
  int kept = 0;
  for (const auto& entry : fs::recursive_directory_iterator(paths_.clones()))
    kept += entry.path().filename() == "draft.txt";
  EXPECT_EQ(kept, 1) << "a clone with work in it is gone";
}

// Of zeros, so that they are nothing as a bundle: small by how they come, large by what they hold.
TEST_F(HostileTest, LargeFilesThatPackWellAreRefusedByTheirSize) {
  playbook_is("attempts: 1, tokens: 1000, wall: 1m, stall: 50s");
  agent_mends_and("truncate -s 100M 'large 1'; truncate -s 20M 'large 2'\n");
  expect_end("failed", "its commits were refused");
  const auto problems = to_text(visits("track").at(0)["evidence"]["work"]["problems"]);
  EXPECT_THAT(problems, HasSubstr("large 1"));
  EXPECT_THAT(problems, HasSubstr("large 2"));
  EXPECT_THAT(pulls(), IsEmpty());
  std::uintmax_t mirror = 0;
  for (const auto& entry : fs::recursive_directory_iterator(paths_.mirrors()))
    if (entry.is_regular_file()) mirror += entry.file_size();
  EXPECT_LT(mirror, 1u << 20) << "it was taken in";
}

TEST_F(HostileTest, TwentyThousandBranchesOfItsOwnLeaveAsNone) {
  agent_is(std::string(kFix) +
           "head=$(git rev-parse HEAD)\n"
           "seq 10000 | sed \"s#.*#$head refs/heads/mine/&#\" > .git/packed-refs\n"
           "seq 10000 | sed \"s#.*#$head refs/tags/mine-&#\" >> .git/packed-refs\n"
           "echo $(git for-each-ref | wc -l) refs\n");
  expect_end("done", "");
  EXPECT_THAT(branches(), ElementsAre("timmy/issue-9"));
  EXPECT_THAT(output(), HasSubstr("20002 refs"));
  EXPECT_EQ(bare_git({"tag"}), "");
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
}

// An attempt ends in the middle of a merge; the next one finds it as it was left.
TEST_F(HostileTest, AMergeThatIsHalfDoneIsNoWorkAndKeepsNobodyFromGoingOn) {
  agent_is(
      "if [ -e .git/MERGE_HEAD ]; then grep -q '<<<<<<<' main.txt && echo it is as it was left\n"
      "git merge --abort; git reset --quiet --hard origin/main\n" +
      std::string(kFix) +
      "git merge --quiet other 2>&1; exit 0; fi\n"
      "git checkout --quiet -b other; echo 'return 2' > main.txt; git commit --quiet -a -m two\n"
      "git checkout --quiet -; echo 'return 3' > main.txt; git commit --quiet -a -m three\n"
      "git merge other; kill -SEGV $$\n");
  expect_end("done", "");
  EXPECT_EQ(item()["attempts"], 2);
  EXPECT_THAT(output("d1.2"), HasSubstr("it is as it was left"));
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
  EXPECT_EQ(bare_git({"show", "timmy/issue-9:main.txt"}), "return 0\n");
  int kept = 0;
  for (const auto& entry : fs::recursive_directory_iterator(paths_.clones()))
    kept += entry.path().filename() == "MERGE_HEAD";
  EXPECT_EQ(kept, 1) << "a clone with a merge in it is gone";
}

TEST_F(HostileTest, ItFindsNeitherTheHostsSocketsNorItsTokenNorTheForge) {
  const auto run = paths_.run.string();
  agent_mends_and(
      "for path in " + paths_.socket().string() + " " + paths_.cookie().string() + " " + run + " " +
      paths_.hermes_home.string() + " " + paths_.database().string() + " " + git_root().string() +
      "; do [ ! -e \"$path\" ] || echo \"found $path\"; done\n"
      "find / -name gitea_token -o -name '*.sock' -o -name cookie 2> /dev/null\n"
      "cat /proc/*/environ /proc/*/cmdline /proc/net/unix 2> /dev/null | tr '\\0' '\\n'\n"
      "curl -sS -m 5 --unix-socket " +
      paths_.socket().string() +
      " http://host/v1/status 2>&1\n"
      "curl -sS -m 5 " +
      forge_.url() +
      "/api/v1/version 2>&1\n"
      "git push " +
      forge_.url() +
      "/demo/app.git HEAD:refs/heads/timmy/issue-9 2>&1\n"
      "git push " +
      forge_.url() +
      "/demo/app.git HEAD:refs/heads/mine 2>&1\n"
      "curl -sS -m 5 -d '{\"head\":\"mine\",\"base\":\"main\",\"title\":\"Mine\"}' " +
      forge_.url() + "/api/v1/repos/demo/app/pulls 2>&1\n");
  expect_end("done", "");
  EXPECT_THAT(output(), Not(HasSubstr("found ")));
  EXPECT_THAT(output(), Not(HasSubstr("gitea_token")));
  EXPECT_THAT(output(), Not(HasSubstr("host.sock\n")));
  EXPECT_THAT(output(), HasSubstr("unable to access"));
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
  EXPECT_THAT(branches(), ElementsAre("timmy/issue-9"));
  forge_.with([](forge::Forge& forge) {
    // git's own have their token in another header.
    for (const auto& request : forge.requests())
      EXPECT_TRUE(request.login != "" || request.target.find(".git/") != std::string::npos)
          << request.method << " " << request.target;
    EXPECT_THAT(forge.requests("POST", "git-receive-pack"), SizeIs(1));
    EXPECT_THAT(forge.requests("POST", "/pulls"), SizeIs(1));
  });
}

TEST_F(HostileTest, WordsThatWouldCloseAnotherIssueAreSentBackAndDisarmed) {
  agent_is(
      "printf 'return 0\\n' > main.txt; git add --all\n"
      "if grep -q 'may only close\\|refused'; then\n"
      "git reset --quiet --soft origin-of-work 2> /dev/null || git reset --quiet --soft "
      "\"$(git rev-list --max-parents=0 HEAD)\"\n"
      "git commit --quiet -m 'Return 0'\n"
      "printf 'Closes #99, fixes demo/app#5.\\n' > \"$TIMMY_REPORT_FILE\"\n"
      "else git commit --quiet -m 'Return 0, closes #99'; fi\n");
  expect_end("done", "");
  EXPECT_EQ(item()["attempts"], 2);
  EXPECT_THAT(visits("track").at(0)["verdict"], "sent back");
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
  EXPECT_THAT(bare_git({"log", "--format=%B", "timmy/issue-9"}), Not(HasSubstr("#99")));
  EXPECT_THAT(forge_texts(), Not(HasSubstr("loses #99")));
  EXPECT_THAT(forge_texts(), Not(HasSubstr("fixes demo/app#5")));
}

// Each leads to a program that says when it runs outside of the cage, where alone it can.
class GitAttackTest : public HostileTest {
 protected:
  void SetUp() override {
    HostileTest::SetUp();
    put(beside_agent("canary"), "#!/bin/sh\nenv > '" + escaped().string() + "'\n", 0755);
  }
  void TearDown() override {
    HostileTest::TearDown();
    EXPECT_FALSE(fs::exists(escaped())) << "what an agent left was run outside of its cage";
  }
  [[nodiscard]] fs::path escaped() const { return folder_ / "escaped"; }
  [[nodiscard]] std::string canary() const { return beside_agent("canary").string(); }
};

TEST_F(GitAttackTest, ProgramsThatItsConfigurationNamesRunNowhereElse) {
  agent_is(
      std::string(kFix) + "canary=" + canary() +
      "\nfor hook in applypatch-msg pre-commit post-checkout post-merge pre-push post-index-change"
      " pre-auto-gc reference-transaction post-rewrite fsmonitor-watchman push-to-checkout; do\n"
      "ln -s $canary .git/hooks/$hook; done\n"
      "for key in core.fsmonitor core.sshCommand core.pager core.editor core.askPass "
      "core.gitProxy core.alternateRefsCommand credential.helper diff.external "
      "filter.evil.clean filter.evil.smudge filter.evil.process gpg.program sequence.editor "
      "uploadpack.packObjectsHook merge.evil.driver diff.evil.textconv; do\n"
      "git config $key $canary; done\n"
      "git config core.hooksPath .git/hooks\n"
      "git config core.worktree " +
      folder_.path().string() +
      "\n"
      "git config include.path " +
      paths_.hermes_home.string() +
      "/gitea_token\n"
      "git config url.ext::$canary.insteadOf " +
      forge_.url() +
      "\n"
      "git config protocol.ext.allow always\n"
      "echo " +
      bare() +
      "/objects > .git/objects/info/alternates\n"
      "printf '* filter=evil diff=evil merge=evil\\n' > .git/info/attributes\n");
  start_host();
  ASSERT_TRUE(eventually([&] {
    const Json now = item();
    return now.is_object() && !now["ended"].is_null();
  })) << to_text(item())
      << log();
  // Whether the cage's own git still gives its commits away is the agent's affair.
  EXPECT_LE(pulls().size(), 1u);
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
}

TEST_F(GitAttackTest, AttributesThatAreCommittedRunNothing) {
  agent_is("canary=" + canary() +
           "\nprintf '* filter=evil diff=evil merge=evil\\n' > .gitattributes\n" + kFix +
           "for key in filter.evil.clean filter.evil.smudge diff.evil.textconv; do\n"
           "git config $key $canary; done\n");
  expect_end("done", "");
  EXPECT_THAT(pulls(), ElementsAre("timmy/issue-9"));
  EXPECT_EQ(bare_git({"show", "timmy/issue-9:main.txt"}), "return 0\n");
}

TEST_F(GitAttackTest, ATreeThatWouldLeadElsewhereIsRefusedAsAWhole) {
  playbook_is("attempts: 1, tokens: 1000, wall: 1m, stall: 20s");
  agent_is("ln -s " + (paths_.hermes_home / "gitea_token").string() + " leak\n" +
           "ln -s ../../../../etc out\n"
           "echo x > ./--upload-pack=evil\n"
           "mkdir -p .gitea/workflows; echo 'on: push' > .gitea/workflows/ci.yaml\n"
           "printf '[submodule \"s\"]\\n\\tpath = s\\n\\turl = ext::evil\\n' > .gitmodules\n"
           "git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),s\n" +
           kFix);
  expect_end("failed", "its commits were refused");
  EXPECT_THAT(pulls(), IsEmpty());
  EXPECT_THAT(branches(), IsEmpty());
  const auto problems = to_text(visits("track").at(0)["evidence"]["work"]["problems"]);
  for (const char* path : {"leak", "out", "--upload-pack=evil", ".gitea/workflows", ".gitmodules"})
    EXPECT_THAT(problems, HasSubstr(path));
}

}  // namespace
}  // namespace host::faults
