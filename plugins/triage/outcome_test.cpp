// SPDX-License-Identifier: Apache-2.0
#include "outcome.hpp"

#include <gmock/gmock.h>

#include "round_robin.hpp"
#include "sample.hpp"

namespace triage {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using timmy::Json;

const Json kAny{{"title", "."}};
const Json kPriorities{"p1", "p2", "p3"};

Outcome outcome(const Json& rules, const Snapshot& one, const Record& record = {},
                const Facts& facts = {}) {
  const Rules compiled(rules, kPriorities);
  return decide(compiled, {one, facts, kNow}, record);
}

// "label bug,p1 by a,b": what a test reads.
Names told(const Outcome& outcome) {
  const auto joined = [](const Names& names) {
    std::string all;
    for (const auto& name : names) all += (all.empty() ? "" : ",") + name;
    return all;
  };
  Names all;
  for (const auto& step : outcome.steps)
    all.push_back(word(step.what) + (step.names.empty() ? "" : " " + joined(step.names)) + " by " +
                  joined(step.rules));
  return all;
}

Names held(const Outcome& outcome) {
  Names all;
  for (const auto& each : outcome.held) all.push_back(each.what + ": " + each.why);
  return all;
}

TEST(Outcome, AddsOnlyWhatIsMissingEachLabelOnce) {
  const auto rules = Json::array({rule("one", kAny, {{"add_labels", {"x", "y"}}}),
                                  rule("two", kAny, {{"add_labels", {"y", "z"}}}),
                                  rule("four", {{"title", "no"}}, {{"add_labels", {"w"}}})});
  EXPECT_THAT(told(outcome(rules, issue("a", "", {"x"}))), ElementsAre("label y,z by one,two"));
  EXPECT_THAT(told(outcome(rules, issue("a", "", {"x", "y", "z"}))), IsEmpty());
}

TEST(Outcome, DoesThingsInTheirOrderAndClosesLast) {
  const auto rules = Json::array({rule("all", kAny,
                                       {{"close", true},
                                        {"comment", "bye {assignees}"},
                                        {"remove_labels", {"old", "absent"}},
                                        {"add_labels", {"new"}},
                                        {"priority", "p2"},
                                        {"assign", {"grace"}}}),
                                  rule("more", kAny, {{"comment", "and more"}})});
  const auto all = outcome(rules, issue("a", "", {"old"}));
  EXPECT_THAT(told(all),
              ElementsAre("assign grace by all", "label new,p2 by all", "unlabel old by all",
                          "comment by all", "comment by more", "close by all"));
  EXPECT_EQ(all.steps[3].text, "bye grace");
}

TEST(Outcome, APlanOfAClockThatWasAheadIsNoneAnyMore) {
  const auto rules = Json::array({rule("r", {{"title", "no"}}, {{"add_labels", {"x"}}})});
  const Rules compiled(rules, kPriorities);
  Record record;
  record.plan = {Step{.what = Step::What::label, .names = {"x"}, .rules = {"r"}}};
  record.rules = compiled.fingerprint();
  for (const auto& [hours, steps] :
       std::map<int, std::size_t>{{-25, 0}, {-1, 1}, {1, 1}, {25, 0}}) {
    record.planned = timmy::format_time(kNow + std::chrono::hours(hours));
    EXPECT_EQ(outcome(rules, issue("a"), record).steps.size(), steps) << hours;
  }
}

TEST(Outcome, OfAClosedIssueThereIsNone) {
  Snapshot closed = issue("a");
  closed.open = false;
  EXPECT_THAT(told(outcome(Json::array({rule("r", kAny)}), closed)), IsEmpty());
}

TEST(Outcome, ALabelThatWeAddedAndIsGoneStaysOff) {
  Record record;
  record.added["x"] = "2026-01-01";
  const auto rules = Json::array({rule("r", kAny, {{"add_labels", {"x", "y"}}})});
  const auto now = outcome(rules, issue("a"), record);
  EXPECT_THAT(told(now), ElementsAre("label y by r"));
  EXPECT_THAT(held(now), ElementsAre("label \"x\": triage added it at 2026-01-01, and it was taken "
                                     "off since"));
  EXPECT_THAT(held(outcome(rules, issue("a", "", {"x", "y"}), record)), IsEmpty());
}

TEST(Outcome, ALabelThatWeTookOffAndIsBackStaysOn) {
  Record record;
  record.removed["x"] = "2026-01-01";
  const auto now = outcome(Json::array({rule("r", kAny, {{"remove_labels", {"x"}}})}),
                           issue("a", "", {"x"}), record);
  EXPECT_THAT(told(now), IsEmpty());
  EXPECT_THAT(held(now), ElementsAre(HasSubstr("it was put back since")));
}

TEST(Outcome, AnAssigneeWhoWasTakenBackStaysOff) {
  Record record;
  record.assigned["Grace"] = "2026-01-01";
  const auto now =
      outcome(Json::array({rule("r", kAny, {{"assign", {"grace", "linus"}}})}), issue("a"), record);
  EXPECT_THAT(told(now), ElementsAre("assign linus by r"));
  EXPECT_THAT(held(now), ElementsAre(HasSubstr("triage assigned it to grace")));
}

TEST(Outcome, AssignsByNameWhoeverElseIs) {
  Snapshot one = issue("a");
  one.assignees = {"ada"};
  const auto rules = Json::array({rule("r", kAny, {{"assign", {"Ada", "grace"}}})});
  EXPECT_THAT(told(outcome(rules, one)), ElementsAre("assign grace by r"));
}

TEST(Outcome, AssignsInTurnOnlyIfNobodyIs) {
  const auto rules = Json::array({rule("r", kAny, {{"assign_round_robin", {"a", "b", "c"}}}),
                                  rule("s", kAny, {{"assign_round_robin", {"d"}}})});
  Facts facts;
  facts.turns["r"] = {"a", "org/app#1"};
  EXPECT_THAT(told(outcome(rules, issue("x"), {}, facts)), ElementsAre("assign b by r"))
      << "the first rule has its way";
  Snapshot taken = issue("x");
  taken.assignees = {"zoe"};
  EXPECT_THAT(told(outcome(rules, taken, {}, facts)), IsEmpty());
}

TEST(Outcome, ByNameLeavesNothingToARoundRobin) {
  const auto rules = Json::array({rule("r", kAny, {{"assign_round_robin", {"a", "b"}}}),
                                  rule("s", kAny, {{"assign", {"d"}}})});
  EXPECT_THAT(told(outcome(rules, issue("x"))), ElementsAre("assign d by s"));
}

TEST(Outcome, ARoundRobinChoosesOnceForAnIssue) {
  Record record;
  record.assigned["a"] = "2026-01-01";
  const auto now = outcome(Json::array({rule("r", kAny, {{"assign_round_robin", {"a", "b"}}})}),
                           issue("x"), record);
  EXPECT_THAT(told(now), IsEmpty());
  EXPECT_THAT(held(now), ElementsAre(HasSubstr("triage assigned it to a")));
}

TEST(RoundRobin, GoesAroundAndStaysForOneIssue) {
  const Names all{"a", "b", "c"};
  EXPECT_EQ(whose_turn(all, {}, "i"), "a");
  EXPECT_EQ(whose_turn(all, {"a", "h"}, "i"), "b");
  EXPECT_EQ(whose_turn(all, {"C", "h"}, "i"), "a");
  EXPECT_EQ(whose_turn(all, {"b", "i"}, "i"), "b") << "chosen before";
  EXPECT_EQ(whose_turn(all, {"gone", "h"}, "i"), "a");
}

TEST(Outcome, TheFirstPriorityHasItsWay) {
  const auto rules =
      Json::array({rule("a", {{"title", "no"}}, {{"priority", "p1"}}),
                   rule("b", kAny, {{"priority", "p2"}}), rule("c", kAny, {{"priority", "p3"}})});
  EXPECT_THAT(told(outcome(rules, issue("x"))), ElementsAre("label p2 by b"));
}

TEST(Outcome, APriorityThatAPersonChoseStays) {
  const auto rules = Json::array({rule("a", kAny, {{"priority", "p1"}})});
  const auto now = outcome(rules, issue("x", "", {"p3"}));
  EXPECT_THAT(told(now), IsEmpty());
  EXPECT_THAT(held(now), ElementsAre("priority \"p1\": somebody chose \"p3\""));
}

TEST(Outcome, APriorityThatAPersonTookOffStaysOff) {
  Record record;
  record.priorities["p2"] = "2026-01-01";
  const auto now =
      outcome(Json::array({rule("a", kAny, {{"priority", "p1"}})}), issue("x"), record);
  EXPECT_THAT(told(now), IsEmpty());
  EXPECT_THAT(held(now), ElementsAre(HasSubstr("triage chose \"p2\"")));
}

TEST(Outcome, OurOwnPriorityMayBecomeAnotherEachOnce) {
  Record record;
  record.priorities["p2"] = "2026-01-01";
  const auto to_p1 = Json::array({rule("a", kAny, {{"priority", "p1"}})});
  EXPECT_THAT(told(outcome(to_p1, issue("x", "", {"p2"}), record)),
              ElementsAre("label p1 by a", "unlabel p2 by a"));
  record.priorities["p1"] = "2026-01-02";
  const auto back = Json::array({rule("a", kAny, {{"priority", "p2"}})});
  EXPECT_THAT(told(outcome(back, issue("x", "", {"p1"}), record)), IsEmpty())
      << "rules that contradict each other come to rest";
}

TEST(Outcome, CommentsAndClosesOnce) {
  const auto rules = Json::array({rule("r", kAny, {{"comment", "bye"}, {"close", true}})});
  Record record;
  record.commented["r"] = record.closed = "2026-01-01";
  const auto now = outcome(rules, issue("x"), record);
  EXPECT_THAT(told(now), IsEmpty());
  EXPECT_THAT(held(now), ElementsAre(HasSubstr("it was opened again since")));
}

TEST(Outcome, SaysWhenTimeAloneBringsMore) {
  const auto rules =
      Json::array({rule("a", {{"older_than", "9d"}}), rule("b", {{"older_than", "3d"}}),
                   rule("c", {{"older_than", "2d"}, {"title", "no"}})});
  EXPECT_EQ(outcome(rules, issue("x")).due, kNow + std::chrono::hours(48));
}

TEST(Outcome, ARuleThatCannotBeJudgedKeepsNoOther) {
  const auto rules = Json::array({rule("a", {{"team", {"core"}}}), rule("b", kAny)});
  const auto now = outcome(rules, issue("x"));
  EXPECT_THAT(told(now), ElementsAre("label x by b"));
  EXPECT_THAT(now.unjudged, ElementsAre("a"));
}

// What an earlier run began.

Record planned(std::vector<Step> plan, const Json& rules, timmy::Time when = kNow) {
  Record record;
  record.plan = std::move(plan);
  record.planned = timmy::format_time(when);
  record.rules = Rules(rules, kPriorities).fingerprint();
  return record;
}

Record begun(std::vector<Step> plan, const Json& rules, const Snapshot& before) {
  Record record = planned(std::move(plan), rules);
  record.begin(before, kNow - std::chrono::hours(1));
  return record;
}

Step label(const Names& names) {
  return {.what = Step::What::label, .names = names, .rules = {"r"}};
}
const Step kComment{.what = Step::What::comment, .text = "hello", .rules = {"r"}};
const Step kClose{.what = Step::What::close, .rules = {"r"}};

const Json kOthers = Json::array({rule("other", {{"title", "no"}})});

TEST(Outcome, WhatWasInDoubtIsDoneAgainWhereNothingHappenedSince) {
  const auto record = begun({label({"x", "y"}), kComment}, kOthers, issue("a"));
  const auto now = outcome(kOthers, issue("a"), record);
  EXPECT_THAT(told(now), ElementsAre("label x,y by r", "comment by r"));
  EXPECT_TRUE(now.resumed);
}

TEST(Outcome, WhatWasInDoubtCountsAsDoneWhereSomethingHappened) {
  const auto rules = Json::array({rule("r", kAny)});
  const auto record = begun({label({"x"}), kComment}, rules, issue("a"));
  Snapshot changed = issue("a");
  changed.updated_at = kNow;
  const auto now = outcome(rules, changed, record);
  EXPECT_THAT(told(now), ElementsAre("comment by r")) << "whoever took the label off is not fought";
  EXPECT_THAT(held(now), ElementsAre(HasSubstr("taken off since")));
}

TEST(Outcome, WhatShowsWasDoneThoughTheVersionIsStillTheSame) {
  const auto rules = Json::array({rule("r", kAny)});
  const auto record = begun({label({"x", "y"})}, rules, issue("a"));
  EXPECT_THAT(told(outcome(rules, issue("a", "", {"x"}), record)), ElementsAre("label y by r"));
  const auto known = settled(record, issue("a", "", {"x"}));
  EXPECT_TRUE(known.added.contains("x"));
  EXPECT_FALSE(known.added.contains("y"));
  EXPECT_THAT(held(outcome(rules, issue("a"), known)), ElementsAre(HasSubstr("label \"x\"")));
}

TEST(Outcome, WhatTheForgeDoesNotDateIsInDoubt) {
  Snapshot undated = issue("a");
  undated.updated_at.reset();
  EXPECT_THAT(told(outcome(kOthers, undated, begun({label({"x"})}, kOthers, undated))), IsEmpty());
}

TEST(Outcome, TheRestIsDoneThoughTheRuleNoLongerMatches) {
  const auto record = planned({label({"x", "y"}), kComment, kClose}, kOthers);
  EXPECT_THAT(told(outcome(kOthers, issue("a", "", {"x"}), record)),
              ElementsAre("label y by r", "comment by r", "close by r"));
}

TEST(Outcome, TheRestKeepsNoOtherRuleAndNothingIsAskedForTwice) {
  const auto rules =
      Json::array({rule("r", kAny, {{"add_labels", {"bad", "good"}}, {"close", true}})});
  const auto record = planned({label({"bad"}), kClose}, rules);
  EXPECT_THAT(told(outcome(rules, issue("a"), record)),
              ElementsAre("label bad by r", "label good by r", "close by r"));
}

TEST(Outcome, TheRestOfLongAgoOrOfOtherRulesIsDecidedAnew) {
  const auto old = planned({label({"x"})}, kOthers, kNow - std::chrono::hours(25));
  EXPECT_THAT(told(outcome(kOthers, issue("a"), old)), IsEmpty());
  const auto record = planned({label({"x"})}, Json::array({rule("r", kAny)}));
  EXPECT_THAT(told(outcome(kOthers, issue("a"), record)), IsEmpty())
      << "a rule that was taken back, as after a dry run, does nothing more";
}

TEST(Outcome, WhatDidNotHappenMayBeAskedForByOtherRules) {
  const auto record = begun({label({"x"})}, kOthers, issue("a"));
  const auto rules = Json::array({rule("new", kAny)});
  EXPECT_THAT(told(outcome(rules, issue("a"), record)), ElementsAre("label x by new"));
}

TEST(Outcome, ARoundRobinsChoiceIsNotCarriedOutWhereSomebodyTookIt) {
  const auto record =
      planned({{.what = Step::What::assign, .names = {"a"}, .turn = "r", .rules = {"r"}}}, kOthers);
  Snapshot taken = issue("a");
  taken.assignees = {"zoe"};
  EXPECT_THAT(told(outcome(kOthers, taken, record)), IsEmpty());
}

TEST(Record, ComesBackAsItWas) {
  Record record = begun({label({"x", "p1"}), kComment, kClose}, kOthers, issue("a"));
  record.plan[0].priority = "p1";
  record.plan[0].turn = "t";
  record.begin(issue("a"), kNow);
  const auto json = record.to_json();
  EXPECT_EQ(Record::from(Json::parse(json.dump())).to_json(), json);
  EXPECT_EQ(json.at("added").size(), 2u);
  EXPECT_TRUE(json.at("priorities").contains("p1"));
  record.take_back(Step(record.plan[0]));
  EXPECT_FALSE(record.to_json().contains("added"));
  EXPECT_FALSE(record.to_json().contains("priorities"));
  EXPECT_EQ(Record().to_json(), Json::object());
}

}  // namespace
}  // namespace triage
