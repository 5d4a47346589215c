// SPDX-License-Identifier: Apache-2.0
//
// Merging, against everything that servers say about it.
#include <deque>

#include "gitea/test_server.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kSha(40, 'a');
constexpr const char* kRead = "GET /repos/org/app/pulls/5";
constexpr const char* kMerge = "POST /repos/org/app/pulls/5/merge";

class MergeTest : public GiteaTest {
 protected:
  // A pull request at the forge; `says_` is what orders to merge it are answered with, in turn,
  // then with a 200 that merges it.
  MergeTest() {
    http_.set_handler([this](const HttpRequest& request) -> Answer {
      if (request.method == "GET") {
        if (is_away_) return FakeHttpClient::broken();
        if (checks_ > 0 && --checks_ == 0) pull_["mergeable"] = true;
        return json(200, pull_);
      }
      if (!says_.empty()) {
        const auto say = says_.front();
        says_.pop_front();
        return say();
      }
      return merged(200);
    });
  }
  HttpResponse merged(int status) {
    pull_["merged"] = true, pull_["state"] = "closed", pull_["mergeable"] = false;
    pull_["merge_commit_sha"] = std::string(40, 'c');
    return {status, {}, ""};
  }
  void target(const char* branch) { pull_["base"]["ref"] = pull_["base"]["label"] = branch; }
  void says(int status, const std::string& message) {
    says_.push_back([=] { return Answer(json(status, {{"message", message}, {"url", ""}})); });
  }
  Result<PullRequest> merge(MergeOrder order = {}) {
    return wait<PullRequest>([&](Reply<PullRequest> reply) {
      gitea_->merge_pr(repo_, 5, std::move(order), std::move(reply));
    });
  }
  [[nodiscard]] std::size_t orders() const {
    std::size_t count = 0;
    for (const auto& request : http_.requests()) count += request.method == "POST" ? 1 : 0;
    return count;
  }

  Json pull_ = {{"id", 1},
                {"number", 5},
                {"state", "open"},
                {"merged", false},
                {"mergeable", true},
                {"draft", false},
                {"head", {{"label", "a"}, {"ref", "a"}, {"sha", kSha}}},
                {"base", {{"label", "main"}, {"ref", "main"}, {"sha", std::string(40, 'b')}}}};
  int checks_ = 0;  // reads until it says that it can be merged
  bool is_away_ = false;
  std::deque<std::function<Answer()>> says_;
};

TEST_F(MergeTest, OrdersTheHeadThatItSawInWordsThatEveryServerKnows) {
  const auto done = merge({.style = "squash", .title = "T", .message = "M", .delete_branch = true});
  EXPECT_TRUE(done.value().merged);
  EXPECT_THAT(sent(), ElementsAre(kRead, kMerge, kRead));
  EXPECT_EQ(parse_json(http_.requests().at(1).body, "body"),
            Json({{"Do", "squash"},
                  {"MergeTitleField", "T"},
                  {"MergeMessageField", "M"},
                  {"head_commit_id", kSha},
                  {"delete_branch_after_merge", true}}));
}

TEST_F(MergeTest, WhatIsMergedIsFine) {
  (void)merged(200);
  EXPECT_TRUE(merge().ok());
  EXPECT_EQ(orders(), 0u);
}

TEST_F(MergeTest, ARefusalOfWhatIsMergedAllTheSameIsFine) {
  // It merged, and then could not delete the branch; or somebody else was first.
  for (const int status : {403, 404, 405, 409, 500, 502}) {
    pull_["merged"] = false, pull_["state"] = "open";
    says_.push_back([this, status]() -> Answer {
      (void)merged(status);
      return json(status, {{"message", ""}, {"url", ""}});
    });
    EXPECT_TRUE(merge().ok()) << status;
  }
  EXPECT_EQ(orders(), 6u);
}

TEST_F(MergeTest, ALostReplyIsReadBackAndTheOrderGivenOnceMoreAtMost) {
  says_.push_back([this] {
    (void)merged(200);
    return FakeHttpClient::broken();
  });
  EXPECT_TRUE(merge().ok());
  EXPECT_EQ(orders(), 1u);
  pull_["merged"] = false, pull_["state"] = "open";
  says_.push_back([] { return FakeHttpClient::broken(); });
  EXPECT_TRUE(merge().ok());
  EXPECT_EQ(orders(), 3u);
  pull_["merged"] = false, pull_["state"] = "open";
  for (int i = 0; i < 9; ++i) says_.push_back([] { return FakeHttpClient::broken(); });
  EXPECT_EQ(error_of(merge()).code(), Code::unavailable);
  EXPECT_EQ(orders(), 5u);
}

TEST_F(MergeTest, WaitsForTheServerToLookForConflicts) {
  pull_["mergeable"] = false;
  checks_ = 4;
  says(405, "Please try again later");
  EXPECT_TRUE(merge().ok());
  EXPECT_EQ(orders(), 2u);
}

TEST_F(MergeTest, NotForEverAndThenSaysThatItConflicts) {
  pull_["mergeable"] = false;
  says(405, "Please try again later");
  const auto start = loop_.clock().monotonic();
  const auto error = error_of(merge());
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_THAT(error.message(), HasSubstr("conflicts"));
  EXPECT_EQ(orders(), 1u);
  EXPECT_LE(loop_.clock().monotonic() - start, std::chrono::seconds(31));
  EXPECT_GE(loop_.clock().monotonic() - start, std::chrono::seconds(20));
}

TEST_F(MergeTest, WhatIsOnlyTakenDownIsNotMerged) {
  says_.push_back([] { return Answer(HttpResponse{201, {}, ""}); });
  const auto error = error_of(merge());
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_THAT(error.message(), HasSubstr("only took it down"));
}

TEST_F(MergeTest, AYesWithoutAMergeIsNotBelieved) {
  for (int i = 0; i < 3; ++i) says_.push_back([] { return Answer(HttpResponse{200, {}, ""}); });
  EXPECT_EQ(error_of(merge()).code(), Code::conflict);
  EXPECT_EQ(orders(), 1u);
}

// It may have merged, whatever it said, so it is no refusal.
TEST_F(MergeTest, WhatCanNotBeReadBackIsAServerThatIsAway) {
  for (const int status : {200, 403, 500}) {
    pull_["merged"] = false, pull_["state"] = "open";
    says_.push_back([this, status] {
      is_away_ = true;
      (void)merged(status);
      return Answer(json(status, {{"message", ""}}));
    });
    const auto error = error_of(merge());
    EXPECT_EQ(error.code(), Code::unavailable) << status << ": " << error.message();
    is_away_ = false;
    loop_.advance(std::chrono::minutes(5));
  }
  EXPECT_EQ(orders(), 3u);
}

TEST_F(MergeTest, HandsOnWhatTheServerAsksFor) {
  for (const auto* why :
       {"Not all required status checks successful", "Does not have enough approvals",
        "The head branch is behind the base branch"}) {
    says(405, why);
    const auto error = error_of(merge());
    EXPECT_EQ(error.code(), Code::conflict);
    EXPECT_THAT(error.message(), HasSubstr(why));
  }
  says(405, "User not allowed to merge PR");
  EXPECT_EQ(error_of(merge()).code(), Code::denied);
  EXPECT_EQ(orders(), 4u);
}

TEST_F(MergeTest, KnowsTheConflictThatComesWithoutAMessage) {
  says_.push_back([] {
    return Answer(json(409, {{"Style", "merge"}, {"StdOut", "CONFLICT"}, {"Err", Json::object()}}));
  });
  const auto error = error_of(merge());
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_THAT(error.message(), HasSubstr("conflicts with its base"));
  EXPECT_EQ(orders(), 1u);
}

TEST_F(MergeTest, ABaseThatMovedMeanwhileIsTriedOnceMore) {
  says(409, "merge push out of date");
  EXPECT_TRUE(merge().ok());
  EXPECT_EQ(orders(), 2u);
}

TEST_F(MergeTest, AHeadThatMovedIsNotMerged) {
  EXPECT_THAT(error_of(merge({.head_sha = std::string(40, 'f')})).message(), HasSubstr("head"));
  EXPECT_EQ(orders(), 0u);
  says_.push_back([this] {
    pull_["head"]["sha"] = std::string(40, 'f');
    return Answer(json(409, {{"message", "head out of date"}}));
  });
  EXPECT_THAT(error_of(merge()).message(), HasSubstr("head"));
  EXPECT_EQ(orders(), 1u);
}

TEST_F(MergeTest, IntoAnotherBaseNothingIsMerged) {
  EXPECT_THAT(error_of(merge({.base = "release"})).message(), HasSubstr("base"));
  EXPECT_EQ(orders(), 0u);
  EXPECT_TRUE(merge({.base = "main"}).ok());
}

// The server looks at the head only.
TEST_F(MergeTest, NorWhereTheBaseChangesWhileItIsTried) {
  says_.push_back([this] {
    target("release");
    return FakeHttpClient::broken();
  });
  EXPECT_THAT(error_of(merge()).message(), HasSubstr("base"));
  EXPECT_EQ(orders(), 1u);
  target("main");
  pull_["mergeable"] = false, checks_ = 4;
  says_.push_back([this] {
    target("release");
    return Answer(json(405, {{"message", "Please try again later"}, {"url", ""}}));
  });
  EXPECT_THAT(error_of(merge()).message(), HasSubstr("base"));
  EXPECT_EQ(orders(), 2u);
}

TEST_F(MergeTest, WhatLandedInAnotherBaseAfterTheLastLookIsNoSuccess) {
  // The order is taken, or refused although it merged, or its reply is lost.
  for (const int status : {200, 500, 0}) {
    pull_["merged"] = false, pull_["state"] = "open";
    target("main");
    says_.push_back([this, status]() -> Answer {
      target("release");
      const auto done = merged(status);
      return status == 0 ? FakeHttpClient::broken() : Answer(done);
    });
    const auto error = error_of(merge());
    EXPECT_EQ(error.code(), Code::conflict);
    EXPECT_THAT(error.message(), HasSubstr("merged into release though, not into main")) << status;
    EXPECT_THAT(error.next_step(), HasSubstr("revert"));
  }
  EXPECT_EQ(orders(), 3u);
  EXPECT_TRUE(merge({.base = "main"}).ok()) << "it was merged before anything was ordered";
}

TEST_F(MergeTest, NorIsAnotherHeadThatSomebodyMergedMeanwhile) {
  says_.push_back([this]() -> Answer {
    pull_["head"]["sha"] = std::string(40, 'f');
    (void)merged(409);
    return json(409, {{"message", "head out of date"}});
  });
  const auto error = error_of(merge());
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_THAT(error.message(), HasSubstr("head is no longer the one"));
}

// The server compared the head that it merged.
TEST_F(MergeTest, WhatIsPushedAfterTheMergeDoesNotCallItInQuestion) {
  says_.push_back([this] {
    const auto done = merged(200);
    pull_["head"]["sha"] = std::string(40, 'f');
    return Answer(done);
  });
  EXPECT_TRUE(merge().ok());
}

TEST_F(MergeTest, AnErrorThatStaysIsNotTakenForAServerThatIsAway) {
  says(500, "");
  says(500, "");
  const auto error = error_of(merge());
  EXPECT_EQ(error.code(), Code::conflict);
  EXPECT_THAT(error.message(), HasSubstr("dependency"));
  EXPECT_TRUE(gitea_->available());
}

TEST_F(MergeTest, AQuotaThatIsUsedUpIsNamed) {
  says(413, "quota exceeded");
  EXPECT_EQ(error_of(merge()).code(), Code::too_large);
  says(423, "repo is archived");
  EXPECT_EQ(error_of(merge()).code(), Code::conflict);
}

TEST_F(MergeTest, StylesThatNoServerHasAreRefusedWithoutARequest) {
  EXPECT_EQ(error_of(merge({.style = "octopus"})).code(), Code::usage);
  EXPECT_TRUE(http_.requests().empty());
}

}  // namespace
}  // namespace host
