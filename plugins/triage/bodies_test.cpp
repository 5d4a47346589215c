// SPDX-License-Identifier: Apache-2.0
//
// How long people write decides nothing: lists come with cut bodies, and what a rule needs more for
// is read on its own.
#include "triage_fixture.hpp"

namespace triage {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::IsEmpty;
using timmy::Json;

class Bodies : public TriageTest {
 protected:
  static std::string long_body(const std::string& end = "") {
    return std::string(std::size_t{100} << 10, 'x') + end;
  }
  // As the host does it, which hands over 16 MiB at most.
  void cap_answers(std::size_t most = std::size_t{16} << 20) {
    for (const char* method : {"list_issues", "list_prs"})
      world_.on(std::string("gitea/1.") + method, [this, method, most](const Json& params) {
        auto answer = world_.forge.answer(method, params);
        if (answer.dump().size() > most)
          throw timmy::Permanent("too_large", "the answer is larger than 16 MiB");
        return answer;
      });
  }
  [[nodiscard]] long reads() const {
    const auto all = requests();
    return std::count(all.begin(), all.end(), "get_issue");
  }
  [[nodiscard]] int labelled() {
    int all = 0;
    for (const auto& issue : world_.forge.repo("org/app").issues) all += !issue.labels.empty();
    return all;
  }
  static Json by_body(const std::string& pattern) {
    return config({rule("r", {{"body", pattern}}, {{"add_labels", {"bug"}}})});
  }
};

TEST_F(Bodies, AThousandLongOnesAreReadAndThenWhatChanged) {
  for (int i = 0; i < 1000; ++i) {
    world_.advance(minutes(1));
    world_.forge.add_issue("org/app", i % 100 == 0 ? "crash" : "fine", long_body());
  }
  cap_answers();
  const Json with = config({rule("r", {{"title", "crash"}}, {{"add_labels", {"bug"}}})});
  auto outcome = run(with);
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(labelled(), 10);
  EXPECT_EQ(reads(), 0) << "no rule asks for a body";
  world_.advance(hours(1));
  at(500).title = "crash";
  touched(500);
  outcome = later(with, minutes(5));
  EXPECT_LT(outcome.result.at("read"), 50) << "what changed, and no more";
  EXPECT_THAT(labels(500), ElementsAre("bug"));
}

TEST_F(Bodies, SoManyThatEvenWhatIsLeftOfThemIsTooMuchComeWithout) {
  for (int i = 0; i < 20; ++i) world_.forge.add_issue("org/app", "one", long_body("crash"));
  world_.forge.add_issue("org/app", "one", "crash");
  cap_answers(20 * 1024);
  ASSERT_TRUE(run(by_body("crash")).ok());
  EXPECT_EQ(labelled(), 21);
}

TEST_F(Bodies, WhatTheEndOfALongOneSaysCounts) {
  for (int i = 0; i < 3; ++i) world_.forge.add_issue("org/app", "one", long_body());
  world_.forge.add_issue("org/app", "one", long_body("crash"));
  world_.forge.add_pull("org/app", "one", "branch");
  at(5).body = long_body("crash");
  const Json with =
      config({rule("r", {{"body", "crash"}, {"kind", "any"}}, {{"add_labels", {"bug"}}})});
  ASSERT_TRUE(run(with).ok());
  EXPECT_EQ(labelled(), 2);
  EXPECT_THAT(labels(4), ElementsAre("bug"));
  EXPECT_THAT(labels(5), ElementsAre("bug"));
}

TEST_F(Bodies, WhatHoldsOfTheBeginningAloneDoesNotHold) {
  world_.forge.add_issue("org/app", "one", long_body("version 7"));
  ASSERT_TRUE(run(by_body("^[^0-9]*$")).ok());
  EXPECT_THAT(labels(1), IsEmpty());
}

TEST_F(Bodies, AreReadWholeOnlyWhereARuleHangsOnThem) {
  world_.forge.add_issue("org/app", "a crash", long_body(), {"wish"});
  world_.forge.add_issue("org/app", "fine", "short");
  const Json with = config({rule("in the title", {{"text", "crash"}}, {{"add_labels", {"bug"}}}),
                            rule("carries it", {{"body", "crash"}, {"without_labels", {"wish"}}},
                                 {{"add_labels", {"asked"}}})});
  ASSERT_TRUE(run(with).ok());
  EXPECT_EQ(reads(), 0);
  EXPECT_THAT(labels(1), ElementsAre("wish", "bug"));
  at(1).labels = {"bug"};
  touched(1);
  ASSERT_TRUE(later(with).ok());
  EXPECT_EQ(reads(), 1);
}

TEST_F(Bodies, ARunWhoseTimeIsUpLeavesThoseToTheNext) {
  world_.forge.add_issue("org/app", "one", long_body("crash"));
  world_.remaining = std::chrono::seconds(10);
  const auto outcome = run(by_body("crash"));
  EXPECT_EQ(outcome.result.at("left"), 1);
  EXPECT_EQ(reads(), 0);
  world_.remaining = minutes(3);
  ASSERT_TRUE(later(by_body("crash")).ok());
  EXPECT_THAT(labels(1), ElementsAre("bug"));
}

// The same holds for what reads pull requests alone.
class PullBodies : public Bodies {
 protected:
  PullBodies() {
    world_.forge.add_repo("org/app", {});
    for (int i = 0; i < 20; ++i) world_.forge.add_pull("org/app", "one", "branch");
    cap_answers(20 * 1024);
  }
  Outcome run_task(const std::string& task, const Json& key) {
    Json with{{"repos", {"org/app"}}};
    with.update(key);
    const Json schema = timmy::testing::read_manifest(MANIFEST).at("config_schema");
    return run(timmy::testing::with_defaults(schema, with), Json::object(), task);
  }
};

TEST_F(PullBodies, AReviewFindsWhatTheEndOfOneSays) {
  for (int i = 1; i <= 20; ++i) at(i).body = long_body(i == 7 ? "ExampleSoft" : "");
  const auto outcome =
      run_task("review_prs", {{"reviews",
                               {{"banned", Json::array({{{"name", "examplesoft"},
                                                         {"pattern", "ExampleSoft"},
                                                         {"in", {"body"}}}})}}}});
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result.at("rejected"), 1);
  EXPECT_EQ(outcome.result.at("waiting"), 19);
}

TEST_F(PullBodies, AnIssueIsNoOrphanOfWhichOneSpeaksAtItsEnd) {
  for (int i = 1; i <= 20; ++i) at(i).body = long_body(i == 7 ? " fixes #21" : "");
  for (int i = 0; i < 2; ++i) {
    const auto number = world_.forge.add_issue("org/app", "It crashes");
    at(number).assignees = {"ada"};
  }
  world_.advance(hours(100));
  touched(7);
  const auto outcome = run_task("orphan_work_cleanup", {{"orphans", Json::object()}});
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_THAT(at(21).comments, IsEmpty());
  EXPECT_EQ(at(22).comments.size(), 1u);
}

}  // namespace
}  // namespace triage
