// SPDX-License-Identifier: Apache-2.0
//
// A forge that says of a pull request what is not so. Whatever it says: what was not looked at is
// not merged, nothing is closed, and no second one is opened.
#include <gmock/gmock.h>

#include "e2e/dispatch_bench.hpp"

namespace host::faults {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class LyingForgeTest : public DispatchBench {
 protected:
  using Lie = std::function<void(forge::Repo& repo, std::int64_t pull)>;

  void SetUp() override {
    DispatchBench::SetUp();
    if (number_ == 0) return;
    playbook_is(kUsualLimits, "report: { merge: when-approved }\n");
    agent_is(kFix);
  }
  static void is_merged(forge::Repo& repo, std::int64_t pull) {
    repo.pulls.at(pull).merged_as = repo.branches["main"];
    repo.pulls.at(pull).merged_by = "ada";
    repo.pulls.at(pull).merged_at = WallTime{};
  }
  // From the moment on at which there is a pull request. It is approved, too, as the forge says.
  void forge_says(const Lie& lie) {
    forge_.when_asked([lie](forge::Forge& forge, const forge::Logged& request) {
      if (request.method != "POST" || !request.target.ends_with("/pulls")) return;
      auto& repo = *forge.state.repo(kAppRepo);
      if (repo.pulls.size() != 1) return;
      const auto number = repo.pulls.begin()->first;
      auto& pull = repo.pulls.begin()->second;
      const auto sealed = forge::ForgeState::head_of(repo, pull);
      repo.writers.emplace_back("ada");
      lie(repo, number);
      forge::Review review;
      review.id = 77;
      review.login = "ada";
      review.state = "APPROVED";
      review.commit = sealed;
      review.official = true;
      pull.reviews.push_back(review);
    });
  }
  // It has been looked at once, or is over.
  void expect_looked_at(const std::string& why) {
    start_host();
    EXPECT_TRUE(eventually([&] {
      const Json now = item();
      return now.is_object() && to_text(now["reason"]).find(why) != std::string::npos;
    })) << to_text(item())
        << log();
  }
  void expect_nothing_done_about_it() {
    forge_.with([&](forge::Forge& forge) {
      EXPECT_THAT(forge.requests("POST", "/merge"), IsEmpty());
      EXPECT_THAT(forge.requests("DELETE", ""), IsEmpty());
      for (const auto& request : forge.requests("PATCH", ""))
        EXPECT_THAT(request.body, Not(HasSubstr("closed"))) << request.target;
    });
    expect_one_pull_opened();
  }
  void expect_one_pull_opened() {
    forge_.with([&](forge::Forge& forge) {
      EXPECT_THAT(forge.requests("POST", "/pulls"), SizeIs(1));
      EXPECT_THAT(forge.requests("POST", "git-receive-pack"), SizeIs(1));
      EXPECT_THAT(forge.state.repo(kAppRepo)->pulls, SizeIs(1));
      EXPECT_FALSE(forge.state.repo(kAppRepo)->issues.at(number_).closed);
    });
    EXPECT_THAT(branches(), ElementsAre("timmy/issue-9"));
  }
};

// What the others must not do.
TEST_F(LyingForgeTest, OneThatTellsTheTruthHasItMerged) {
  forge_says([](forge::Repo&, std::int64_t) {});
  start_host();
  ASSERT_TRUE(item_is("done")) << to_text(item()) << log();
  forge_.with(
      [](forge::Forge& forge) { EXPECT_THAT(forge.requests("POST", "/merge"), SizeIs(1)); });
}

TEST_F(LyingForgeTest, AnotherCommitAsItsHeadIsNotMerged) {
  forge_says([](forge::Repo& repo, std::int64_t) {
    repo.branches["timmy/issue-9"] = repo.branches["main"];
  });
  expect_looked_at("its head is");
  expect_nothing_done_about_it();
  EXPECT_EQ(item()["state"], "done") << "it is people's now";
}

TEST_F(LyingForgeTest, NorIsOneThatGoesIntoAnotherBranch) {
  forge_says([](forge::Repo& repo, std::int64_t pull) {
    repo.branches["release"] = repo.branches["main"];
    repo.pulls.at(pull).base = "release";
  });
  expect_looked_at("into another branch");
  expect_nothing_done_about_it();
}

TEST_F(LyingForgeTest, OneThatIsSaidToBeMergedIsLeftAlone) {
  forge_says(is_merged);
  expect_looked_at("merged");
  expect_nothing_done_about_it();
  stop();
  start_host();
  // The issue is open, and asks for work as before.
  EXPECT_EQ(wait_for(enqueue("echo"))["state"], "completed");
  EXPECT_EQ(client().get("/v1/items?number=9")["items"].size(), 1u);
  expect_nothing_done_about_it();
}

// Each is told to the host that comes after one that died when it had opened it.
class ForgottenPullTest : public LyingForgeTest {
 protected:
  void die_with_a_pull_opened(const Lie& lie) {
    forge_says(lie);
    start_host({{"TIMMY_FAILPOINT", "dispatch.pull_opened=kill"}}, false);
    EXPECT_TRUE(host().wait().signalled) << log();
    host_.reset();
    ASSERT_THAT(pulls(), SizeIs(1));
  }
  void expect_stopped_for_a_person() {
    start_host();
    ASSERT_TRUE(item_is("stopped")) << to_text(item()) << log();
    EXPECT_THAT(to_text(item()["reason"]), HasSubstr("pull request"));
    expect_nothing_done_about_it();
  }
};

TEST_F(ForgottenPullTest, OneWithTheHeadsNameAndAnotherCommitIsNobodysToTouch) {
  die_with_a_pull_opened([](forge::Repo& repo, std::int64_t) {
    repo.branches["timmy/issue-9"] = repo.branches["main"];
  });
  expect_stopped_for_a_person();
}

TEST_F(ForgottenPullTest, OneFromAnotherBranchIsNotOpenedAgain) {
  die_with_a_pull_opened([](forge::Repo& repo, std::int64_t pull) {
    repo.branches["else"] = repo.branches["timmy/issue-9"];
    repo.pulls.at(pull).head = "else";
  });
  expect_stopped_for_a_person();
}

TEST_F(ForgottenPullTest, OneThatIsSaidToBeMergedIsNotOpenedAgain) {
  die_with_a_pull_opened([](forge::Repo& repo, std::int64_t pull) {
    is_merged(repo, pull);
    repo.issues.at(pull).closed = true;
  });
  expect_stopped_for_a_person();
}

}  // namespace
}  // namespace host::faults
