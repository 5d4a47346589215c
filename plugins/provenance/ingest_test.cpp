// SPDX-License-Identifier: Apache-2.0
#include "ingest.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include "fixture.hpp"

namespace provenance {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using timmy::Json;

class IngestTest : public FolderTest {};

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

// Beside its words a line has a row for each message, empty ones too, and names that JSON
// lengthens.
TEST_F(IngestTest, WhatIsSaidOfAPairIsBoundedAsThePairIs) {
  config_["filters"]["most_pair"] = 1024;
  Writer rows("rows");
  rows.user("a");
  for (int i = 0; i < 9000; ++i) rows.says("");
  stores_.put(rows.says("A").done());
  Writer names("names");
  names.raw().model = std::string(300'000, '\1');
  stores_.put(names.user("b").says("B").done());
  Writer fewer("fewer");
  fewer.user("c");
  for (int i = 0; i < 6000; ++i) fewer.says("");
  stores_.put(fewer.says("C").done());
  EXPECT_EQ(ingest().at("rejected"), (Json{{"long_pair", 2}}));
  EXPECT_THAT(answers(), ElementsAre("C"));
  expect_valid();
}

// Known by itself before it is written: what it becomes as JSON may be six times as long.
TEST_F(IngestTest, AMessageThatIsTooLongSpoilsNoTurnButThoseItIsIn) {
  config_["filters"]["most_pair"] = 4096;
  config_["filters"]["most_context"] = 2000;
  const std::string large(5000, '\1');
  stores_.put(Writer("s")
                  .user("a")
                  .says("A")
                  .user("b")
                  .says(large)
                  .user("c")
                  .says("C")
                  .user("d")
                  .says("D")
                  .done());
  stores_.put(Writer("t").system(large).user("e").says("E").done());
  EXPECT_EQ(ingest().at("rejected"), (Json{{"long_pair", 2}}));
  EXPECT_THAT(answers(), ElementsAre("A", "C", "D"));
  for (const auto& pair : pairs())
    if (pair.at("metadata").at("turn") == 4) {
      EXPECT_EQ(pair.at("prompt").front().at("content"), "c") << "what came before is too far back";
      EXPECT_EQ(pair.at("metadata").at("context_left_out"), 4);
    }
  expect_valid();
}

// What is no longer needed of it is forgotten on the way.
TEST_F(IngestTest, ALongSessionsPairsAreAsThoseOfItsLastTurnsAlone) {
  config_["filters"]["most_context"] = 10'000;
  Writer whole("s"), rest("s");
  for (int turn = 0; turn < 2000; ++turn) {
    const auto text = std::to_string(turn) + std::string(static_cast<std::size_t>(turn % 100), 'x');
    whole.user("asks " + text).says("says " + text);
    if (turn >= 1900) rest.user("asks " + text).says("says " + text);
  }
  stores_.put(whole.done());
  EXPECT_EQ(ingest().at("emitted"), 2000);
  const auto last = pairs().back();
  expect_valid();
  stores_.put(rest.done());
  ingest();
  const auto alone = pairs().back();
  EXPECT_EQ(last.at("prompt"), alone.at("prompt"));
  EXPECT_EQ(last.at("response"), alone.at("response"));
  EXPECT_EQ(last.at("metadata").at("chain").at("content_sha256"),
            alone.at("metadata").at("chain").at("content_sha256"));
}

TEST_F(IngestTest, OneSessionComesToNoMoreThanSoMuch) {
  config_["filters"]["most_session"] = 1 << 20;
  Writer writer("s");
  for (int turn = 0; turn < 20; ++turn)
    writer.user("asks " + std::to_string(turn))
        .says(std::string(20'000, 'x') + std::to_string(turn));
  stores_.put(writer.done());
  stores_.put(simple("t", "b", "B"));
  const auto result = ingest();
  const auto left_out = result.at("rejected").at("long_session").get<int>();
  EXPECT_EQ(result.at("emitted"), 21 - left_out);
  EXPECT_GT(left_out, 5);
  EXPECT_LT(manifest().bytes(), (1 << 20) + 200'000);
  expect_valid();
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
