// SPDX-License-Identifier: Apache-2.0
#include "database_reader.hpp"
#include "store_fixture.hpp"

namespace provenance {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const std::string kCalls =
    R"([{"id":"c1","call_id":"c1","type":"function","function":{"name":"terminal",)"
    R"("arguments":"{\"command\": \"ls\"}"}}])";

class Database : public testing::Test {
 protected:
  [[nodiscard]] fs::path path() const { return folder_.path() / "state.db"; }
  std::vector<Session> read() {
    DatabaseReader reader(path(), caps_);
    return read_from(reader).sessions;
  }
  Session read_one() {
    const auto sessions = read();
    EXPECT_THAT(sessions, SizeIs(1));
    return sessions.empty() ? Session() : sessions.front();
  }
  TempFolder folder_;
  Caps caps_;
};

class EverySchema : public Database, public testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Database, EverySchema, testing::Values(6, 25, 30));

TEST_F(Database, SaysWhoCouldWriteInAChat) {
  StateDb db(path(), 25);
  db.session("s1", {{"source", "telegram"}, {"user_id", "u1"}, {"chat_type", "group"}});
  db.message("s1", "user", "Hi");
  db.message("s1", "assistant", "Hello.");
  db.close();
  EXPECT_EQ(read_one().chat, "group");
}

TEST_P(EverySchema, HasASessionAndItsMessages) {
  StateDb db(path(), GetParam());
  db.session("s1", {{"user_id", "u1"},
                    {"billing_provider", "custom"},
                    {"input_tokens", 1200},
                    {"output_tokens", 85},
                    {"cache_read_tokens", 3},
                    {"source", "telegram"}});
  db.message("s1", "user", "Fix it");
  db.message("s1", "assistant", "", {{"tool_calls", kCalls}, {"finish_reason", "tool_calls"}});
  db.message("s1", "tool", R"({"output":"a"})", {{"tool_call_id", "c1"}});
  db.message("s1", "assistant", "Done.", {{"finish_reason", "stop"}});
  db.close();

  const auto session = read_one();
  EXPECT_EQ(session.id, "s1");
  EXPECT_EQ(session.store.kind, Store::Kind::database);
  EXPECT_EQ(session.store.path, path());
  EXPECT_EQ(session.source, "telegram");
  EXPECT_EQ(session.user, "u1");
  EXPECT_EQ(session.chat, "") << "it does not say";
  EXPECT_EQ(session.provider, "custom");
  EXPECT_EQ(session.model, "hermes-4-70b");
  EXPECT_EQ(session.end_reason, "cli_close");
  EXPECT_EQ(session.started, at(StateDb::kAt));
  EXPECT_EQ(session.ended, at(StateDb::kAt + 60));
  EXPECT_FALSE(session.live);
  EXPECT_TRUE(session.tokens.known);
  EXPECT_EQ(session.tokens.input, 1200);
  EXPECT_EQ(session.tokens.output, 85);
  EXPECT_EQ(session.tokens.cache_read, 3);
  EXPECT_THAT(session.damaged, IsEmpty());
  EXPECT_THAT(contents_of(session), ElementsAre("Fix it", "", R"({"output":"a"})", "Done."));
  const auto& call = session.messages[1].calls.at(0);
  EXPECT_EQ(call.id, "c1");
  EXPECT_EQ(call.arguments, R"({"command": "ls"})");
  EXPECT_EQ(session.messages[2].role, Message::Role::tool);
  EXPECT_EQ(session.messages[2].call_id, "c1");
  EXPECT_EQ(session.messages[2].tool_name, "terminal") << "of the call that it answers";
  EXPECT_EQ(session.messages[3].finish_reason, "stop");
  EXPECT_EQ(session.messages[3].anchor, "messages:4");
  EXPECT_EQ(session.messages[0].at, at(StateDb::kAt + 1));
  EXPECT_THAT(session.digest, SizeIs(64));
}

TEST_F(Database, WithFewColumnsReadsWhatItHas) {
  {
    StateDb db(path());
    db.execute("DROP TABLE sessions");
    db.execute("DROP TABLE messages");
    db.execute("CREATE TABLE sessions (id TEXT PRIMARY KEY, source TEXT)");
    db.execute(
        "CREATE TABLE messages (id INTEGER PRIMARY KEY, session_id TEXT, role TEXT, content TEXT)");
    db.execute("INSERT INTO sessions VALUES ('s1', 'cli')");
    db.execute("INSERT INTO messages VALUES (1, 's1', 'user', 'hello')");
    db.close();
  }
  const auto session = read_one();
  EXPECT_EQ(session.started, std::nullopt);
  EXPECT_FALSE(session.tokens.known) << "nobody counted";
  EXPECT_THAT(contents_of(session), ElementsAre("hello"));
}

TEST_F(Database, OfAnotherProgramIsNoStore) {
  {
    StateDb db(path());
    db.execute("DROP TABLE messages");
    db.execute("CREATE VIEW messages AS SELECT 1 AS session_id");
    db.close();
  }
  DatabaseReader reader(path(), caps_);
  EXPECT_THROW((void)read_from(reader), Unreadable);
}

TEST_F(Database, WithoutAProviderNamesWhereTheModelWas) {
  StateDb db(path());
  db.session("s1", {{"billing_base_url", "http://127.0.0.1:8080/v1"}});
  db.close();
  EXPECT_EQ(read_one().provider, "http://127.0.0.1:8080/v1");
}

TEST_F(Database, MessagesComeInTheOrderOfTheirIdsWhateverTheClockDid) {
  StateDb db(path());
  db.session("s1");
  db.message("s1", "user", "one", {{"timestamp", StateDb::kAt + 50}});
  db.message("s1", "assistant", "two", {{"timestamp", StateDb::kAt + 20}});
  db.message("s1", "user", "three", {{"timestamp", StateDb::kAt + 30}});
  db.close();
  EXPECT_THAT(contents_of(read_one()), ElementsAre("one", "two", "three"));
}

TEST_F(Database, WhatWasRewoundOrOnlyOverheardDoesNotCount) {
  StateDb db(path(), 25);
  db.session("s1");
  db.message("s1", "user", "kept");
  db.message("s1", "assistant", "rewound", {{"active", 0}});
  db.message("s1", "user", "said in the room", {{"observed", 1}});
  db.close();
  EXPECT_THAT(contents_of(read_one()), ElementsAre("kept"));
}

TEST_F(Database, ACompactionLosesNothingAndDoublesNothing) {
  StateDb db(path(), 30);
  db.session("s1");
  db.message("s1", "user", "early", {{"active", 0}, {"compacted", 1}});
  db.message("s1", "assistant", "", {{"tool_calls", kCalls}, {"active", 0}, {"compacted", 1}});
  db.message("s1", "tool", "out", {{"tool_call_id", "c1"}, {"active", 0}, {"compacted", 1}});
  db.message("s1", "user", "kept",
             {{"active", 0}, {"compacted", 1}, {"timestamp", StateDb::kAt + 9}});
  db.message("s1", "assistant", "summary", {{"_compressed_summary", 1}});
  db.message("s1", "user", "kept", {{"timestamp", StateDb::kAt + 9}});
  db.message("s1", "user", "kept", {{"timestamp", StateDb::kAt + 10}});
  db.close();
  const auto session = read_one();
  EXPECT_THAT(contents_of(session), ElementsAre("early", "", "out", "kept", "kept"));
  EXPECT_EQ(session.messages[3].anchor, "messages:4") << "the first of two that are one";
  EXPECT_EQ(session.messages[4].anchor, "messages:7") << "said again later";
}

TEST_F(Database, WithoutACompactionTheSameTwiceWasSaidTwice) {
  StateDb db(path(), 30);
  db.session("s1");
  for (int i = 0; i < 2; ++i) db.message("s1", "user", "go on", {{"timestamp", StateDb::kAt}});
  db.close();
  EXPECT_THAT(contents_of(read_one()), ElementsAre("go on", "go on"));
}

TEST_F(Database, SaysWhatASessionIsToItsParent) {
  StateDb db(path(), 25);
  db.session("compressed", {{"end_reason", "compression"}});
  db.session("branched", {{"end_reason", "branched"}});
  db.session("reset", {{"end_reason", "session_reset"}});
  const auto child = [&](const char* id, const char* parent, const json& config = nullptr) {
    db.session(id, {{"parent_session_id", parent}, {"model_config", config}});
  };
  child("1", "compressed");
  child("2", "branched");
  child("3", "reset");
  child("4", "1");
  child("5", "compressed", R"({"_branched_from":"compressed"})");
  child("6", "compressed", R"({"_delegate_from":"compressed"})");
  child("7", "1", R"({"_reset_from":"1"})");
  child("8", "gone");
  child("9", "compressed", "no JSON");
  db.close();
  std::vector<Descent> descents;
  for (const auto& session : read())
    if (!session.parent.empty()) descents.push_back(session.descent);
  EXPECT_THAT(descents, ElementsAre(Descent::continuation, Descent::branch, Descent::subagent,
                                    Descent::subagent, Descent::branch, Descent::subagent,
                                    Descent::reset, Descent::subagent, Descent::continuation));
}

// Whoever resets a conversation doesn't set free what its agent has had others do.
TEST_F(Database, ASubAgentStaysOneWhenItsParentIsResetLater) {
  StateDb db(path(), 25);
  for (const std::string how : {"session_reset", "new_session"}) {
    db.session("parent of " + how, {{"end_reason", how}});
    db.session("child of " + how, {{"parent_session_id", "parent of " + how}});
  }
  db.close();
  for (const auto& session : read()) {
    if (session.parent.empty()) continue;
    EXPECT_EQ(session.descent, Descent::subagent) << session.id;
  }
}

TEST_F(Database, ASessionIsLiveWhileSomebodyMayWriteIt) {
  StateDb db(path());
  db.session("live", {{"ended_at", nullptr}});
  db.message("live", "user", "hello", {{"timestamp", StateDb::kAt + 3600}});
  db.session("ended");
  db.session("crashed", {{"ended_at", nullptr}, {"started_at", StateDb::kAt - 3600}});
  db.session("of a wrong clock", {{"ended_at", nullptr}, {"started_at", StateDb::kAt + 1e7}});
  db.close();
  DatabaseReader reader(path(), caps_);
  std::vector<std::string> live;
  for (const auto& session : read_from(reader, nullptr, at(StateDb::kAt + 5000)).sessions)
    if (session.live) live.push_back(session.id);
  EXPECT_THAT(live, ElementsAre("live"));
}

TEST_F(Database, CallsAreJoinedByEitherOfTheirIds) {
  StateDb db(path());
  db.session("s1");
  db.message(
      "s1", "assistant", nullptr,
      {{"tool_calls", R"([{"id":"fc_1","call_id":"c1","name":"grep","arguments":{"a":1}}])"}});
  db.message("s1", "tool", "out", {{"tool_call_id", "c1"}});
  db.message("s1", "tool", "whose", {{"tool_call_id", "nobody's"}});
  db.message("s1", "tool", "lost");
  db.close();
  const auto session = read_one();
  EXPECT_EQ(session.messages[1].call_id, "fc_1");
  EXPECT_EQ(session.messages[1].tool_name, "grep");
  EXPECT_EQ(session.messages[2].call_id, "nobody's");
  EXPECT_EQ(session.messages[2].tool_name, "");
  EXPECT_EQ(session.messages[3].call_id, "");
}

TEST_F(Database, PartsAreTextAndWhatIsNoneIsTold) {
  StateDb db(path());
  db.session("s1");
  const std::string parts = R"(json:[{"type":"text","text":"look"},{"type":"image_url"}])";
  db.message("s1", "user", std::string(1, '\0') + parts);
  db.message("s1", "user", std::string(1, '\1') + parts);
  db.close();
  const auto session = read_one();
  EXPECT_THAT(contents_of(session), ElementsAre("look", "look"));
  EXPECT_THAT(session.damaged, IsEmpty());
  EXPECT_THAT(session.remarks,
              ElementsAre(HasSubstr("messages:1: left out"), HasSubstr("messages:2: left out")));
  EXPECT_TRUE(session.messages[0].partial) << "its words alone are not what was said";
}

// The digest of a row is of what row_hash.hpp says, in the order of the columns that docs name.
TEST_F(Database, DigestsAreOfTheRowsAsTheyAreStored) {
  StateDb db(path());
  db.session("s1", {{"source", "cli"}});
  db.message("s1", "user", "hi", {{"timestamp", 1780000000.5}});
  db.close();
  const auto session = read_one();
  RowHash hash;
  hash.integer(1).text("s1").text("user").text("hi").nothing().nothing().nothing();
  hash.real(1780000000.5).nothing();
  const auto message = hash.hex();
  EXPECT_EQ(session.messages[0].digest, message);
  hash.text("s1").text("cli").nothing().text("hermes-4-70b").nothing().nothing().nothing();
  hash.real(StateDb::kAt).real(StateDb::kAt + 60).text("cli_close");
  for (int i = 0; i < 5; ++i) hash.integer(0);
  const auto own = hash.hex();
  EXPECT_EQ(session.digest, hash.raw(own + "\n" + message + "\n").hex());
}

TEST_F(Database, FindsOneSession) {
  StateDb db(path());
  db.session("s1");
  db.session("s2");
  db.message("s2", "user", "hello");
  db.close();
  DatabaseReader reader(path(), caps_);
  const auto found = reader.find("s2", kNow, 0);
  ASSERT_TRUE(found);
  EXPECT_THAT(contents_of(found->session), ElementsAre("hello"));
  EXPECT_EQ(found->session.digest, read_from(reader).sessions[1].digest);
  EXPECT_FALSE(reader.find("s3", kNow, 0));
  std::vector<std::string> ids;
  reader.list([&](std::string_view id) { ids.emplace_back(id); });
  EXPECT_THAT(ids, ElementsAre("s1", "s2"));
}

}  // namespace
}  // namespace provenance
