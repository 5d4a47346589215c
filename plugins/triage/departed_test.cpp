// SPDX-License-Identifier: Apache-2.0
//
// What becomes of what is remembered of repositories that are taken out of the config.
#include "departed.hpp"

#include "triage_fixture.hpp"

namespace triage {
namespace {

using std::chrono::hours;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using timmy::Json;

class Departed : public TriageTest {
 protected:
  Departed() {
    world_.forge.add_repo("org/lib", {"bug"});
    for (const char* repo : {"org/app", "org/lib"}) world_.forge.add_issue(repo, "one");
  }
  static Json of(const std::vector<std::string>& repos) {
    return config({rule("all", {{"title", "."}}, {{"add_labels", {"bug"}}})}, repos);
  }
  // A round a day.
  void days(int count, const Json& with) {
    for (int i = 0; i < count; ++i) {
      const auto outcome = later(with, hours(24));
      ASSERT_TRUE(outcome.ok()) << outcome.message;
    }
  }
  // The keys of org/app, whose number is 1.
  [[nodiscard]] std::vector<std::string> kept() const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : world_.state)
      if (key.ends_with("/1") || key.find("/1#") != std::string::npos || key == "id/org/app")
        keys.push_back(key);
    return keys;
  }

  const Json both_ = of({"org/*"}), one_ = of({"org/lib"});
};

TEST_F(Departed, IsForgottenAMonthAfterTheConfigNamedItLast) {
  days(1, both_);
  world_.state["stale/1#1"] = world_.state["orphans/1#1"] = world_.state["reviews/1#1"] = Json{};
  world_.state["due/1"] = Json::array();
  days(31, one_);
  EXPECT_THAT(kept(), Not(IsEmpty()));
  EXPECT_TRUE(world_.state.contains("record/1#1"));
  days(1, one_);
  EXPECT_THAT(kept(), IsEmpty());
  EXPECT_TRUE(world_.state.contains("record/2#1")) << "of the one that is still there";
  EXPECT_TRUE(world_.state.contains("seen/2"));
}

TEST_F(Departed, OneThatComesBackBeforeIsStillKnownAndHasTheWholeTimeAgain) {
  days(1, both_);
  at(1).labels.clear();
  touched(1);
  days(29, one_);
  days(1, both_);
  EXPECT_THAT(labels(1), IsEmpty()) << "somebody took it off";
  days(31, one_);
  EXPECT_TRUE(world_.state.contains("record/1#1"));
  days(1, one_);
  EXPECT_THAT(kept(), IsEmpty());
}

TEST_F(Departed, GoesInStepsWhereMuchIsKept) {
  days(1, both_);
  days(31, one_);
  for (int number = 1; number <= 2500; ++number)
    world_.state["record/1#" + std::to_string(number)] = Json::object();
  days(1, one_);
  EXPECT_GT(kept().size(), 1500u);
  EXPECT_LT(kept().size(), 1600u);
  days(2, one_);
  EXPECT_THAT(kept(), IsEmpty());
}

TEST_F(Departed, OneThatGotAnotherNameIsNone) {
  days(1, both_);
  world_.forge.rename_repo("org/app", "org/renamed");
  days(40, both_);
  EXPECT_TRUE(world_.state.contains("record/1#1"));
}

TEST_F(Departed, AmongThousandsOfNamesItIsFound) {
  for (int i = 10; i < 1500; ++i) world_.state["id/org/a" + std::to_string(i)] = i;
  days(1, both_);
  days(32, of({"org/lib", "org/a1*", "org/a2*", "org/a3*", "org/a4*", "org/a5*", "org/a6*",
               "org/a7*", "org/a8*", "org/a9*"}));
  EXPECT_THAT(kept(), IsEmpty());
}

}  // namespace
}  // namespace triage
