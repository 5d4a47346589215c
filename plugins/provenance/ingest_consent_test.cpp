// SPDX-License-Identifier: Apache-2.0
//
// What a run does with what people allowed, and took back.
#include "fixture.hpp"
#include "report.hpp"

namespace provenance {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using timmy::Json;

class IngestConsentTest : public FolderTest {};

TEST_F(IngestConsentTest, WhatNobodyAllowedStaysOutWithItsReason) {
  stores_.put(Writer("s", "telegram").of_user("1").user("a").says("A").done());
  stores_.put(Writer("t", "").user("b").says("B").done());
  stores_.put(Writer("u", "kanban").user("c").says("C").done());
  const auto result = ingest();
  EXPECT_EQ(result.at("rejected"),
            (Json{{"third_party", 1}, {"unknown_source", 1}, {"no_consent", 1}}));
  EXPECT_THAT(pairs(), IsEmpty());
  EXPECT_EQ(report(settings()).at("rejected"), result.at("rejected"));
}

TEST_F(IngestConsentTest, WithoutAPolicyNothingComesAndNothingGoes) {
  stores_.put(simple("s", "a", "A"));
  ingest();
  write_policy("{");
  stores_.put(simple("t", "b", "B"));
  auto result = ingest();
  EXPECT_EQ(result.at("rejected"), (Json{{"policy_invalid", 2}}));
  EXPECT_THAT(result.at("policy_problem").get<std::string>(), HasSubstr("no JSON"));
  EXPECT_THAT(answers(), ElementsAre("A"));
  std::filesystem::remove(home_ / "policy.json");
  stores_.put(simple("u", "c", "C"));
  EXPECT_EQ(ingest().at("rejected"), (Json{{"policy_missing", 3}}));
  EXPECT_THAT(answers(), ElementsAre("A"));
  allow({rule("own", "internal", {{"source", "cli"}})});
  ingest();
  EXPECT_THAT(answers(), ElementsAre("A", "B", "C"));
  expect_valid();
}

TEST_F(IngestConsentTest, AWithdrawalLeavesNothingAndIsRecorded) {
  config_["file_pairs"] = 2;
  for (const std::string id : {"s1", "s2", "s3", "s4", "s5"})
    stores_.put(simple(id, "secret question of " + id, "secret answer of " + id));
  ingest();
  allow({rule("own", "internal", {{"source", "cli"}}),
         rule("gone", "none", {{"session", {"s2", "s5"}}})});
  const auto result = ingest();
  EXPECT_EQ(result.at("withdrawn"), 2);
  EXPECT_THAT(answers(),
              ElementsAre("secret answer of s1", "secret answer of s3", "secret answer of s4"));
  EXPECT_THAT(everything(), Not(HasSubstr("of s2")));
  EXPECT_THAT(everything(), Not(HasSubstr("of s5")));
  const auto record = manifest().withdrawals.at(0);
  EXPECT_EQ(record.at("withdrawn"), 2);
  EXPECT_EQ(record.at("at"), "2026-11-29T12:00:00Z");
  EXPECT_EQ(record.at("policy_sha256"), manifest().about.at("policy").at("sha256"));
  expect_valid();
}

TEST_F(IngestConsentTest, AWithdrawalIsDoneAlsoWhereNoStoreCanBeRead) {
  class Unreadable : public SessionSource {
   public:
    Passed read(const Json&, const std::function<void(Session&&)>&) override {
      throw timmy::Retryable("io", "no store");
    }
    std::optional<Session> find(const std::string&) override { return std::nullopt; }
  } unreadable;
  stores_.put(simple("s", "a", "A"));
  ingest();
  allow({});
  IngestOrder order;
  order.saved = saved_;
  EXPECT_THROW((void)provenance::ingest(settings(), unreadable, std::move(order)),
               timmy::Retryable);
  EXPECT_THAT(pairs(), IsEmpty());
}

TEST_F(IngestConsentTest, WhatIsTakenBackWhileARunGoesOnDoesNotComeOut) {
  stores_.put(simple("s", "a", "A"));
  const auto take_back = [&](std::string_view step) {
    if (step.starts_with("publish ")) allow({});
  };
  try {
    ingest(false, take_back);
    FAIL() << "it went by a policy that was no more";
  } catch (const timmy::Retryable& failure) {
    EXPECT_EQ(failure.code(), "policy_changed");
  }
  EXPECT_THAT(pairs(), IsEmpty());
  ingest();
  EXPECT_THAT(pairs(), IsEmpty());
  EXPECT_THAT(everything(), Not(HasSubstr("\"A\"")));
  expect_valid();
}

TEST_F(IngestConsentTest, AnotherLevelOfConsentIsAnotherLine) {
  stores_.put(simple("s", "a", "A"));
  ingest();
  allow({rule("open", "public", {{"source", "cli"}})});
  ingest();
  ASSERT_THAT(pairs(), SizeIs(1));
  EXPECT_EQ(pairs()[0].at("metadata").at("consent_level"), "public");
  EXPECT_EQ(pairs()[0].at("metadata").at("consent_rule"), "open");
  allow({rule("open", "internal", {{"source", "cli"}})});
  config_["least_consent"] = "public";
  EXPECT_EQ(ingest().at("rejected"), (Json{{"below_least_consent", 1}}));
  EXPECT_THAT(pairs(), IsEmpty());
}

// A branch has rows of before it; a grant covers all of the words or nothing.
TEST_F(IngestConsentTest, AWordOfBeforeTheSessionIsNotCoveredByAGrantThatBeginsWithIt) {
  allow({rule("own", "internal", {{"source", "cli"}, {"from", "2026-03-30T14:11:39Z"}})});
  Writer writer("s");
  writer.user("a").says("A").user("b").says("B");
  writer.raw().messages[0].at = at("2026-03-30T14:11:38Z");
  stores_.put(writer.done());
  EXPECT_EQ(ingest().at("rejected"), (Json{{"no_consent", 2}}));
}

TEST_F(IngestConsentTest, ADenialTouchesTheContextThoughTheClockWasSetBackSince) {
  allow({rule("own", "internal", {{"source", "cli"}}),
         rule("back", "none", {{"source", "cli"}, {"from", "2026-03-30T14:20:00Z"}})});
  Writer writer("s");
  writer.user("a").says("A").user("b").says("B");
  writer.raw().messages[1].at = at("2026-03-30T14:30:00Z");
  stores_.put(writer.done());
  EXPECT_EQ(ingest().at("rejected"), (Json{{"withdrawn", 2}}));
}

TEST_F(IngestConsentTest, ASessionThatBeganAfterAGrantsEndIsNotCoveredByTheTimesOfItsRows) {
  allow({rule("own", "internal", {{"source", "cli"}, {"until", "2026-03-30T14:20:00Z"}})});
  stores_.put(Writer("s").started("2026-03-30T14:30:00Z").user("a").says("A").done());
  EXPECT_EQ(ingest().at("rejected"), (Json{{"no_consent", 1}}));
}

// The pair says nothing of it, so its line stays; what is asked of policies later does change.
TEST_F(IngestConsentTest, APairsTimeIsKnownAnewWhereItsLineIsTheSame) {
  Writer writer("s");
  writer.user("a").says("A");
  writer.raw().messages[1].at.reset();
  stores_.put(writer.done());
  ingest();
  writer.raw().ended = at("2026-03-30T14:12:00Z");
  stores_.put(writer.done());
  EXPECT_EQ(ingest().at("emitted"), 0);
  allow({rule("own", "internal", {{"source", "cli"}}),
         rule("later", "none", {{"source", "cli"}, {"from", "2026-03-30T14:13:00Z"}})});
  EXPECT_FALSE(ingest().contains("withdrawn"));
  EXPECT_THAT(answers(), ElementsAre("A"));
  expect_valid();
}

// The last row's time is lost, and the one before it would be covered.
TEST_F(IngestConsentTest, AnAnswerOfWhichNobodyKnowsTheTimeIsNotCoveredByAGrantThatEnds) {
  allow({rule("own", "internal", {{"source", "cli"}, {"until", "2026-03-30T14:11:42Z"}})});
  Writer writer("s");
  writer.user("a").says("A").user("b").says("B");
  writer.raw().messages[1].at.reset();  // between :40 and :42
  stores_.put(writer.done());
  EXPECT_EQ(ingest().at("rejected"), (Json{{"no_consent", 2}}));
  writer.raw().id = "t";
  writer.raw().messages[2].at = writer.raw().messages[3].at = at("2026-03-30T14:11:41Z");
  writer.raw().messages[3].at.reset();  // nobody knows
  stores_.put(writer.done());
  EXPECT_EQ(ingest().at("emitted"), 1);
  EXPECT_THAT(answers(), ElementsAre("A"));
  writer.raw().id = "u";
  writer.raw().messages[0].content = "another";
  writer.raw().ended = at("2026-03-30T14:11:41Z");
  stores_.put(writer.done());
  ingest();
  EXPECT_THAT(answers(), ElementsAre("A", "A", "B"));
}

TEST_F(IngestConsentTest, AWithdrawalSaysHowFarItIs) {
  stores_.put(simple("s", "a", "A"));
  stores_.put(simple("t", "b", "B"));
  ingest();
  allow({rule("own", "internal", {{"source", "cli"}}), rule("gone", "none", {{"session", "s"}})});
  std::vector<std::string> told;
  IngestOrder order;
  order.saved = saved_;
  order.progress = [&](const std::string& text) { told.push_back(text); };
  order.between = std::chrono::milliseconds(0);
  (void)provenance::ingest(settings(), stores_, std::move(order));
  EXPECT_THAT(told, testing::Contains("2 sessions with pairs judged anew, 1 pairs go"));
  EXPECT_THAT(told, testing::Contains("writing files anew: 2 pairs looked at"));
}

TEST_F(IngestConsentTest, EachWithdrawalStaysOnRecordHoweverManyFollow) {
  stores_.put(simple("s", "a", "A"));
  ingest();
  auto old = manifest();
  for (int i = 0; i < 1200; ++i)
    old.withdrawals.push_back(
        {{"at", "of old"}, {"generation", i}, {"withdrawn", 1}, {"changed", 0}});
  old.save(out() / "manifest.json");
  allow({});
  ingest();
  const auto all = manifest().withdrawals;
  ASSERT_THAT(all, SizeIs(1201));
  EXPECT_EQ(all.front().at("generation"), 0);
  EXPECT_EQ(all.back().at("withdrawn"), 1);
  const auto said = report(settings());
  EXPECT_THAT(said.at("withdrawals"), SizeIs(100)) << "a job's result is bounded";
  EXPECT_EQ(said.at("withdrawals").back(), all.back());
  EXPECT_EQ(said.at("withdrawals_in_all"), 1201);
}

// Who knows nearly all of a text could try the rest until the hash fits.
TEST_F(IngestConsentTest, NoHashOfWhatWentIsLeft) {
  stores_.put(simple("s", "a", "A"));
  stores_.put(simple("t", "b", "B"));
  ingest();
  const std::string hash = pairs().at(0).at("metadata").at("chain").at("content_sha256");
  ASSERT_THAT(everything(), HasSubstr(short_digest(hash)));
  allow({rule("own", "internal", {{"source", "cli"}}), rule("gone", "none", {{"session", "s"}})});
  ingest();
  EXPECT_THAT(everything(), Not(HasSubstr(hash)));
  EXPECT_THAT(everything(), Not(HasSubstr(short_digest(hash))));
}

}  // namespace
}  // namespace provenance
