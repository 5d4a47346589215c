// SPDX-License-Identifier: Apache-2.0
#include "ingest.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "fixture.hpp"
#include "report.hpp"
#include "validation.hpp"

namespace provenance {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using timmy::Json;

class IngestTest : public FolderTest {
 protected:
  // What stands, and that it is what it says.
  void expect_valid() const {
    EXPECT_NO_THROW((void)validate_output(settings(), [](std::int64_t) {}));
  }
};

TEST_F(IngestTest, PairsComeOutWithAllThatTheyHaveToSay) {
  stores_.put(Writer("s").user("a").says("A").done());
  const auto result = ingest();
  EXPECT_EQ(result.at("emitted"), 1);
  const auto pair = pairs().at(0);
  EXPECT_EQ(pair.at("prompt").at(0).at("content"), "a");
  EXPECT_EQ(pair.at("response").at(0).at("content"), "A");
  const auto& metadata = pair.at("metadata");
  EXPECT_EQ(metadata.at("session_id"), "s");
  EXPECT_EQ(metadata.at("timestamp"), "2026-03-30T14:11:40.000Z");
  EXPECT_EQ(metadata.at("model_provider"), "custom");
  EXPECT_EQ(metadata.at("model_name"), "hermes-4-70b");
  EXPECT_EQ(metadata.at("consent_level"), "internal");
  EXPECT_EQ(metadata.at("consent_rule"), "own");
  EXPECT_EQ(metadata.at("license"), "CC-BY-SA-4.0");
  EXPECT_EQ(metadata.at("store").at("path"), "/home/[REDACTED:home_path]/.hermes/state.db");
  EXPECT_EQ(metadata.at("tokens").at("input"), 1200);
  EXPECT_THAT(metadata.at("chain").at("rows"), SizeIs(2));
  expect_valid();
}

TEST_F(IngestTest, ARunWithoutNewsChangesNothing) {
  stores_.put(simple("s", "a", "A"));
  ingest();
  const auto before = text_of(out() / "manifest.json");
  const auto saved = saved_;
  const auto result = ingest();
  EXPECT_EQ(result.at("sessions"), 0);
  EXPECT_EQ(text_of(out() / "manifest.json"), before);
  EXPECT_EQ(saved_, saved);
}

TEST_F(IngestTest, NewTurnsGoOnWhereTheOthersStand) {
  stores_.put(simple("s", "a", "A"));
  ingest();
  const auto first = manifest().files.at(0);
  stores_.put(Writer("s").user("a").says("A").user("b").says("B").done());
  stores_.put(simple("t", "c", "C"));
  EXPECT_EQ(ingest().at("emitted"), 2);
  EXPECT_THAT(answers(), ElementsAre("A", "B", "C"));
  ASSERT_THAT(manifest().files, SizeIs(1));
  EXPECT_EQ(manifest().files.at(0).number, first.number);
  EXPECT_NE(manifest().files.at(0).name, first.name);
  EXPECT_FALSE(std::filesystem::exists(out() / "pairs" / first.name));
  expect_valid();
}

TEST_F(IngestTest, FilesEndWhereTheyAreFull) {
  config_["file_pairs"] = 3;
  for (int i = 0; i < 8; ++i)
    stores_.put(simple("s" + std::to_string(i), "a" + std::to_string(i), "A"));
  ingest();
  std::vector<std::int64_t> sizes;
  for (const auto& file : manifest().files) sizes.push_back(file.pairs);
  EXPECT_THAT(sizes, ElementsAre(3, 3, 2));
  for (int i = 8; i < 12; ++i)
    stores_.put(simple("s" + std::to_string(i), "a" + std::to_string(i), "A"));
  ingest();
  sizes.clear();
  for (const auto& file : manifest().files) sizes.push_back(file.pairs);
  EXPECT_THAT(sizes, ElementsAre(3, 3, 3, 3));
  expect_valid();
}

TEST_F(IngestTest, WhatNobodyAllowedStaysOutWithItsReason) {
  stores_.put(Writer("s", "telegram").of_user("1").user("a").says("A").done());
  stores_.put(Writer("t", "").user("b").says("B").done());
  stores_.put(Writer("u", "kanban").user("c").says("C").done());
  const auto result = ingest();
  EXPECT_EQ(result.at("rejected"),
            (Json{{"third_party", 1}, {"unknown_source", 1}, {"no_consent", 1}}));
  EXPECT_THAT(pairs(), IsEmpty());
  EXPECT_EQ(report(settings()).at("rejected"), result.at("rejected"));
}

TEST_F(IngestTest, WithoutAPolicyNothingComesAndNothingGoes) {
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

TEST_F(IngestTest, AWithdrawalLeavesNothingAndIsRecorded) {
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

TEST_F(IngestTest, AWithdrawalIsDoneAlsoWhereNoStoreCanBeRead) {
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

TEST_F(IngestTest, WhatIsTakenBackWhileARunGoesOnDoesNotComeOut) {
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

TEST_F(IngestTest, AnotherLevelOfConsentIsAnotherLine) {
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

TEST_F(IngestTest, AnotherLicenceIsAnotherLine) {
  stores_.put(simple("s", "a", "A"));
  ingest();
  config_["license"] = "CC0-1.0";
  ingest();
  ASSERT_THAT(pairs(), SizeIs(1));
  EXPECT_EQ(pairs()[0].at("metadata").at("license"), "CC0-1.0");
  EXPECT_THAT(text_of(out() / "pairs" / "README.md"), HasSubstr("license: cc0-1.0"));
}

TEST_F(IngestTest, TheSameWordsComeOutOnce) {
  stores_.put(simple("s", "a", "A"));
  stores_.put(simple("t", "a", "A"));
  EXPECT_EQ(ingest().at("rejected"), (Json{{"duplicate", 1}}));
  EXPECT_EQ(pairs().at(0).at("metadata").at("session_id"), "s");
  // And come from the other where the first is taken back.
  allow({rule("own", "internal", {{"source", "cli"}}), rule("gone", "none", {{"session", "s"}})});
  ingest();
  ASSERT_THAT(pairs(), SizeIs(1));
  EXPECT_EQ(pairs()[0].at("metadata").at("session_id"), "t");
  expect_valid();
}

TEST_F(IngestTest, WhatWasADuplicateComesWhenTheOtherIsNoMore) {
  stores_.put(simple("s", "a", "A"));
  stores_.put(simple("t", "a", "A"));
  ingest();
  stores_.put(simple("s", "a", "changed"));
  ingest();
  ingest();
  EXPECT_THAT(answers(), ElementsAre("A", "changed"));
  expect_valid();
}

TEST_F(IngestTest, WhatASessionNoLongerSaysGoes) {
  stores_.put(Writer("s").user("a").says("A").user("b").says("B").done());
  ingest();
  stores_.put(Writer("s").user("a").says("A").user("c").says("C").done());
  const auto result = ingest();
  EXPECT_EQ(result.at("emitted"), 1);
  EXPECT_EQ(result.at("replaced"), 1);
  EXPECT_THAT(answers(), ElementsAre("A", "C"));
  expect_valid();
}

TEST_F(IngestTest, ALiveSessionsLastTurnComesWhenItIsOver) {
  stores_.put(Writer("s").user("a").says("A").user("b").says("B").live().done());
  EXPECT_EQ(ingest().at("waiting"), 1);
  EXPECT_THAT(answers(), ElementsAre("A"));
  stores_.put(Writer("s").user("a").says("A").user("b").says("B").done());
  ingest();
  EXPECT_THAT(answers(), ElementsAre("A", "B"));
}

TEST_F(IngestTest, ADamagedSessionAndOneWithoutAModelMakeNone) {
  auto damaged = simple("s", "a", "A");
  damaged.damaged = {"messages:3: no text"};
  stores_.put(damaged);
  auto nameless = simple("t", "b", "B");
  nameless.model.clear();
  stores_.put(nameless);
  const auto result = ingest();
  EXPECT_EQ(result.at("rejected_sessions"), (Json{{"damaged", 1}, {"no_model", 1}}));
  EXPECT_THAT(pairs(), IsEmpty());
}

TEST_F(IngestTest, WhatIsOddInASessionKeepsNothingOut) {
  auto odd = simple("s", "a", "A");
  odd.remarks = {"sessions:ended_at: is no time", "messages:2: content has a NUL"};
  stores_.put(odd);
  EXPECT_EQ(ingest().at("rejected"), Json::object());
  EXPECT_THAT(answers(), ElementsAre("A"));
}

// A branch has rows of before it; a grant covers all of the words or nothing.
TEST_F(IngestTest, AWordOfBeforeTheSessionIsNotCoveredByAGrantThatBeginsWithIt) {
  allow({rule("own", "internal", {{"source", "cli"}, {"from", "2026-03-30T14:11:39Z"}})});
  Writer writer("s");
  writer.user("a").says("A").user("b").says("B");
  writer.raw().messages[0].at = at("2026-03-30T14:11:38Z");
  stores_.put(writer.done());
  EXPECT_EQ(ingest().at("rejected"), (Json{{"no_consent", 2}}));
}

TEST_F(IngestTest, ADenialTouchesTheContextThoughTheClockWasSetBackSince) {
  allow({rule("own", "internal", {{"source", "cli"}}),
         rule("back", "none", {{"source", "cli"}, {"from", "2026-03-30T14:20:00Z"}})});
  Writer writer("s");
  writer.user("a").says("A").user("b").says("B");
  writer.raw().messages[1].at = at("2026-03-30T14:30:00Z");
  stores_.put(writer.done());
  EXPECT_EQ(ingest().at("rejected"), (Json{{"withdrawn", 2}}));
}

TEST_F(IngestTest, ASessionThatBeganAfterAGrantsEndIsNotCoveredByTheTimesOfItsRows) {
  allow({rule("own", "internal", {{"source", "cli"}, {"until", "2026-03-30T14:20:00Z"}})});
  stores_.put(Writer("s").started("2026-03-30T14:30:00Z").user("a").says("A").done());
  EXPECT_EQ(ingest().at("rejected"), (Json{{"no_consent", 1}}));
}

// The pair says nothing of it, so its line stays; what is asked of policies later does change.
TEST_F(IngestTest, APairsTimeIsKnownAnewWhereItsLineIsTheSame) {
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
TEST_F(IngestTest, AnAnswerOfWhichNobodyKnowsTheTimeIsNotCoveredByAGrantThatEnds) {
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

TEST_F(IngestTest, WhoBeganAnewTookNothingAlongWhoWentOnDid) {
  allow({rule("own", "internal", {{"source", "cli"}}),
         rule("back", "none", {{"session", "parent"}})});
  stores_.put(simple("parent", "p", "P"));
  const std::pair<Descent, std::string> children[] = {{Descent::reset, "R"},
                                                      {Descent::continuation, "C"},
                                                      {Descent::branch, "B"},
                                                      {Descent::subagent, "S"}};
  for (const auto& [descent, word] : children) {
    auto child = Writer(word).child_of("parent").user(word).says(word).done();
    child.descent = descent;
    stores_.put(child);
  }
  EXPECT_EQ(ingest().at("rejected"), (Json{{"withdrawn", 4}}));
  EXPECT_THAT(answers(), ElementsAre("R"));
  EXPECT_EQ(pairs().at(0).at("metadata").at("descent"), "reset");
  EXPECT_THAT(pairs().at(0).at("metadata").at("chain").at("lineage"), IsEmpty());
  allow({rule("own", "internal", {{"source", "cli"}})});
  ingest();
  std::map<std::string, std::string> descents;
  for (const auto& pair : pairs())
    descents[pair.at("response").at(0).at("content")] = pair.at("metadata").at("descent");
  EXPECT_EQ(descents["S"], "subagent")
      << "who asked is no person, which a trainer may want to know";
  EXPECT_EQ(descents["P"], "none");
  EXPECT_THAT(answers(), SizeIs(5));
  expect_valid();
}

// One of them asks for it before the reading comes to it.
TEST_F(IngestTest, AParentThatComesLateLetsAllOfItsChildrenIn) {
  stores_.put(Writer("b", "tool").child_of("parent").user("b").says("B").done());
  stores_.put(Writer("c", "tool").child_of("parent").user("c").says("C").done());
  EXPECT_EQ(ingest().at("rejected_sessions"), (Json{{"broken_lineage", 2}}));
  stores_.put(Writer("b", "tool").child_of("parent").user("b").says("B again").done());
  stores_.put(simple("parent", "p", "P"));
  ingest();
  ingest();
  EXPECT_THAT(answers(), ElementsAre("B again", "C", "P"));
  expect_valid();
}

// The digest is of the session's own row and messages: what it is to its parent, the parent's says.
TEST_F(IngestTest, WhatASessionIsToOthersIsLookedAtAnewThoughItsRowsAreTheSame) {
  allow({rule("own", "internal", {{"source", "cli"}}),
         rule("back", "none", {{"session", "parent"}})});
  stores_.put(simple("parent", "p", "P"));
  auto child = Writer("child").child_of("parent").user("a").says("A").done();
  child.descent = Descent::reset;
  stores_.put(child);
  ingest();
  EXPECT_THAT(answers(), ElementsAre("A"));
  child.descent = Descent::subagent;
  stores_.put(child);
  EXPECT_EQ(ingest().at("changed"), 1);
  EXPECT_THAT(answers(), IsEmpty());
  expect_valid();
}

TEST_F(IngestTest, WhoASessionIsOfIsLookedAtAnewThoughItsRowsAreTheSame) {
  const auto first = simple("s", "a", "A");
  const std::vector<std::function<void(Session&)>> changes = {
      [](Session& it) { it.parent = "gone"; },   [](Session& it) { it.source = "cron"; },
      [](Session& it) { it.user = "ada"; },      [](Session& it) { it.provider = "other"; },
      [](Session& it) { it.model = "other"; },   [](Session& it) { it.started.reset(); },
      [](Session& it) { it.ended = it.started; }};
  for (const auto& change : changes) {
    stores_.put(first);
    ingest();
    ingest();  // where the first led to more
    auto changed = first;
    change(changed);
    stores_.put(changed);
    EXPECT_EQ(ingest().at("changed"), 1);
    ingest();
  }
}

TEST_F(IngestTest, AParentThatComesLateLetsItsChildIn) {
  stores_.put(Writer("child", "tool").child_of("parent").user("a").says("A").done());
  EXPECT_EQ(ingest().at("rejected_sessions"), (Json{{"broken_lineage", 1}}));
  stores_.put(simple("parent", "p", "P"));
  ingest();
  ingest();
  EXPECT_THAT(answers(), ElementsAre("A", "P"));
  for (const auto& pair : pairs())
    if (pair.at("metadata").at("session_id") == "child") {
      EXPECT_EQ(pair.at("metadata").at("chain").at("lineage").dump(), R"(["parent"])");
    }
}

TEST_F(IngestTest, ASessionThatTurnsOutToBeSomebodyElsesTakesItsChildrenAlong) {
  stores_.put(simple("parent", "p", "P"));
  stores_.put(Writer("child", "tool").child_of("parent").user("a").says("A").done());
  ingest();
  EXPECT_THAT(answers(), ElementsAre("A", "P"));
  stores_.put(Writer("parent", "telegram").of_user("9").user("p").says("P").done());
  ingest();
  EXPECT_THAT(answers(), IsEmpty());
  expect_valid();
}

TEST_F(IngestTest, AChatThatBecomesAGroupTakesItsPairsBack) {
  allow({rule("ada", "internal", {{"source", "telegram"}, {"user", "1"}})});
  const auto chat = [](const std::string& type) {
    return Writer("s", "telegram").of_user("1").in_chat(type).user("a").says("A").done();
  };
  stores_.put(chat("dm"));
  ingest();
  EXPECT_THAT(answers(), ElementsAre("A"));
  stores_.put(chat("group"));
  EXPECT_EQ(ingest().at("rejected"), (Json{{"third_party", 1}}));
  EXPECT_THAT(answers(), IsEmpty());
  expect_valid();
}

TEST_F(IngestTest, NamesAndIdsAreRedactedToo) {
  Writer writer("s");
  writer.raw().provider = "http://user:pw4proxy@proxy.example.org/v1";
  writer.raw().model = "model-of-ada@example.org";
  stores_.put(writer.user("a")
                  .calls({{"call-for-bob@example.org", "mail_eve@example.org", "{}", true}})
                  .result("call-for-bob@example.org", "x")
                  .says("A")
                  .done());
  ingest();
  const auto all = text_of(out() / "pairs" / manifest().files.at(0).name);
  for (const auto* secret : {"pw4proxy", "ada@", "bob@", "eve@"})
    EXPECT_THAT(all, Not(HasSubstr(secret)));
  const auto metadata = pairs().at(0).at("metadata");
  EXPECT_EQ(metadata.at("model_provider"),
            "http://user:[REDACTED:url_password]@proxy.example.org/v1");
  EXPECT_EQ(metadata.at("tool_call_trajectory").at(0).at("id"), "[REDACTED:email]");
  EXPECT_EQ(metadata.at("redactions"), Json::parse(R"([{"rule":"email","count":4}])"));
  expect_valid();
}

TEST_F(IngestTest, TheManifestCountsSessionsByFolderAndNamesNoFile) {
  const auto in = [](const std::string& id, Store::Kind kind, const std::string& path) {
    Writer writer(id, "nobody_allowed_it");
    writer.raw().store = {kind, path};
    return writer.user("a").says("A").done();
  };
  const std::string home = "/home/alex/.hermes/";
  stores_.put(in("a", Store::Kind::snapshot, home + "sessions/session_refused.json"));
  stores_.put(in("b", Store::Kind::snapshot, home + "sessions/session_too.json"));
  stores_.put(in("c", Store::Kind::database, home + "state.db"));
  stores_.put(in("d", Store::Kind::database, "/srv/timmy/runs/run-of-d/state.db"));
  ingest();
  const Json expected{{"snapshot /home/[REDACTED:home_path]/.hermes/sessions", 2},
                      {"database /home/[REDACTED:home_path]/.hermes", 1},
                      {"database /srv/timmy/runs", 1}};
  EXPECT_EQ(manifest().about.at("sources"), expected);
  EXPECT_EQ(report(settings()).at("sources"), expected);
  const auto all = everything();
  for (const auto* name : {"alex", "session_refused", "session_too", "run-of-d"})
    EXPECT_THAT(all, Not(HasSubstr(name)));
}

TEST_F(IngestTest, SecretsDoNotComeOut) {
  stores_.put(
      Writer("s")
          .user("My mail is ada@example.org")
          .calls({{"1", "terminal", R"({"command":"ssh root@203.0.113.9\npwd=hunter22"})", true}})
          .result("1", R"({"output":"token: abcd1234efgh\n","exit_code":0})")
          .says("Done for ada@example.org.")
          .done());
  ingest();
  const auto all = everything();
  for (const auto* secret : {"ada@example", "203.0.113.9", "hunter22", "abcd1234efgh"})
    EXPECT_THAT(all, Not(HasSubstr(secret)));
  const auto pair = pairs().at(0);
  EXPECT_TRUE(Json::accept(pair.at("response")
                               .at(0)
                               .at("tool_calls")
                               .at(0)
                               .at("function")
                               .at("arguments")
                               .get<std::string>()));
  EXPECT_THAT(pair.at("metadata").at("redactions").dump(),
              HasSubstr(R"({"count":2,"rule":"email"})"));
  EXPECT_EQ(report(settings()).at("redactions").at("email"), 2);
  expect_valid();
}

TEST_F(IngestTest, TheSameInputAndPolicyMakeTheSameBytes) {
  for (int i = 0; i < 20; ++i)
    stores_.put(Writer("s" + std::to_string(i))
                    .user("a")
                    .says(std::to_string(i))
                    .user("b")
                    .says("B")
                    .done());
  ingest();
  std::map<std::string, std::string> first;
  for (const auto& file : manifest().files) first[file.name] = text_of(out() / "pairs" / file.name);
  const auto said = text_of(out() / "manifest.json");
  std::filesystem::remove_all(out());
  put_key();
  saved_ = nullptr;
  ingest();
  for (const auto& file : manifest().files)
    EXPECT_EQ(text_of(out() / "pairs" / file.name), first[file.name]);
  EXPECT_EQ(text_of(out() / "manifest.json"), said);
}

TEST_F(IngestTest, WhatIsLostIsMadeAgain) {
  config_["file_pairs"] = 2;
  for (int i = 0; i < 6; ++i)
    stores_.put(simple("s" + std::to_string(i), "a" + std::to_string(i), "A"));
  ingest();
  std::filesystem::remove(out() / "pairs" / manifest().files.at(1).name);
  ingest();
  EXPECT_THAT(answers(), SizeIs(6));
  expect_valid();
  std::ofstream(out() / "index.db", std::ios::trunc) << "no index";
  ingest();
  EXPECT_THAT(answers(), SizeIs(6));
  expect_valid();
  std::filesystem::remove_all(out());
  ingest();
  EXPECT_THAT(answers(), SizeIs(6));
  expect_valid();
}

TEST_F(IngestTest, AManifestThatIsNoneStopsTheRunAndLosesNothing) {
  stores_.put(simple("s", "a", "A"));
  ingest();
  const auto name = manifest().files.at(0).name;
  std::ofstream(out() / "manifest.json", std::ios::trunc) << "{}";
  EXPECT_THROW(ingest(), timmy::Permanent);
  EXPECT_TRUE(std::filesystem::exists(out() / "pairs" / name));
}

TEST_F(IngestTest, LongContextsLoseTheirOldestTurns) {
  config_["filters"]["most_context"] = 1024;
  Writer writer("s");
  writer.system("You help.");
  for (int i = 0; i < 20; ++i)
    writer.user("question " + std::to_string(i)).says("answer " + std::string(100, 'x'));
  stores_.put(writer.done());
  ingest();
  const auto last = pairs().at(19);
  EXPECT_EQ(last.at("prompt").front().at("role"), "system");
  EXPECT_EQ(last.at("prompt").back().at("content"), "question 19");
  const auto& metadata = last.at("metadata");
  EXPECT_GT(metadata.at("context_left_out"), 20);
  EXPECT_EQ(metadata.at("context_messages").get<std::size_t>() + 1, last.at("prompt").size());
  EXPECT_EQ(last.at("prompt").at(1).at("role"), "user");
  expect_valid();
}

TEST_F(IngestTest, WhatIsTooLongStaysOut) {
  config_["filters"]["most_pair"] = 1024;
  stores_.put(simple("s", "a", std::string(2000, 'x')));
  stores_.put(simple("t", "b", "B"));
  EXPECT_EQ(ingest().at("rejected"), (Json{{"long_pair", 1}}));
  EXPECT_THAT(answers(), ElementsAre("B"));
}

TEST_F(IngestTest, TwoRunsAtOnceAreOneTooMany) {
  const FolderLock other(out());
  // A lock of this process's own would not be in its way.
  const auto child = ::fork();
  if (child == 0) {
    try {
      ingest();
    } catch (const timmy::Retryable& failure) {
      ::_exit(failure.code() == "busy" ? 7 : 8);
    }
    ::_exit(9);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_F(IngestTest, AStoreWithAnyNameCanBeToldOf) {
  auto session = simple("s", "a", "A");
  session.store.path = "/srv/al\xff/state.db";
  stores_.put(session);
  ingest();
  EXPECT_THAT(answers(), ElementsAre("A"));
  EXPECT_EQ(manifest().about.at("sources"), (Json{{"database /srv/al\uFFFD", 1}}));
  EXPECT_NO_THROW((void)report(settings()).dump());
  expect_valid();
}

TEST_F(IngestTest, AnyBytesMakeALineThatLoads) {
  std::string noise;
  for (int i = 1; i < 2048; ++i) noise += static_cast<char>(i * 167 % 256);
  auto session = Writer(std::string("s\"\n\xff")).user(noise).says(noise).done();
  session.model = noise;
  session.messages[0].anchor = noise;
  stores_.put(session);
  ingest();
  ASSERT_THAT(pairs(), SizeIs(1));
  expect_valid();
}

}  // namespace
}  // namespace provenance
