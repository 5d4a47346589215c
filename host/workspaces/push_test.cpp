// SPDX-License-Identifier: Apache-2.0
#include "workspaces/push.hpp"

#include <atomic>

#include "workspaces/git_fixture.hpp"

namespace host::workspaces {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Kind = PushResult::Kind;
using namespace std::chrono_literals;

class PushTest : public ForgeTest {
 protected:
  void SetUp() override {
    ForgeTest::SetUp();
    if (IsSkipped()) return;
    fetch();
    clone_.emplace(make_clone());
    head_.emplace(work("fix"));
  }
  // One more commit of the agent's, imported.
  ObjectId work(const std::string& file) {
    put(clone_->tree() / file, "x");
    agent_commits(*clone_);
    EXPECT_TRUE(bundle(*clone_));
    return take_in(*clone_).head;
  }
  void forge_hook(const char* name, const std::string& script) {
    put(forge_repo() / "hooks" / name, "#!/bin/sh\n" + script + "\n");
    fs::permissions(forge_repo() / "hooks" / name, fs::perms::owner_all);
  }
  [[nodiscard]] std::string branch() const { return branch_of(item()); }

  std::optional<Clone> clone_;
  std::optional<ObjectId> head_;
};

TEST_F(PushTest, PutsTheWorkOntoItsBranchAndNothingElse) {
  EXPECT_EQ(push_head(*head_).kind, Kind::pushed);
  EXPECT_EQ(at_forge(branch()), head_);
  EXPECT_EQ(plain_git(forge_repo(), {"for-each-ref", "--format=%(refname)"}),
            "refs/heads/main\nrefs/heads/timmy/issue-12\n");
}

TEST_F(PushTest, AgainItSaysThatItIsThere) {
  (void)push_head(*head_);
  EXPECT_EQ(push_head(*head_).kind, Kind::already_there) << "the first answer may have been lost";
}

TEST_F(PushTest, ALaterAttemptReplacesTheEarlier) {
  (void)push_head(*head_);
  plain_git(clone_->tree(), {"reset", "--quiet", "--hard", "HEAD^"});
  const auto other = work("better");
  EXPECT_EQ(push_head(other, head_).kind, Kind::pushed);
  EXPECT_EQ(at_forge(branch()), other);
}

TEST_F(PushTest, ABranchThatAPersonMovedStaysAsItIs) {
  (void)push_head(*head_);
  plain_git(person(), {"fetch", "--quiet", forge_repo().string(), branch()});
  plain_git(person(), {"reset", "--quiet", "--hard", "FETCH_HEAD"});
  const auto theirs = person_commits("a person's own", branch());
  const auto next = work("next");
  EXPECT_EQ(push_head(next, head_).kind, Kind::moved);
  EXPECT_EQ(at_forge(branch()), theirs);
  EXPECT_EQ(mirror_->work_head(branch()), next) << "the work is kept";
}

TEST_F(PushTest, ABranchThatShouldNotBeThereIsMoved) {
  const auto theirs = person_commits("squatting", branch());
  EXPECT_EQ(push_head(*head_).kind, Kind::moved);
  EXPECT_EQ(at_forge(branch()), theirs);
}

TEST_F(PushTest, ABranchThatIsGoneIsMoved) {
  (void)push_head(*head_);
  plain_git(forge_repo(), {"branch", "-D", branch()});
  EXPECT_EQ(push_head(work("next"), head_).kind, Kind::moved);
}

TEST_F(PushTest, WhatTheForgeRefusesIsToldInItsWords) {
  forge_hook("pre-receive", "printf 'protected \\033[2Jbranch\\n' >&2; exit 1");
  const auto refused = push_head(*head_);
  EXPECT_EQ(refused.kind, Kind::refused);
  EXPECT_THAT(refused.text, HasSubstr("pre-receive hook declined"));
  EXPECT_THAT(refused.text, HasSubstr("protected [2Jbranch"));
  EXPECT_EQ(refused.text.find('\x1b'), std::string::npos);
  EXPECT_EQ(at_forge(branch()), std::nullopt);
}

TEST_F(PushTest, AnAnswerThatIsLostIsMadeUpForByTheNextTry) {
  server_->lose_answers(true);
  EXPECT_EQ(error_of([&] { return push_head(*head_); })->code(), Code::unavailable);
  EXPECT_EQ(at_forge(branch()), head_) << "it arrived";
  server_->lose_answers(false);
  EXPECT_EQ(push_head(*head_).kind, Kind::already_there);
}

TEST_F(PushTest, WhatGoesWrongOnTheWayIsClassed) {
  const auto wrong_token = GitCredential(remote().url, Secret("not-the-token"));
  EXPECT_EQ(error_of([&] {
              return push(*mirror_, remote(), &wrong_token, {*head_, branch(), {}});
            })->code(),
            Code::denied);
  server_->set_look([](const ServerRequest&) { return ServerResponse{.status = 403}; });
  EXPECT_EQ(error_of([&] { return push_head(*head_); })->code(), Code::denied);
  server_->set_look([](const ServerRequest&) { return ServerResponse{.status = 502}; });
  EXPECT_EQ(error_of([&] { return push_head(*head_); })->code(), Code::unavailable);
  server_->set_look({});
  server_->fall_silent();
  EXPECT_EQ(error_of([&] {
              return push(*mirror_, remote(1s), &*credential_, {*head_, branch(), {}});
            })->code(),
            Code::timed_out);
  EXPECT_EQ(at_forge(branch()), std::nullopt);
}

TEST_F(PushTest, NamesAreCheckedBeforeGitSeesThem) {
  for (const char* name : {"--mirror", "x:refs/heads/main", "a b", ""})
    EXPECT_EQ(error_of([&] {
                return push(*mirror_, remote(), &*credential_, {*head_, name, {}});
              })->code(),
              Code::invalid)
        << name;
}

TEST_F(PushTest, NothingGoesOutWithoutTheToken) {
  const int before = server_->authorized();
  EXPECT_EQ(error_of([&] {
              return push(*mirror_, remote(), nullptr, {*head_, branch(), {}});
            })->code(),
            Code::denied);
  EXPECT_EQ(server_->authorized(), before);
}

// More than git sends in one piece: chunks, and an answer in between.
TEST_F(PushTest, LargeWorkGoesOutWhole) {
  std::string noise;
  unsigned state = 1;
  while (noise.size() < (3U << 20))
    noise += static_cast<char>((state = state * 1664525U + 1013904223U) >> 24);
  put(clone_->tree() / "noise", noise);
  const auto head = work("also");
  EXPECT_EQ(push_head(head).kind, Kind::pushed);
  EXPECT_EQ(plain_git(forge_repo(), {"cat-file", "-s", branch() + ":noise"}),
            std::to_string(noise.size()) + "\n");
}

}  // namespace
}  // namespace host::workspaces
