// SPDX-License-Identifier: Apache-2.0
#include "pair.hpp"

#include "fixture.hpp"

namespace provenance {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

ToolCall call(const std::string& id, const std::string& name = "terminal") {
  return {id, name, "{}"};
}

// "user:hi" of entries.
std::vector<std::string> texts(const Turns& turns, std::size_t from, std::size_t to) {
  static constexpr const char* kRoles[] = {"system", "user", "assistant", "tool"};
  std::vector<std::string> all;
  for (auto at = from; at < to; ++at) {
    const auto& entry = turns.entries[at];
    auto text =
        std::string(kRoles[static_cast<int>(entry.message->role)]) + ":" + entry.message->content;
    for (const auto* each : entry.calls) text += "+" + each->id;
    if (entry.answers != nullptr) text += "=" + entry.answers->id;
    all.push_back(std::move(text));
  }
  return all;
}
std::vector<std::string> prompt(const Turns& turns, std::size_t turn) {
  return texts(turns, 0, turns.pairs[turn].answer);
}
std::vector<std::string> response(const Turns& turns, std::size_t turn) {
  return texts(turns, turns.pairs[turn].answer, turns.pairs[turn].end);
}
std::vector<Flaw> flaws(const Turns& turns) {
  std::vector<Flaw> all;
  for (const auto& pair : turns.pairs) all.push_back(pair.flaw);
  return all;
}

TEST(PairsOf, ATurnIsWhatTheUserSaysWithTheContextBeforeAndTheAnswerAfter) {
  const auto session =
      Writer("s").system("You help.").user("a").says("A").user("b").says("B").done();
  const auto turns = pairs_of(session);
  ASSERT_EQ(turns.pairs.size(), 2u);
  EXPECT_THAT(prompt(turns, 0), ElementsAre("system:You help.", "user:a"));
  EXPECT_THAT(response(turns, 0), ElementsAre("assistant:A"));
  EXPECT_THAT(prompt(turns, 1), ElementsAre("system:You help.", "user:a", "assistant:A", "user:b"));
  EXPECT_THAT(response(turns, 1), ElementsAre("assistant:B"));
  EXPECT_THAT(flaws(turns), ElementsAre(Flaw::none, Flaw::none));
  EXPECT_EQ(turns.pairs[1].first_row, 3u);
  EXPECT_EQ(turns.pairs[1].last_row, 4u);
}

TEST(PairsOf, ResultsStandBehindTheirCallsWhereverTheyWereWritten) {
  const auto session = Writer("s")
                           .user("a")
                           .calls({call("1"), call("2")}, "Looking.")
                           .result("2", "two")
                           .result("1", "one")
                           .says("Done.")
                           .done();
  const auto turns = pairs_of(session);
  EXPECT_THAT(response(turns, 0),
              ElementsAre("assistant:Looking.+1+2", "tool:one=1", "tool:two=2", "assistant:Done."));
  EXPECT_EQ(turns.pairs[0].flaw, Flaw::none);
  EXPECT_EQ(turns.pairs[0].steps.size(), 2u);
}

TEST(PairsOf, AResultAfterTheNextQuestionBelongsToItsCall) {
  const auto session = Writer("s")
                           .user("a")
                           .calls({call("1")})
                           .says("A")
                           .user("b")
                           .result("1", "late")
                           .says("B")
                           .done();
  const auto turns = pairs_of(session);
  EXPECT_THAT(response(turns, 0), ElementsAre("assistant:+1", "tool:late=1", "assistant:A"));
  EXPECT_EQ(turns.pairs[0].last_row, 4u) << "the chain covers the late row";
  EXPECT_THAT(response(turns, 1), ElementsAre("assistant:B"));
}

TEST(PairsOf, AnIdThatIsUsedAgainMeansTheLatestOpenCall) {
  const auto session = Writer("s")
                           .user("a")
                           .calls({call("call_0")})
                           .result("call_0", "first")
                           .calls({call("call_0")})
                           .result("call_0", "second")
                           .says("A")
                           .done();
  EXPECT_THAT(response(pairs_of(session), 0),
              ElementsAre("assistant:+call_0", "tool:first=call_0", "assistant:+call_0",
                          "tool:second=call_0", "assistant:A"));
}

TEST(PairsOf, AResultWhoseIdIsLostAnswersTheNextOpenCall) {
  const auto session = Writer("s")
                           .user("a")
                           .calls({call("1"), call("2")})
                           .result("1", "one")
                           .result("", "two")
                           .says("A")
                           .done();
  EXPECT_THAT(response(pairs_of(session), 0),
              ElementsAre("assistant:+1+2", "tool:one=1", "tool:two=2", "assistant:A"));
}

TEST(PairsOf, ACallThatNothingAnsweredSpoilsItsTurnAndIsInNoContext) {
  const auto session =
      Writer("s").user("a").calls({call("1")}, "Let me see.").user("b").says("B").done();
  const auto turns = pairs_of(session);
  EXPECT_THAT(flaws(turns), ElementsAre(Flaw::missing_result, Flaw::none));
  EXPECT_THAT(prompt(turns, 1), ElementsAre("user:a", "assistant:Let me see.", "user:b"));
  EXPECT_EQ(turns.pairs[0].steps.at(0).outcome, Outcome::missing);
}

TEST(PairsOf, AResultWithoutACallSpoilsItsTurnAndIsInNoContext) {
  const auto session =
      Writer("s").user("a").result("9", "whose?").says("A").user("b").says("B").done();
  const auto turns = pairs_of(session);
  EXPECT_THAT(flaws(turns), ElementsAre(Flaw::orphan_result, Flaw::none));
  EXPECT_THAT(prompt(turns, 1), ElementsAre("user:a", "assistant:A", "user:b"));
}

TEST(PairsOf, UserRowsInARowAreOneTurn) {
  const auto session = Writer("s").user("a").user("and b").says("AB").done();
  const auto turns = pairs_of(session);
  ASSERT_EQ(turns.pairs.size(), 1u);
  EXPECT_THAT(prompt(turns, 0), ElementsAre("user:a", "user:and b"));
}

TEST(PairsOf, SystemRowsStayWhereTheyStand) {
  const auto session = Writer("s")
                           .user("a")
                           .calls({call("1")})
                           .system("Budget is low.")
                           .result("1", "one")
                           .says("A")
                           .system("New topic.")
                           .user("b")
                           .says("B")
                           .done();
  const auto turns = pairs_of(session);
  EXPECT_THAT(response(turns, 0),
              ElementsAre("assistant:+1", "tool:one=1", "system:Budget is low.", "assistant:A"));
  EXPECT_THAT(prompt(turns, 1),
              ElementsAre("user:a", "assistant:+1", "tool:one=1", "system:Budget is low.",
                          "assistant:A", "system:New topic.", "user:b"));
}

TEST(PairsOf, WhatEndsWithoutWordsIsUnfinished) {
  EXPECT_THAT(flaws(pairs_of(Writer("s").user("a").calls({call("1")}).result("1", "one").done())),
              ElementsAre(Flaw::unfinished));
  EXPECT_THAT(flaws(pairs_of(Writer("s").user("a").says("").done())), ElementsAre(Flaw::no_answer));
  EXPECT_THAT(flaws(pairs_of(Writer("s").user("a").done())), ElementsAre(Flaw::no_answer));
  EXPECT_THAT(flaws(pairs_of(Writer("s").user("").says("A").done())),
              ElementsAre(Flaw::empty_prompt));
}

TEST(PairsOf, TheLastTurnOfALiveSessionWaits) {
  const auto session = Writer("s").user("a").says("A").user("b").says("B").live().done();
  EXPECT_THAT(flaws(pairs_of(session)), ElementsAre(Flaw::none, Flaw::live));
}

TEST(PairsOf, WhatStandsBeforeTheFirstQuestionIsContext) {
  const auto session = Writer("s").says("[Summary of earlier]").user("a").says("A").done();
  const auto turns = pairs_of(session);
  EXPECT_THAT(prompt(turns, 0), ElementsAre("assistant:[Summary of earlier]", "user:a"));
  EXPECT_EQ(turns.pairs[0].turn, 1u);
}

TEST(PairsOf, WhatWasMoreThanTextSpoilsItsTurnAndThoseThatFollow) {
  Writer writer("s");
  writer.user("a").says("A").user("look").says("A cat.").user("b").says("B");
  writer.raw().messages[2].partial = true;
  EXPECT_THAT(flaws(pairs_of(writer.done())),
              ElementsAre(Flaw::none, Flaw::not_text, Flaw::not_text));
}

TEST(PairsOf, WhatWasMoreThanTextBehindAnAnswerIsTheNextTurns) {
  Writer writer("s");
  writer.user("a").says("A").system("A picture:").user("b").says("B");
  writer.raw().messages[2].partial = true;
  EXPECT_THAT(flaws(pairs_of(writer.done())), ElementsAre(Flaw::none, Flaw::not_text));
}

TEST(PairsOf, NothingComesOfNothing) {
  EXPECT_THAT(pairs_of(Writer("s").done()).pairs, IsEmpty());
  EXPECT_THAT(pairs_of(Writer("s").system("x").says("y").result("1", "z").done()).pairs, IsEmpty());
}

TEST(OutcomeOf, ReadsMembersAndNotWhatStandsInTexts) {
  EXPECT_EQ(outcome_of(R"({"output": "x", "exit_code": 0, "error": null})"), Outcome::ok);
  EXPECT_EQ(outcome_of(R"({"output": "x", "exit_code": 1, "error": null})"), Outcome::error);
  EXPECT_EQ(outcome_of(R"({"error": "no such file"})"), Outcome::error);
  EXPECT_EQ(outcome_of(R"({"output": "say \"error\": true, \"exit_code\": 3", "exit_code": 0})"),
            Outcome::ok);
  EXPECT_EQ(outcome_of("exit_code: 3"), Outcome::ok);
  EXPECT_EQ(outcome_of("[Result unavailable: interrupted]"), Outcome::unavailable);
  EXPECT_EQ(outcome_of("[Tool execution cancelled by user]"), Outcome::unavailable);
}

TEST(PairTimes, AreTheLatestOfAllRowsUpToATurnsEnd) {
  Writer writer("s");
  writer.user("a").says("A").user("b").says("B").user("c").says("C");
  writer.raw().messages[1].at = at("2026-03-30T15:00:00Z");
  writer.raw().messages[5].at = at("2026-03-30T16:00:00Z");
  const auto session = writer.done();
  const auto turns = pairs_of(session);
  ASSERT_EQ(turns.pairs.size(), 3u);
  EXPECT_EQ(turns.pairs[0].latest, at("2026-03-30T15:00:00Z"));
  EXPECT_EQ(turns.pairs[1].latest, at("2026-03-30T15:00:00Z")) << "of its context";
  EXPECT_EQ(turns.pairs[2].latest, at("2026-03-30T16:00:00Z"));
}

}  // namespace
}  // namespace provenance
