// SPDX-License-Identifier: Apache-2.0
#include "fixture.hpp"

namespace deadman {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using timmy::Json;

class Work : public DeadmanTest {
 protected:
  Work() {
    repo_ = "";
    deadman_.add_work("ada", {"org/app"}, "ada");
    number_ = world_.forge.add_issue("org/app", "a bug");
  }
  // The sign of a look a minute later.
  Json sign() {
    pass();
    return deadman_.looks.back().sign;
  }
  void comment(const std::string& user) {
    world_.advance(std::chrono::seconds(1));
    world_.forge.add_comment("org/app", number_, "done", user);
  }
  std::int64_t open_pull(const std::string& user) {
    world_.advance(std::chrono::seconds(1));
    const auto number = world_.forge.add_pull("org/app", "mend it", "mend-it");
    world_.forge.issue("org/app", number).user = user;
    return number;
  }

  std::int64_t number_ = 0;
};

TEST_F(Work, OneWhoNeverDidAnythingIsMissing) {
  EXPECT_EQ(sign()["kind"], "missing");
  comment("bob");
  EXPECT_EQ(sign()["kind"], "missing") << "others' work is none of ada's";
}

TEST_F(Work, AnotherUserInTheSameWatchWasNeverSeen) {
  comment("ada");
  EXPECT_EQ(sign()["kind"], "there");
  deadman_.watches.clear();
  deadman_.add_work("ada", {"org/app"}, "bob");
  EXPECT_EQ(sign()["kind"], "missing") << "ada's work keeps nobody else alive, nor makes him dead";
}

TEST_F(Work, EachKindOfWorkChangesTheMark) {
  comment("ada");
  auto last = sign();
  EXPECT_EQ(last["kind"], "there");
  EXPECT_THAT(last["mark"].get<std::string>(), HasSubstr("org/app#1 comment"));
  const auto moved = [&](const char* what) {
    const auto now = sign();
    EXPECT_EQ(now["kind"], "there") << what;
    EXPECT_NE(now["mark"], last["mark"]) << what;
    last = now;
    EXPECT_EQ(sign()["mark"], last["mark"]) << what << ": it stands still without more";
  };
  comment("ada");
  moved("another comment");
  const auto pull = open_pull("ada");
  moved("a pull request");
  world_.forge.pull("org/app", pull).sha = std::string(40, 'b');
  world_.forge.issue("org/app", pull).updated_at = world_.now();
  moved("a push");
  const auto others = open_pull("bob");
  EXPECT_EQ(sign()["mark"], last["mark"]) << "bob's pull request is not ada's work";
  world_.forge.pull("org/app", others).reviews.push_back({70, "ada", "APPROVED", "", "", ""});
  world_.forge.issue("org/app", others).updated_at = world_.now();
  moved("a review");
}

TEST_F(Work, WhatOthersDoToItIsNoSignOfLife) {
  const auto pull = open_pull("ada");
  const auto mark = sign()["mark"];
  for (int i = 0; i < 5; ++i) {
    comment("bob");
    world_.forge.add_comment("org/app", pull, "ping?", "bob");
    world_.forge.pull("org/app", pull)
        .reviews.push_back({71 + i, "ada", "REQUEST_REVIEW", "", "", ""});
    EXPECT_EQ(sign()["mark"], mark);
  }
}

TEST_F(Work, ItStandsStillHoweverLongAgoItWas) {
  comment("ada");
  const auto mark = sign()["mark"];
  world_.advance(std::chrono::days(30));
  EXPECT_EQ(sign()["mark"], mark) << "a mark that went would be a change";
}

TEST_F(Work, OnlyWhatChangedIsReadAgain) {
  for (int i = 0; i < 10; ++i) {
    comment("bob");
    number_ = world_.forge.add_issue("org/app", "another");
  }
  comment("ada");
  (void)sign();
  world_.advance(std::chrono::minutes(10));
  world_.calls.clear();
  (void)sign();
  EXPECT_EQ(std::count(world_.calls.begin(), world_.calls.end(), "gitea/1.list_comments"), 1);
}

TEST_F(Work, AFloodIsReadOverSeveralLooksAndNothingIsLeftOut) {
  for (int i = 0; i < 50; ++i) {
    number_ = world_.forge.add_issue("org/app", "flood");
    comment("bob");
  }
  comment("ada");
  int looks = 1;
  while (sign()["kind"] != "there" && looks < 10) ++looks;
  EXPECT_EQ(looks, 3);
}

TEST_F(Work, AForgeThatIsAwayForAWhileIsNobodysDeathAndNobodysAlarm) {
  comment("ada");
  (void)sign();
  world_.fail("gitea/1.list_issues", timmy::Retryable("unavailable", "connection refused"));
  const auto before = deadman_.looks.size();
  for (int look = 0; look < 4; ++look) EXPECT_EQ(pass()["skipped"], Json::array({"ada"}));
  EXPECT_THAT(deadman_.looks, SizeIs(before));
  const auto told = sign();
  EXPECT_EQ(told["kind"], "untrusted");
  EXPECT_THAT(told["mark"].get<std::string>(), HasSubstr("the forge can't be asked"));
  EXPECT_EQ(sign(), told) << "the same text, so that it is told once";
  world_.succeed("gitea/1.list_issues");
  EXPECT_EQ(sign()["kind"], "there");
  world_.fail("gitea/1.list_issues", timmy::Retryable("unavailable", "again"));
  EXPECT_EQ(pass()["skipped"], Json::array({"ada"})) << "patience begins anew";
}

TEST_F(Work, WhatIsRefusedForGoodIsSaidAtOnce) {
  world_.fail("gitea/1.list_issues", timmy::Permanent("not_granted", "add gitea.read: [org/app]"));
  const auto told = sign();
  EXPECT_EQ(told["kind"], "untrusted");
  EXPECT_THAT(told["mark"].get<std::string>(), HasSubstr("add gitea.read: [org/app]"));
}

TEST_F(Work, AMarkIsKeptBeforeItIsHandedIn) {
  comment("ada");
  world_.fail("process/1.look", timmy::Permanent("denied", "not now"));
  EXPECT_FALSE(run("deadman_forge").ok());
  const Json kept = world_.state.at("work/ada/ada");
  world_.succeed("process/1.look");
  EXPECT_EQ(sign()["mark"], kept["mark"]);
}

}  // namespace
}  // namespace deadman
