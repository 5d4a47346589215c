// SPDX-License-Identifier: Apache-2.0
//
// That a person's word stands, whenever a run ends.
#include "triage_fixture.hpp"

namespace triage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using timmy::Json;

// A desk with one issue, and a rule that no longer matches once it has begun.
class Person : public Desk {
 public:
  Person() {
    world_.forge.add_issue("org/app", "It broke", "", {"wish"});
    world_.advance(std::chrono::hours(1));
  }
  static Json everything() {
    return config({rule("ask", {{"without_labels", {"asked"}}},
                        {{"add_labels", {"asked", "bug"}},
                         {"remove_labels", {"wish"}},
                         {"priority", "p2"},
                         {"assign_round_robin", {"bob", "carol"}},
                         {"comment", "What happened, {author}?"},
                         {"close", true}})});
  }
  void expect_all_done(const std::string& when) {
    EXPECT_THAT(labels(1), UnorderedElementsAre("asked", "bug", "p2")) << when;
    EXPECT_THAT(at(1).assignees, ElementsAre("bob")) << when;
    EXPECT_THAT(at(1).comments, SizeIs(1)) << when;
    EXPECT_EQ(at(1).state, "closed") << when;
  }
  // Somebody acts, as the forge would show it.
  template <class Act>
  void somebody(const Act& act) {
    world_.advance(std::chrono::minutes(1));
    act(at(1));
    touched(1);
    world_.advance(std::chrono::minutes(1));
  }
  void days(int count) {
    for (int day = 0; day < count; ++day)
      EXPECT_TRUE(later(everything(), std::chrono::hours(24)).ok());
  }
  [[nodiscard]] bool keeps(const std::string& key) const { return world_.state.contains(key); }
};

TEST(PersonTest, DoesAllOfAPlanThoughItsRuleStopsMatching) {
  Person person;
  const auto outcome = person.run(Person::everything());
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  person.expect_all_done("at once");
  EXPECT_EQ(person.at(1).comments[0].body, "What happened, alice?");
  EXPECT_EQ(outcome.result.at("changes"), Json::parse(R"([{"issue": "org/app#1",
      "added": ["asked", "bug", "p2"], "removed": ["wish"], "assigned": ["bob"],
      "commented": ["ask"], "closed": true}])"));
  const auto& record = person.world_.state.at("record/1#1");
  EXPECT_FALSE(record.contains("plan") || record.contains("before")) << record;
}

// Limits of state/1: a key of 256 bytes, a value of 64 KiB.

TEST(PersonTest, RulesMayHaveLongNamesAndSayMuchAndStillBeGoneOnWith) {
  std::vector<Json> rules;
  for (int i = 0; i < 200; ++i) {
    const auto name = std::string(400, 'n') + std::to_string(i);
    Json does{{"add_labels", {"bug"}}};
    if (i < 12) does["comment"] = std::string(8000, 'c');
    if (i == 0) does["assign_round_robin"] = {"bob", "carol"};
    rules.push_back(Desk::rule(name, {{"without_labels", {"bug"}}}, does));
  }
  const Json with = Desk::config(rules);
  for (int last : {10, 14, 18, 30}) {
    Person person;
    person.world_.cancel_at_call(last);
    EXPECT_EQ(person.run(with).status, TIMMY_CANCELLED);
    const auto outcome = person.later(with, std::chrono::minutes(5));
    ASSERT_TRUE(outcome.ok()) << outcome.message;
    EXPECT_THAT(person.labels(1), UnorderedElementsAre("bug", "wish")) << last;
    EXPECT_THAT(person.at(1).assignees, ElementsAre("bob"));
    ASSERT_THAT(person.at(1).comments, SizeIs(12));
    for (const auto& comment : person.at(1).comments) EXPECT_EQ(comment.body.size(), 8000u);
  }
}

// Each of its calls is the last one once, before it is answered; what was answered before counts.
TEST(PersonTest, ARunThatEndsAnywhereIsFinishedByTheNextAndNothingComesTwice) {
  bool whole = false;
  int last = 0;
  while (!whole && ++last < 100) {
    Person person;
    person.world_.cancel_at_call(last);
    whole = person.run(Person::everything()).ok();
    EXPECT_TRUE(person.later(Person::everything(), std::chrono::minutes(5)).ok());
    person.expect_all_done("ended at call " + std::to_string(last));
  }
  EXPECT_TRUE(whole && last > 12) << last;
}

// The same, and in between somebody undoes all that is there.
TEST(PersonTest, WhatSomebodyUndidStaysUndoneWhereverTheRunEnded) {
  bool whole = false;
  int last = 0;
  while (!whole && ++last < 100) {
    Person person;
    person.world_.cancel_at_call(last);
    whole = person.run(Person::everything()).ok();
    const std::string when = "ended at call " + std::to_string(last);
    const auto had = person.at(1);
    const bool took_off = !testing::Value(had.labels, testing::Contains("wish"));
    person.somebody([](auto& issue) {
      issue.labels = {"wish"};
      issue.assignees.clear();
      issue.state = "open";
      issue.comments.clear();
    });
    for (int i = 0; i < 3; ++i) (void)person.later(Person::everything());
    const auto& has = person.at(1);
    for (const std::string label : {"asked", "bug", "p2"}) {
      if (testing::Value(had.labels, testing::Contains(label))) {
        EXPECT_THAT(has.labels, testing::Not(testing::Contains(label))) << when;
      }
    }
    EXPECT_TRUE(!took_off || testing::Value(has.labels, testing::Contains("wish"))) << when;
    EXPECT_TRUE(had.assignees.empty() || has.assignees.empty()) << when;
    EXPECT_TRUE(had.comments.empty() || has.comments.empty()) << when;
    EXPECT_TRUE(had.state == "open" || has.state == "open") << when;
  }
  EXPECT_TRUE(whole && last > 12) << last;
}

TEST(PersonTest, ALostReplyNeitherCommentsTwiceNorFightsWhoeverTookTheLabelOff) {
  const Json with = Desk::config(
      {Desk::rule("r", {{"title", "."}}, {{"add_labels", {"bug"}}, {"comment", "hi"}})});
  for (const std::string method : {"gitea/1.add_labels", "gitea/1.keep_comment"}) {
    Person person;
    person.world_.on(method, [&person, method](const Json& params) -> Json {
      (void)person.world_.forge.answer(method.substr(8), params);
      throw timmy::Retryable("timed_out", "no reply");
    });
    EXPECT_EQ(person.run(with).status, TIMMY_RETRYABLE);
    person.world_.succeed(method);
    person.somebody([](auto& issue) { issue.labels = {"wish"}; });
    EXPECT_TRUE(person.run(with).ok());
    EXPECT_TRUE(person.run(with).ok());
    EXPECT_THAT(person.labels(1), ElementsAre("wish")) << method;
    EXPECT_THAT(person.at(1).comments, SizeIs(1)) << method;
  }
}

TEST(PersonTest, ADryRunLeavesNoRecordOfWhatWasNotDone) {
  constexpr const char* kWrites[] = {"add_labels", "add_assignees", "remove_label", "keep_comment",
                                     "set_issue_state"};
  Person person;
  for (const std::string method : kWrites)
    person.world_.on("gitea/1." + method, [&person, method](const Json& params) {
      auto copy = person.world_.forge;
      Json reply = copy.answer(method, params);
      reply["dry_run"] = true;
      return reply;
    });
  const auto outcome = person.run(Person::everything());
  ASSERT_TRUE(outcome.ok()) << outcome.message;
  EXPECT_EQ(outcome.result.at("changes")[0].at("dry_run"), true);
  EXPECT_EQ(outcome.result.at("changes")[0].at("closed"), true) << "all of it is rehearsed";
  EXPECT_THAT(person.world_.log_text(), HasSubstr("dry run: org/app#1: added"));
  for (const auto& [key, value] : person.world_.state)
    EXPECT_FALSE(key.starts_with("record/") || key.starts_with("turn/")) << key;

  for (const std::string method : kWrites) person.world_.succeed("gitea/1." + method);
  EXPECT_TRUE(person.run(Person::everything(), {{"full", true}}).ok());
  person.expect_all_done("for real");
}

TEST(PersonTest, ForgetsARecordAMonthAfterItsIssueWasClosed) {
  Person person;
  EXPECT_TRUE(person.run(Person::everything()).ok());
  person.days(30);
  EXPECT_TRUE(person.keeps("record/1#1"));
  EXPECT_TRUE(person.keeps("closed/1"));
  person.days(1);
  EXPECT_TRUE(person.keeps("record/1#1"));
  person.days(1);
  EXPECT_FALSE(person.keeps("record/1#1"));
  person.days(1);
  EXPECT_FALSE(person.keeps("closed/1"));
}

TEST(PersonTest, KeepsTheRecordOfAnOpenIssueHoweverLongItWasClosedBefore) {
  Person person;
  EXPECT_TRUE(person.run(Person::everything()).ok());
  person.days(20);
  EXPECT_TRUE(person.keeps("closed/1"));
  person.somebody([](auto& issue) { issue.state = "open"; });
  person.days(20);
  EXPECT_TRUE(person.keeps("record/1#1"));
  EXPECT_FALSE(person.keeps("closed/1"));
  EXPECT_EQ(person.at(1).state, "open");
}

}  // namespace
}  // namespace triage
