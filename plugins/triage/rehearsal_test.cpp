// SPDX-License-Identifier: Apache-2.0
//
// What a dry run only rehearsed is done by the first rounds in earnest, though nobody changed
// anything since and no round looks at all that is open.
#include <set>

#include "triage_fixture.hpp"

namespace triage {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using timmy::Json;

class Rehearsal : public TriageTest {
 protected:
  // As the host does it: what is answered is what would have come of it, and nothing does.
  void rehearse(int most = 50) {
    for (const std::string method : kWrites)
      world_.on("gitea/1." + method, [this, method, most](const Json& params) {
        if (++written_ > most)
          throw timmy::Permanent("too_large", "its cap of writes (limits.mutations)");
        auto copy = world_.forge;
        Json reply = copy.answer(method, params);
        reply["dry_run"] = true;
        return reply;
      });
  }
  void in_earnest() {
    for (const std::string method : kWrites) world_.succeed("gitea/1." + method);
  }
  Outcome round(const Json& with, minutes by = minutes(5)) {
    written_ = 0;
    return later(with, by);
  }
  static Json label_all() {
    return config({rule("all", {{"title", "."}}, {{"add_labels", {"bug"}}})});
  }
  [[nodiscard]] int labelled() {
    int count = 0;
    for (const auto& issue : world_.forge.repo("org/app").issues) count += !issue.labels.empty();
    return count;
  }

 private:
  static constexpr const char* kWrites[] = {"add_labels", "add_assignees", "remove_label",
                                            "keep_comment", "set_issue_state"};
  int written_ = 0;
};

TEST_F(Rehearsal, IsFollowedByTheRealThingInTheNextRound) {
  for (int i = 0; i < 3; ++i) world_.forge.add_issue("org/app", "one");
  rehearse();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(round(label_all()).ok());
  EXPECT_EQ(world_.forge.writes, 0);
  in_earnest();
  EXPECT_EQ(round(label_all()).result.at("changed"), 3);
  EXPECT_EQ(labelled(), 3);
  EXPECT_EQ(round(label_all()).result.at("changed"), 0);
}

TEST_F(Rehearsal, SoIsThatOfAnEventAndOfWhatBecameOld) {
  const Json with = config({rule("old", {{"older_than", "3h"}}, {{"add_labels", {"wish"}}}),
                            rule("new", {{"title", "crash"}}, {{"add_labels", {"bug"}}})});
  world_.forge.add_issue("org/app", "one");
  ASSERT_TRUE(run(with).ok());
  rehearse();
  ASSERT_TRUE(round(with, hours(4)).ok());
  world_.forge.add_issue("org/app", "crash");
  ASSERT_TRUE(run(with, {{"repo", "org/app"}, {"number", 2}}).ok());
  in_earnest();
  ASSERT_TRUE(round(with).ok());
  EXPECT_THAT(labels(1), ElementsAre("wish"));
  EXPECT_THAT(labels(2), ElementsAre("bug"));
}

TEST_F(Rehearsal, ComesToAllThoughEachRunHasItsCap) {
  for (int i = 0; i < 9; ++i) world_.forge.add_issue("org/app", "one");
  rehearse(4);
  std::set<std::string> told;
  for (int i = 0; i < 4; ++i)
    for (const Json result = round(label_all()).result; const auto& change : result.at("changes"))
      told.insert(change.at("issue"));
  EXPECT_EQ(told.size(), 9u);
  in_earnest();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(round(label_all()).ok());
  EXPECT_EQ(labelled(), 9);
}

TEST_F(Rehearsal, ThatBreaksInTheMiddleLeavesNoRecordOfWhatCameBefore) {
  world_.forge.add_issue("org/app", "one");
  const Json with =
      config({rule("r", {{"title", "."}}, {{"add_labels", {"bug"}}, {"comment", "hello"}})});
  rehearse();
  world_.fail("gitea/1.keep_comment", timmy::Retryable("unavailable", "500"));
  EXPECT_EQ(round(with).status, TIMMY_RETRYABLE);
  in_earnest();
  world_.advance(minutes(1));
  at(1).title = "another";
  touched(1);
  ASSERT_TRUE(round(with).ok());
  EXPECT_THAT(labels(1), ElementsAre("bug")) << "nobody took it off";
  EXPECT_EQ(at(1).comments.size(), 1u);
}

TEST_F(Rehearsal, OfARoundRobinMovesNobodysTurn) {
  for (int i = 0; i < 2; ++i) world_.forge.add_issue("org/app", "one");
  const Json with =
      config({rule("r", {{"title", "."}}, {{"assign_round_robin", {"ada", "bob", "carol"}}})});
  rehearse();
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(round(with).ok());
  in_earnest();
  ASSERT_TRUE(round(with).ok());
  using Logins = std::vector<std::string>;
  EXPECT_THAT((std::vector<Logins>{at(1).assignees, at(2).assignees}),
              testing::UnorderedElementsAre(Logins{"ada"}, Logins{"bob"}));
}

// Not even of what the cap kept from being rehearsed.
TEST_F(Rehearsal, ThatTheCapEndsLeavesNeitherPlanNorTurn) {
  for (int i = 0; i < 3; ++i) world_.forge.add_issue("org/app", "one");
  const Json with =
      config({rule("r", {{"title", "."}}, {{"assign_round_robin", {"ada", "bob", "carol"}}})});
  rehearse(1);
  for (int i = 0; i < 2; ++i) {
    const auto outcome = round(with);
    ASSERT_TRUE(outcome.ok());
    EXPECT_EQ(outcome.result.at("changed"), 1);
    EXPECT_EQ(outcome.result.at("left"), 2);
    for (const auto& [key, value] : world_.state)
      EXPECT_FALSE(key.starts_with("record/") || key.starts_with("turn/")) << key << value;
  }
}

TEST_F(Rehearsal, OfWhatWasBegunInEarnestLeavesItAsItWas) {
  world_.forge.add_issue("org/app", "one");
  const Json with =
      config({rule("r", {{"title", "."}}, {{"assign_round_robin", {"gone", "ada"}}})});
  world_.fail("gitea/1.add_assignees", timmy::Retryable("unavailable", "500"));
  EXPECT_EQ(round(with).status, TIMMY_RETRYABLE);
  const auto of_the_issue = [this] {
    auto all = world_.state;
    std::erase_if(all, [](const auto& entry) {
      return !entry.first.starts_with("record/") && !entry.first.starts_with("turn/");
    });
    return all;
  };
  const auto before = of_the_issue();
  EXPECT_EQ(before.size(), 2u);
  rehearse();
  EXPECT_THAT(round(with).message, testing::HasSubstr("1 changed")) << "the turn was passed on";
  EXPECT_EQ(of_the_issue(), before);
}

}  // namespace
}  // namespace triage
