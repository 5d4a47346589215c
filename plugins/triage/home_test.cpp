// SPDX-License-Identifier: Apache-2.0
//
// A repository is the same whatever its name becomes, and another that gets its name is another.
#include "triage_fixture.hpp"

namespace triage {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using timmy::Json;

class Home : public TriageTest {
 protected:
  // Issue 1 got a label, and somebody took it off.
  void undo_a_label(const Json& with) {
    world_.forge.add_issue("org/app", "one");
    ASSERT_TRUE(run(with).ok());
    ASSERT_THAT(labels(1), ElementsAre("bug"));
    world_.advance(minutes(5));
    at(1).labels.clear();
    touched(1);
    ASSERT_TRUE(later(with).ok());
    ASSERT_THAT(labels(1), IsEmpty());
  }
  static Json of(const std::string& repos) {
    return config({rule("all", {{"title", "."}}, {{"add_labels", {"bug"}}})}, {repos});
  }
  std::vector<std::string> labels_in(const std::string& repo) {
    return world_.forge.issue(repo, 1).labels;
  }
  // Another repository under the name that became free.
  void add_another() {
    world_.forge.add_repo("org/app", {"bug"});
    world_.forge.add_issue("org/app", "one");
  }
};

TEST_F(Home, APersonsWordStandsWhenTheRepositoryGetsAnotherName) {
  undo_a_label(of("org/*"));
  world_.forge.rename_repo("org/app", "org/renamed");
  ASSERT_TRUE(later(of("org/*")).ok());
  ASSERT_TRUE(later(of("org/*"), hours(25)).ok());
  EXPECT_THAT(labels_in("org/renamed"), IsEmpty());
}

TEST_F(Home, AnotherRepositoryThatTakesTheNameInheritsNothing) {
  undo_a_label(of("org/*"));
  world_.forge.rename_repo("org/app", "org/renamed");
  add_another();
  ASSERT_TRUE(later(of("org/*")).ok());
  EXPECT_THAT(labels_in("org/app"), ElementsAre("bug"));
  EXPECT_THAT(labels_in("org/renamed"), IsEmpty());
}

TEST_F(Home, OfARepositoryThatIsNamedInFullThatIsFoundOutWithinADay) {
  undo_a_label(of("org/app"));
  world_.forge.rename_repo("org/app", "org/renamed");
  add_another();
  ASSERT_TRUE(later(of("org/app"), hours(25)).ok());
  EXPECT_THAT(labels_in("org/app"), ElementsAre("bug"));
  ASSERT_TRUE(later(of("org/renamed")).ok());
  EXPECT_THAT(labels_in("org/renamed"), IsEmpty()) << "by its new name in the config";
}

TEST_F(Home, WhichRepositoryItIsIsAskedForOnceADay) {
  world_.forge.add_issue("org/app", "one");
  ASSERT_TRUE(run(of("org/app")).ok());
  EXPECT_THAT(requests(), ElementsAre("get_repo", "list_issues", "add_labels"));
  ASSERT_TRUE(later(of("org/app")).ok());
  EXPECT_THAT(requests(), ElementsAre("list_issues"));
  ASSERT_TRUE(run(of("org/app"), {{"repo", "org/app"}, {"number", 1}}).ok());
  EXPECT_THAT(requests(), ElementsAre("get_issue"));
  ASSERT_TRUE(later(of("org/app"), hours(25)).ok());
  EXPECT_THAT(requests(), ElementsAre("get_repo", "list_issues"));
  ASSERT_TRUE(later(of("org/*")).ok());
  EXPECT_THAT(requests(), Not(Contains("get_repo"))) << "the list of repositories says it";
}

TEST_F(Home, AnExplanationOfARenamedOneKnowsWhatAPersonSaid) {
  undo_a_label(of("org/*"));
  world_.forge.rename_repo("org/app", "org/renamed");
  const auto state = world_.state;
  const auto outcome =
      run(of("org/*"), {{"repo", "org/renamed"}, {"number", 1}}, "gitea_issue_triage_explain");
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result.at("held_back").size(), 1u);
  EXPECT_EQ(world_.state, state) << "it writes nothing";
}

// In names letters of either case are the same.

TEST_F(Home, AnEventThatNamesItInOtherLettersIsOfTheSame) {
  world_.forge.rename_repo("org/app", "Org/App");
  world_.forge.add_issue("Org/App", "one");
  Json with = of("org/app");
  with["rules"][0]["when"]["repository"] = {"ORG/*"};
  const auto outcome = run(with, {{"repo", "Org/App"}, {"number", 1}});
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_THAT(labels_in("Org/App"), ElementsAre("bug"));
}

TEST_F(Home, NamedInOtherLettersAndByAStarItIsLookedAtOnce) {
  world_.forge.add_issue("org/app", "one");
  for (const std::string method : {"get_repo", "list_issues", "add_labels"})
    world_.on("gitea/1." + method, [this, method](Json params) {
      params["repo"] = "org/app";
      return world_.forge.answer(method, params);
    });
  Json with = of("org/*");
  with["repos"] = {"Org/App", "org/*"};
  const auto outcome = run(with);
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result.at("repos"), 1);
  EXPECT_THAT(labels_in("org/app"), ElementsAre("bug"));
}

}  // namespace
}  // namespace triage
