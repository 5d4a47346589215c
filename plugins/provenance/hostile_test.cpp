// SPDX-License-Identifier: Apache-2.0
//
// Stores that were damaged, or made to do damage: nothing of it is fatal, and all of it is told.
#include "database_reader.hpp"
#include "folder_reader.hpp"
#include "store_fixture.hpp"

namespace provenance {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class Hostile : public testing::Test {
 protected:
  [[nodiscard]] fs::path path() const { return folder_.path() / "state.db"; }
  Collector read() {
    DatabaseReader reader(path(), caps_);
    auto all = read_from(reader);
    troubles_ = reader.troubles;
    return all;
  }
  Session read_one() {
    auto all = read();
    EXPECT_THAT(all.sessions, SizeIs(1));
    return all.sessions.empty() ? Session() : all.sessions.front();
  }
  TempFolder folder_;
  Caps caps_;
  std::vector<std::string> troubles_;
};

TEST_F(Hostile, TextsThatAreNoneAreMendedAndTold) {
  StateDb db(path());
  db.session("s1", {{"model", "m\xFF"}});
  db.message("s1", "user", std::string("a\0b", 3));
  db.message("s1", "assistant", "\xC3(", {{"finish_reason", "\x80"}});
  db.execute(
      "INSERT INTO messages(session_id, role, content, timestamp) "
      "VALUES ('s1', 'user', x'62ff', 1780000001)");
  db.close();
  const auto session = read_one();
  EXPECT_EQ(session.model, "m\xEF\xBF\xBD");
  EXPECT_THAT(contents_of(session), ElementsAre("a\xEF\xBF\xBD"
                                                "b",
                                                "\xEF\xBF\xBD(", "b\xEF\xBF\xBD"));
  EXPECT_THAT(
      session.damaged,
      ElementsAre(HasSubstr("sessions: model has bytes"), HasSubstr("messages:2: finish_reason"),
                  HasSubstr("messages:2: content"), HasSubstr("messages:3: content")));
  EXPECT_THAT(session.remarks, ElementsAre("messages:1: content has a NUL"))
      << "which is a character as any other, only that trainers can't read it";
}

TEST_F(Hostile, TimesThatAreNoneAreNotThereAndTold) {
  StateDb db(path());
  db.session("s1", {{"started_at", 1e300}, {"ended_at", "yesterday"}});
  db.message("s1", "user", "a", {{"timestamp", -4e18}});
  db.message("s1", "user", "b", {{"timestamp", 1'780'000'000'000.0}});
  db.message("s1", "user", "c", {{"timestamp", "soon"}});
  db.execute(
      "INSERT INTO messages(session_id, role, content, timestamp) "
      "VALUES ('s1', 'user', 'd', 9e999)");
  db.close();
  const auto session = read_one();
  EXPECT_EQ(session.started, std::nullopt);
  EXPECT_EQ(session.ended, std::nullopt);
  EXPECT_FALSE(session.live) << "it has ended, whenever that was";
  for (const auto& message : session.messages) EXPECT_EQ(message.at, std::nullopt);
  EXPECT_THAT(session.damaged, IsEmpty()) << "all of its words are there";
  EXPECT_THAT(session.remarks, SizeIs(6));
  EXPECT_THAT(session.remarks, Contains("messages:2: its timestamp is no time"));
}

TEST_F(Hostile, IdsThatAreNoTextsAreListedByNobodyForEver) {
  StateDb db(path());
  db.session("s1");
  db.session("s2");
  db.execute("INSERT INTO sessions(id, source, started_at) VALUES (x'7333', 'cli', 1780000000)");
  db.execute("INSERT INTO sessions(id, source, started_at) VALUES (NULL, 'cli', 1780000000)");
  db.close();
  DatabaseReader reader(path(), caps_);
  std::vector<std::string> ids;
  reader.list([&](std::string_view id) {
    ids.emplace_back(id);
    if (ids.size() > 10) throw std::runtime_error("it goes on");
  });
  EXPECT_THAT(ids, ElementsAre("s1", "s2"));
}

// Messages whose ids say nothing of whose they are, read one by one since the clock went back.
TEST_F(Hostile, AMessageOfAnotherSessionWithTheSameIdIsNotTaken) {
  StateDb db(path());
  db.execute("DROP TABLE messages");
  db.execute("CREATE TABLE messages (id INTEGER, session_id TEXT, role TEXT, content TEXT)");
  db.session("s1");
  db.execute("INSERT INTO messages VALUES (1, 's2', 'user', 'somebody else''s')");
  db.execute("INSERT INTO messages VALUES (2, 's1', 'user', 'second')");
  db.execute("INSERT INTO messages VALUES (1, 's1', 'user', 'first')");
  db.close();
  EXPECT_THAT(contents_of(read_one()), ElementsAre("first", "second"));
}

// Rows are told apart and come in their order by what SQLite calls so.
TEST_F(Hostile, AColumnThatIsNamedAsTheNumberOfARowIsNoStoreOfHermes) {
  for (const char* table : {"sessions", "messages"}) {
    fs::remove(path());
    StateDb db(path());
    db.session("s1");
    db.execute("ALTER TABLE " + std::string(table) + " ADD COLUMN RowId TEXT");
    db.close();
    DatabaseReader reader(path(), caps_);
    EXPECT_THROW((void)read_from(reader), Unreadable) << table;
    EXPECT_THROW((void)reader.find("s1", kNow, 0), Unreadable) << table;
  }
}

TEST_F(Hostile, CallsThatAreNoJsonAreTold) {
  StateDb db(path());
  db.session("s1");
  db.message("s1", "assistant", "x", {{"tool_calls", "{not json"}});
  db.message("s1", "assistant", "y",
             {{"tool_calls", R"([{"id":"a","function":{"name":"f","arguments":"{'x': 1}"}}])"}});
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  db.message("s1", "assistant", "z", {{"tool_calls", deep}});
  db.message(
      "s1", "assistant", "w",
      {{"tool_calls", R"([{"id":"b","function":{"name":"f","arguments":")" + deep + "\"}}]"}});
  db.close();
  const auto session = read_one();
  EXPECT_THAT(contents_of(session), ElementsAre("x", "y", "z", "w"));
  EXPECT_THAT(session.messages[0].calls, IsEmpty());
  EXPECT_EQ(session.messages[1].calls.at(0).arguments, "{'x': 1}");
  EXPECT_THAT(session.damaged, ElementsAre(HasSubstr("messages:1: its tool_calls: no JSON"),
                                           "messages:3: its tool_calls: nests deeper than 64"));
}

TEST_F(Hostile, AMessageOfAHundredMegabytesIsLeftOutAndTold) {
  StateDb db(path());
  db.session("s1");
  db.message("s1", "user", "before");
  db.execute(
      "INSERT INTO messages(session_id, role, content, timestamp, tool_call_id) "
      "VALUES ('s1', 'tool', printf('%.*c', 104857600, 'x'), 1780000001, 'c1')");
  db.message("s1", "user", "after");
  db.close();
  const auto session = read_one();
  EXPECT_THAT(contents_of(session), ElementsAre("before", "", "after"));
  EXPECT_EQ(session.messages[1].call_id, "c1") << "the rest of its row is there";
  EXPECT_THAT(session.damaged, ElementsAre(HasSubstr("messages:2: its texts are left out")));
}

TEST_F(Hostile, ASessionOverItsCapEndsThere) {
  caps_.session = 1000;
  StateDb db(path());
  db.session("s1");
  for (int i = 0; i < 5; ++i) db.message("s1", "user", std::string(400, 'x'));
  db.session("s2");
  db.message("s2", "user", "next");
  db.close();
  const auto all = read().sessions;
  EXPECT_THAT(all.at(0).messages, SizeIs(2));
  EXPECT_THAT(all.at(0).damaged, ElementsAre(HasSubstr("messages:3: it and what follows")));
  EXPECT_THAT(contents_of(all.at(1)), ElementsAre("next"));
}

TEST_F(Hostile, NamesAndIdsCountAsTextsOfTheSession) {
  caps_.session = 1000;
  const std::string name(400, 'x');
  StateDb db(path());
  for (const char* column : {"tool_name", "tool_call_id", "finish_reason"}) {
    db.session(column);
    for (int i = 0; i < 5; ++i) db.message(column, "tool", "", {{column, name}});
  }
  db.close();
  const auto all = read().sessions;
  ASSERT_THAT(all, SizeIs(3));
  for (const auto& session : all) EXPECT_THAT(session.messages, SizeIs(2)) << session.id;
}

TEST_F(Hostile, CallsCountAsMessagesOfTheSession) {
  caps_.messages = 10;
  StateDb db(path());
  db.session("s1");
  for (int i = 0; i < 5; ++i)
    db.message(
        "s1", "assistant", "",
        {{"tool_calls", R"([{"id":"a","name":"f"},{"id":"b","name":"f"},{"id":"c","name":"f"}])"}});
  db.close();
  const auto session = read_one();
  EXPECT_THAT(session.messages, SizeIs(3)) << "with nine calls";
  EXPECT_THAT(session.damaged, ElementsAre(HasSubstr("10 messages and calls")));
}

TEST_F(Hostile, ATextOfASessionsRowThatIsTooLongIsCutAndTold) {
  StateDb db(path());
  db.session("s1", {{"model", std::string(70'000, 'm')}});
  db.message("s1", "user", "x");
  db.close();
  const auto session = read_one();
  EXPECT_THAT(session.model, SizeIs(65'536));
  EXPECT_THAT(contents_of(session), ElementsAre("x"));
  EXPECT_THAT(session.damaged, ElementsAre(HasSubstr("sessions:model: is cut")));
}

TEST_F(Hostile, ASessionsRowThatIsTooLongIsToldAndTheNextIsRead) {
  caps_.row = 10'000;
  StateDb db(path());
  db.session(std::string(20'000, 'i'));
  db.session("s2");
  db.close();
  EXPECT_THAT(ids_of(read().sessions), ElementsAre("s2"));
  EXPECT_THAT(troubles_, ElementsAre(HasSubstr("row 1 of sessions is left out")));
}

TEST_F(Hostile, RolesThatNobodyKnowsAreTold) {
  StateDb db(path());
  db.session("s1");
  db.message("s1", "wizard", "x");
  db.message("s1", "user", "y");
  db.close();
  const auto session = read_one();
  EXPECT_THAT(contents_of(session), ElementsAre("y"));
  EXPECT_THAT(session.damaged, ElementsAre("messages:1: its role is \"wizard\""));
}

TEST_F(Hostile, OnlySoMuchDamageIsTold) {
  StateDb db(path());
  db.session("s1");
  for (int i = 0; i < 100; ++i) db.message("s1", "wizard", "x");
  db.close();
  const auto session = read_one();
  EXPECT_THAT(session.damaged, SizeIs(21));
  EXPECT_EQ(session.damaged.back(), "and more");
}

TEST_F(Hostile, TokensBelowNothingAreNone) {
  StateDb db(path());
  db.session("s1", {{"input_tokens", -5}});
  db.message("s1", "user", "x");
  db.close();
  const auto session = read_one();
  EXPECT_EQ(session.tokens.input, 0);
  EXPECT_FALSE(session.tokens.known);
  EXPECT_THAT(session.damaged, IsEmpty());
  EXPECT_THAT(session.remarks, ElementsAre("sessions:input_tokens: is below 0"));
}

TEST_F(Hostile, WhatIsNoDatabaseSaysSo) {
  for (const auto& text : {std::string(), std::string(50, 'x'), std::string(5000, 'x')}) {
    put_file(path(), text);
    settle(path());
    DatabaseReader reader(path(), caps_);
    EXPECT_THAT([&] { (void)read_from(reader); },
                testing::ThrowsMessage<Unreadable>(HasSubstr("is no SQLite database")));
  }
  fs::remove(path());
  DatabaseReader reader(path(), caps_);
  EXPECT_THAT([&] { (void)read_from(reader); },
              testing::ThrowsMessage<Unreadable>(HasSubstr("there is no")));
}

// Whatever page is torn, what comes is a store that can't be read or sessions.
TEST_F(Hostile, ATornDatabaseIsNeverFatal) {
  {
    StateDb db(path());
    db.execute("BEGIN");
    for (int i = 0; i < 50; ++i) {
      const auto id = "s" + std::to_string(i);
      db.session(id);
      for (int k = 0; k < 5; ++k) db.message(id, "user", std::string(700, 'x'));
    }
    db.execute("COMMIT");
    db.close();
  }
  std::string whole;
  {
    std::ifstream file(path(), std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(file), {});
  }
  int readable = 0;
  for (std::size_t page = 1; page < whole.size() / 4096; ++page) {
    auto torn = whole;
    for (std::size_t at = page * 4096; at < page * 4096 + 600; ++at)
      torn[at] = static_cast<char>(at * 7919 + page);
    put_file(path(), torn);
    settle(path());
    try {
      (void)read();
      ++readable;
    } catch (const Unreadable& error) {
      EXPECT_THAT(error.what(), HasSubstr(path().string()));
    }
  }
  EXPECT_GT(readable, 10) << "a torn page of messages costs those";
}

TEST_F(Hostile, IsReadNoFurtherThanItIsToldTo) {
  StateDb db(path());
  db.execute("BEGIN");
  for (int i = 0; i < 2000; ++i) {
    db.session("s" + std::to_string(i));
    db.message("s" + std::to_string(i), "user", "x");
  }
  db.execute("COMMIT");
  db.close();
  int asked = 0;
  DatabaseReader reader(path(), caps_, [&] { return ++asked > 3; });
  Collector taken;
  EXPECT_THROW((void)reader.read(nullptr, kNow, taken), Interrupted);
}

// Ids are names that others chose.

TEST_F(Hostile, AnIdThatIsAPathIsNone) {
  put_file(folder_.path() / "secret.jsonl", R"({"role":"user","content":"secret"})"
                                            "\n");
  const auto sessions = folder_.path() / "sessions";
  put_file(sessions / "session_ok.json", R"({"session_id":"ok","messages":[]})");
  FolderReader reader(sessions, caps_);
  for (const std::string id : {"../secret", "/etc/passwd", "..", ".", "", "a/b"})
    EXPECT_FALSE(reader.find(id, kNow, 0)) << id;
  EXPECT_FALSE(reader.find(std::string("ok\0x", 4), kNow, 0));
  EXPECT_FALSE(reader.find(std::string(5000, 'x'), kNow, 0));
  EXPECT_TRUE(reader.find("ok", kNow, 0));
  StateDb db(path());
  db.session("../../etc/passwd");
  db.close();
  EXPECT_EQ(read_one().id, "../../etc/passwd") << "it is a name, and leads nowhere";
}

TEST_F(Hostile, NoLinkIsFollowedAndNothingThatWaits) {
  const auto sessions = folder_.path() / "sessions";
  put_file(folder_.path() / "outside.jsonl", R"({"role":"user","content":"outside"})"
                                             "\n");
  fs::create_directories(sessions / "saved");
  fs::create_symlink(folder_.path() / "outside.jsonl", sessions / "link.jsonl");
  put_file(sessions / "saved/old.jsonl", R"({"role":"user","content":"old"})"
                                         "\n");
  ASSERT_EQ(::mkfifo((sessions / "pipe.jsonl").c_str(), 0600), 0);
  FolderReader reader(sessions, caps_);
  EXPECT_THAT(read_from(reader).sessions, IsEmpty());
  EXPECT_FALSE(reader.find("link", kNow, 0));
}

TEST_F(Hostile, WhatIsNoSessionIsNotRead) {
  const auto sessions = folder_.path() / "sessions";
  const std::string one = R"({"session_id":"x","messages":[{"role":"user","content":"x"}]})";
  for (const char* name : {"sessions.json", "request_dump_x_1.json", ".sessions_ab.tmp", "x.json",
                           "session_x.json.tmp", "session_.json", ".hidden.jsonl", "notes.txt"})
    put_file(sessions / name, one);
  put_file(sessions / "session_x.json", one);
  FolderReader reader(sessions, caps_);
  EXPECT_THAT(ids_of(read_from(reader).sessions), ElementsAre("x"));
}

TEST_F(Hostile, FilesAreBoundedInSizeAndDepthAndNumber) {
  const auto sessions = folder_.path() / "sessions";
  caps_.record = 10'000;
  caps_.row = 1'000;
  const auto message = [](const std::string& text) {
    return R"({"role":"user","content":")" + text + "\"}";
  };
  put_file(sessions / "session_big.json",
           R"({"session_id":"big","messages":[)" + message(std::string(20'000, 'x')) + "]}");
  put_file(sessions / "session_deep.json",
           R"({"session_id":"deep","messages":[{"role":"user","content":)" +
               std::string(1000, '[') + std::string(1000, ']') + "}]}");
  put_file(sessions / "long.jsonl",
           message(std::string(2'000, 'x')) + "\n" + message("short") + "\n");
  FolderReader reader(sessions, caps_);
  const auto damage_of = [&](const char* id) { return reader.find(id, kNow, 0)->session.damaged; };
  EXPECT_THAT(damage_of("big"), ElementsAre("/: has more than 10000 bytes"));
  EXPECT_THAT(damage_of("deep"), ElementsAre("/: nests deeper than 64"));
  EXPECT_THAT(damage_of("long"), ElementsAre("line:1: has more than 1000 bytes"));
  EXPECT_THAT(contents_of(reader.find("long", kNow, 0)->session), ElementsAre("short"));
  caps_.files = 2;
  FolderReader few(sessions, caps_);
  EXPECT_THAT(read_from(few).sessions, SizeIs(2));
  EXPECT_THAT(few.troubles, ElementsAre(HasSubstr("has more than 2 files")));
}

}  // namespace
}  // namespace provenance
