// SPDX-License-Identifier: Apache-2.0
//
// review_prs while others act: what is noted as theirs, pushes, looks that are out of date.
#include <timmy/plugin.hpp>
#include <utility>

#include "reviews.hpp"
#include "reviews_fixture.hpp"

namespace triage {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// --- what people do while we write

// With close_stale, which goes by what is noted here.
class ReviewsNote : public Reviews {
 protected:
  ReviewsNote() { config_["stale"] = {{"after", "10d"}, {"pulls", true}}; }
  // Whether it counts as silent so long after its beginning.
  bool is_stale_after(int count) {
    world_.set_now(begin_ + days(count));
    return run_task("close_stale", config_).result.contains("marked");
  }
  const timmy::Time begin_ = world_.now();
};

TEST_F(ReviewsNote, WhatSomebodyDoesRightAfterOurCommentAsTheirs) {
  world_.advance(days(5));
  world_.on("gitea/1.keep_comment", [&](const Json& params) {
    const Json answer = world_.forge.answer("keep_comment", params);
    world_.advance(seconds(3));
    touched().labels = {"bug"};
    return answer;
  });
  round();
  EXPECT_FALSE(is_stale_after(11));
}

TEST_F(ReviewsNote, WhatSomebodyDoesWhileACommentIsOnlyRehearsedAsTheirs) {
  world_.advance(days(5));
  world_.on("gitea/1.keep_comment", [&](const Json& params) {
    world_.advance(seconds(3));
    touched().labels = {"bug"};
    return Json{{"dry_run", true}, {"id", 0}, {"body", params.at("body")}};
  });
  EXPECT_EQ(round().at("rehearsed"), 1);
  EXPECT_FALSE(is_stale_after(11));
}

TEST_F(ReviewsNote, WhatSomebodyDidBeforeOurCommentAsTheirs) {
  world_.advance(days(5));
  world_.on("gitea/1.list_reviews", [&, reads = 0](const Json& params) mutable {
    if (++reads == 1) touched().labels = {"bug"};
    return world_.forge.answer("list_reviews", params);
  });
  round();
  EXPECT_THAT(comments(), SizeIs(1));
  EXPECT_FALSE(is_stale_after(11));
}

TEST_F(ReviewsNote, WhatSomebodyDidAfterAMergeThatWasRefusedAsTheirs) {
  merges();
  review("bob", "APPROVED");
  world_.fail("gitea/1.merge_pr", timmy::Permanent("conflict", "not yet"));
  round();
  world_.advance(hours(1));
  EXPECT_EQ(round().at("refused"), 1) << "of which nothing new is said";
  world_.advance(days(5));
  touched().labels = {"bug"};
  pull().reviews.clear();
  round();
  EXPECT_THAT(said(), HasSubstr("Not ready yet"));
  EXPECT_FALSE(is_stale_after(11));
}

// It goes by when the pull request was updated alone.
TEST_F(ReviewsNote, NothingOfAMergeThatWasRefusedSoThatOrphansSeeWhatIsDoneThen) {
  config_["orphans"] = Json::object();
  world_.forge.add_issue("org/app", "It crashes");
  issue(2).assignees = {"alice"};
  issue(1).body = "fixes #2";
  merges();
  review("bob", "APPROVED");
  world_.fail("gitea/1.merge_pr", timmy::Permanent("conflict", "not yet"));
  round();
  world_.advance(hours(1));
  round();
  world_.advance(days(5));
  touched().labels = {"bug"};
  EXPECT_TRUE(run_task("orphan_work_cleanup", config_).ok());
  EXPECT_THAT(comments(2), IsEmpty());
}

TEST_F(ReviewsNote, WhatSomebodyDidAfterARunThatDiedAsTheirs) {
  world_.on("gitea/1.keep_comment", [&](const Json& params) -> Json {
    (void)world_.forge.answer("keep_comment", params);
    throw timmy::Retryable("timed_out", "no reply");
  });
  EXPECT_EQ(run(config_).status, TIMMY_RETRYABLE);
  world_.succeed("gitea/1.keep_comment");
  world_.advance(days(5));
  review("bob", "APPROVED");
  round();
  EXPECT_THAT(said(), HasSubstr("Ready to be merged"));
  EXPECT_FALSE(is_stale_after(11));
  EXPECT_TRUE(is_stale_after(15));
}

TEST_F(ReviewsNote, OurOwnCommentOfARunThatDiedAsOurs) {
  world_.advance(days(5));
  world_.on("gitea/1.keep_comment", [&](const Json& params) -> Json {
    (void)world_.forge.answer("keep_comment", params);
    throw timmy::Retryable("timed_out", "no reply");
  });
  EXPECT_EQ(run(config_).status, TIMMY_RETRYABLE);
  world_.succeed("gitea/1.keep_comment");
  world_.advance(days(1));
  check("failure");
  round();
  EXPECT_THAT(said(), HasSubstr("`failure`"));
  EXPECT_TRUE(is_stale_after(11));
}

TEST_F(ReviewsNote, OurOwnCommentThatCouldNotBeReadBackAsOurs) {
  world_.advance(days(5));
  world_.fail("gitea/1.get_issue", timmy::Permanent("invalid", "odd reply"));
  EXPECT_EQ(run(config_).code, "incomplete");
  ASSERT_THAT(comments(), SizeIs(1));
  world_.succeed("gitea/1.get_issue");
  world_.advance(days(1));
  check("failure");
  round();
  EXPECT_TRUE(is_stale_after(11));
}

// --- pushes between the look and what is done by it

class Pushed : public Reviews {
 protected:
  Pushed() {
    merges({{"bases", {"main"}}});
    bans({"commits"});
    review("bob", "APPROVED");
  }
  // Happens once, before a method is answered.
  void before(const std::string& method, const std::function<void()>& happens) {
    world_.on("gitea/1." + method, [=, this, done = false](const Json& params) mutable {
      if (!std::exchange(done, true)) happens();
      return world_.forge.answer(method, params);
    });
  }
  void push(const std::string& sha, const std::string& message) {
    world_.advance(seconds(1));
    Reviews::push(sha);
    pull().commits = {{sha, message}};
  }
  void approve() {
    pull().reviews.clear();
    review("bob", "APPROVED");
  }
  const std::string kBad = std::string(40, 'b'), kClean = std::string(40, 'c');
};

TEST_F(Pushed, WhatThePolicyFindsCountsForTheHeadThatItWasLookedForIn) {
  push(kBad, "By ExampleSoft");
  approve();
  before("list_pr_commits", [&] { push(kClean, "Mend it"); });
  round();
  push(kBad, "By ExampleSoft");
  approve();
  round();
  EXPECT_FALSE(pull().merged) << "by what was found in the other one";
  EXPECT_THAT(said(), HasSubstr("Rejected by policy"));
}

TEST_F(Pushed, AlsoWhereTheHeadWasAwayAndCameBackMeanwhile) {
  push(kBad, "By ExampleSoft");
  approve();
  world_.on("gitea/1.list_pr_commits", [&, done = false](const Json& params) mutable {
    if (std::exchange(done, true)) return world_.forge.answer("list_pr_commits", params);
    push(kClean, "Mend it");
    const Json answer = world_.forge.answer("list_pr_commits", params);
    push(kBad, "By ExampleSoft");
    approve();
    return answer;
  });
  round();
  EXPECT_FALSE(pull().merged);
  EXPECT_THAT(said(), HasSubstr("Rejected by policy"));
}

TEST_F(Pushed, AHeadThatNeverStandsStillIsTriedAgainLater) {
  world_.on("gitea/1.list_pr_commits", [&, n = 0](const Json& params) mutable {
    push(std::string(40, static_cast<char>('0' + n++)), "Mend it");
    return world_.forge.answer("list_pr_commits", params);
  });
  const auto outcome = run(config_);
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  EXPECT_THAT(outcome.message, HasSubstr("org/app#1: it changes faster than"));
  EXPECT_EQ(world_.forge.writes, 0);
}

TEST_F(Pushed, BetweenTheLookAndTheDecisionTheNewHeadIsJudged) {
  before("list_reviews", [&] { push(kClean, "Mend it"); });
  round();
  EXPECT_THAT(world_.calls, Not(Contains("gitea/1.merge_pr")));
  EXPECT_THAT(said(), AllOf(HasSubstr("approved an earlier commit"), HasSubstr("`cccccccccc`")));
}

TEST_F(Pushed, SoIsAnotherBase) {
  before("combined_status", [&] { pull().base = "release"; });
  round();
  EXPECT_THAT(world_.calls, Not(Contains("gitea/1.merge_pr")));
  EXPECT_FALSE(pull().merged);
}

TEST_F(Pushed, SoIsATitleThatWasChangedWithinTheSecond) {
  bans({"title"});
  before("combined_status", [&] { issue().title = "By ExampleSoft"; });
  round();
  EXPECT_FALSE(pull().merged);
  EXPECT_THAT(said(), HasSubstr("Rejected by policy"));
}

// --- looks that are out of date

// Reviews with a clock that goes on while a run does.
seconds elapsed{0};

class Slow {
 public:
  explicit Slow(const Json& config) : reviewing_(config.at("reviews")) {}
  Json review(const timmy::Job& job, timmy::Context& ctx) {
    return review_prs(ctx, {"org/app"}, reviewing_, job.payload, CapWatch(ctx, "review_prs", ""),
                      [&ctx] { return ctx.now() + elapsed; });
  }

 private:
  Reviewing reviewing_;
};
constexpr timmy::Task<Slow> kSlowTasks[] = {{"review_prs", &Slow::review}, {}};
constexpr timmy_plugin kSlow = timmy::detail::table<Slow, kSlowTasks>();

class SlowForge : public Reviews {
 protected:
  SlowForge() {
    elapsed = seconds(0);
    merges();
    review("bob", "APPROVED");
  }
  Outcome slow_run() {
    Json all = config_;
    all["repos"] = {"org/app"};
    timmy::testing::Plugin plugin(world_, kSlow, configured(all));
    return plugin.run("review_prs");
  }
  // So long passes when reviews are read for the n-th time, and this happens meanwhile.
  void while_reading(
      int nth, seconds takes, const std::function<void()>& happens = [] {}) {
    world_.on("gitea/1.list_reviews", [=, this, reads = 0](const Json& params) mutable {
      const Json answer = world_.forge.answer("list_reviews", params);
      if (++reads == nth) elapsed += takes, happens();
      return answer;
    });
  }
};

TEST_F(SlowForge, ALookOfHalfAMinuteIsGoodEnough) {
  while_reading(1, seconds(30), [&] { pull().reviews.clear(); });
  EXPECT_TRUE(slow_run().ok());
  EXPECT_TRUE(pull().merged);
}

TEST_F(SlowForge, ALookThatIsOlderIsTakenAnewBeforeAnythingIsWritten) {
  while_reading(1, seconds(31), [&] { pull().reviews.clear(); });
  EXPECT_TRUE(slow_run().ok());
  EXPECT_FALSE(pull().merged);
  EXPECT_THAT(said(), HasSubstr("Not ready yet"));
}

TEST_F(SlowForge, WhatWasClosedMeanwhileIsLeftAlone) {
  while_reading(1, seconds(31), [&] { issue().state = "closed"; });
  EXPECT_TRUE(slow_run().ok());
  EXPECT_EQ(world_.forge.writes, 0);
}

TEST_F(SlowForge, AForgeThatIsTooSlowIsTriedAgainLater) {
  world_.on("gitea/1.list_reviews", [&](const Json& params) {
    elapsed += seconds(31);
    return world_.forge.answer("list_reviews", params);
  });
  const auto outcome = slow_run();
  EXPECT_EQ(outcome.status, TIMMY_RETRYABLE);
  EXPECT_EQ(outcome.code, "incomplete");
  EXPECT_THAT(outcome.message, HasSubstr("org/app#1: org/app#1: it changes so fast"));
  EXPECT_EQ(world_.forge.writes, 0);
}

TEST_F(Reviews, WhatSomebodyExemptsAfterItWasListedIsNotMerged) {
  merges();
  config_["reviews"]["exempt"] = {{"labels", {"blocked"}}};
  review("bob", "APPROVED");
  world_.on("gitea/1.list_reviews", [&](const Json& params) {
    touched().labels = {"blocked"};
    return world_.forge.answer("list_reviews", params);
  });
  round();
  EXPECT_FALSE(pull().merged);
  EXPECT_THAT(comments(), IsEmpty());
}

TEST_F(Reviews, ADescriptionOfAnyLengthIsReadWhole) {
  bans();
  issue().body = std::string(100'000, 'x') + " ExampleSoft";
  round();
  EXPECT_THAT(rejections(), SizeIs(1));
  round();
  EXPECT_EQ(std::count(world_.calls.begin(), world_.calls.end(), "gitea/1.list_reviews"), 1)
      << "at once, and not after a look at the beginning";
}

TEST_F(Reviews, ARefusalOfOneBaseIsNoneOfAnother) {
  merges();
  review("bob", "APPROVED");
  world_.fail("gitea/1.merge_pr", timmy::Permanent("conflict", "its base is protected"));
  EXPECT_EQ(round().at("refused"), 1);
  world_.succeed("gitea/1.merge_pr");
  pull().base = "next";
  touched();
  EXPECT_EQ(round().at("merged"), 1);
}

}  // namespace
}  // namespace triage
