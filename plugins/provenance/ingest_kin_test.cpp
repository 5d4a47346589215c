// SPDX-License-Identifier: Apache-2.0
//
// Who a session is of, and what it is to others, decides for it and for what came from it.
#include <functional>

#include "fixture.hpp"

namespace provenance {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using timmy::Json;

class IngestKinTest : public FolderTest {};

TEST_F(IngestKinTest, WhoBeganAnewTookNothingAlongWhoWentOnDid) {
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
TEST_F(IngestKinTest, AParentThatComesLateLetsAllOfItsChildrenIn) {
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
TEST_F(IngestKinTest, WhatASessionIsToOthersIsLookedAtAnewThoughItsRowsAreTheSame) {
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

TEST_F(IngestKinTest, WhoASessionIsOfIsLookedAtAnewThoughItsRowsAreTheSame) {
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

TEST_F(IngestKinTest, AParentThatComesLateLetsItsChildIn) {
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

TEST_F(IngestKinTest, ASessionThatTurnsOutToBeSomebodyElsesTakesItsChildrenAlong) {
  stores_.put(simple("parent", "p", "P"));
  stores_.put(Writer("child", "tool").child_of("parent").user("a").says("A").done());
  ingest();
  EXPECT_THAT(answers(), ElementsAre("A", "P"));
  stores_.put(Writer("parent", "telegram").of_user("9").user("p").says("P").done());
  ingest();
  EXPECT_THAT(answers(), IsEmpty());
  expect_valid();
}

TEST_F(IngestKinTest, AChatThatBecomesAGroupTakesItsPairsBack) {
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

}  // namespace
}  // namespace provenance
