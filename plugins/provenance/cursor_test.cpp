// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

// After it: it takes what GoogleTest defines.
#include <rapidcheck/gtest.h>

#include <map>
#include <set>

#include "database_reader.hpp"
#include "export_reader.hpp"
#include "folder_reader.hpp"
#include "pass.hpp"
#include "store_fixture.hpp"

namespace provenance {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class DatabaseCursor : public testing::Test {
 protected:
  DatabaseCursor() : db_(folder_.path() / "state.db", 25) {}
  Collector read(const Cursor& since = nullptr, Instant now = kNow, std::size_t most = SIZE_MAX) {
    DatabaseReader reader(folder_.path() / "state.db", Caps());
    return read_from(reader, since, now, most);
  }
  [[nodiscard]] bool unchanged(const Cursor& cursor, Instant now = kNow) const {
    return DatabaseReader(folder_.path() / "state.db", Caps()).unchanged(cursor, now);
  }
  void add(const std::string& id) {
    db_.session(id);
    db_.message(id, "user", "hello from " + id);
  }
  TempFolder folder_;
  StateDb db_;
};

TEST_F(DatabaseCursor, OfAnUnchangedStoreHasNothingNew) {
  for (int i = 0; i < 10; ++i) add("s" + std::to_string(i));
  db_.close();
  const auto first = read();
  EXPECT_THAT(first.sessions, SizeIs(10));
  EXPECT_TRUE(unchanged(first.cursor));
  EXPECT_THAT(read(first.cursor).sessions, IsEmpty());
  EXPECT_LT(first.cursor.dump().size(), 10'000u);
}

TEST_F(DatabaseCursor, SeesWhatIsNewChangedOrGone) {
  for (int i = 0; i < 10; ++i) add("s" + std::to_string(i));
  auto cursor = read().cursor;
  const auto changes = [&](const std::string& sql) {
    db_.execute(sql);
    auto all = read(cursor);
    cursor = all.cursor;
    EXPECT_THAT(read(cursor).sessions, IsEmpty()) << sql;
    return ids_of(all.sessions);
  };
  EXPECT_THAT(changes("INSERT INTO sessions(id, source, started_at) VALUES ('new', 'cli', 1.78e9)"),
              ElementsAre("new"));
  EXPECT_THAT(changes("UPDATE sessions SET end_reason = 'other' WHERE id = 's3'"),
              ElementsAre("s3"));
  EXPECT_THAT(changes("INSERT INTO messages(session_id, role, content, timestamp) "
                      "VALUES ('s5', 'user', 'more', 1.78e9)"),
              ElementsAre("s5"));
  EXPECT_THAT(changes("UPDATE sessions SET rewind_count = 1 WHERE id = 's2'"), ElementsAre("s2"));
  EXPECT_THAT(changes("DELETE FROM messages WHERE session_id = 's7'"), ElementsAre("s7"));
  EXPECT_THAT(changes("DELETE FROM sessions WHERE id = 's8'"), IsEmpty());
  EXPECT_THAT(changes("UPDATE sessions SET pinned = 1"), IsEmpty()) << "that is nothing of ours";
}

TEST_F(DatabaseCursor, SeesThatAParentEndedInAnotherWay) {
  db_.session("parent", {{"end_reason", nullptr}});
  db_.session("child", {{"parent_session_id", "parent"}});
  const auto first = read();
  EXPECT_EQ(first.sessions[1].descent, Descent::subagent);
  db_.execute("UPDATE sessions SET end_reason = 'compression' WHERE id = 'parent'");
  const auto second = read(first.cursor);
  ASSERT_THAT(ids_of(second.sessions), ElementsAre("parent", "child"));
  EXPECT_EQ(second.sessions[1].descent, Descent::continuation);
}

TEST_F(DatabaseCursor, SeesThatALiveSessionIsNoLongerOneThoughNobodyWroteIt) {
  db_.session("live", {{"ended_at", nullptr}});
  db_.message("live", "user", "x", {{"timestamp", StateDb::kAt}});
  add("other");
  db_.close();
  const auto during = read(nullptr, at(StateDb::kAt + 600));
  EXPECT_TRUE(during.sessions[0].live);
  EXPECT_TRUE(unchanged(during.cursor, at(StateDb::kAt + 3599)));
  EXPECT_FALSE(unchanged(during.cursor, at(StateDb::kAt + 3601)));
  const auto after = read(during.cursor, at(StateDb::kAt + 3601));
  ASSERT_THAT(ids_of(after.sessions), Contains("live"));
  EXPECT_FALSE(after.sessions[0].live);
  EXPECT_TRUE(unchanged(after.cursor, at(StateDb::kAt + 1e6)));
}

TEST_F(DatabaseCursor, DoesNotTrustAFileThatWasWrittenAMomentAgo) {
  add("s1");
  EXPECT_FALSE(unchanged(read().cursor)) << "the log's next write may have the same time";
}

TEST_F(DatabaseCursor, GoesOnWhereAReadingStoppedHoweverOftenItStops) {
  std::vector<std::string> expected;
  db_.execute("BEGIN");
  for (int i = 0; i < 1500; ++i) {
    expected.push_back("s" + std::to_string(i));
    add(expected.back());
  }
  db_.execute("COMMIT");
  Cursor cursor;
  std::vector<std::string> ids;
  for (int steps = 0; steps < 1000; ++steps) {
    auto some = read(cursor, kNow, 51);
    if (some.sessions.empty()) break;
    cursor = some.cursor;
    for (const auto& id : ids_of(some.sessions)) ids.push_back(id);
  }
  EXPECT_EQ(ids, expected) << "each once, and in order";
}

TEST_F(DatabaseCursor, GoesOnInTheFirstRangeToo) {
  for (const char* id : {"a", "b", "c", "d"}) add(id);
  db_.execute(
      "INSERT INTO sessions(rowid, id, source, started_at) VALUES (9000000, 'e', 'x', 1.78e9)");
  Cursor cursor;
  std::vector<std::string> ids;
  for (int steps = 0; steps < 6; ++steps) {
    const auto one = read(cursor, kNow, 1);
    cursor = one.cursor;
    for (const auto& id : ids_of(one.sessions)) ids.push_back(id);
  }
  EXPECT_THAT(ids, ElementsAre("a", "b", "c", "d", "e"));
}

TEST_F(DatabaseCursor, ThatIsNoneMeansFromTheBeginning) {
  add("s1");
  for (const auto& cursor :
       {json(7), json("x"), json::object(), json{{"sketch", 7}},
        json{{"file", {1, 2}}, {"log", nullptr}}, json{{"sketch", {{"shift", 99}, {"sums", ""}}}},
        json{{"sketch", {{"shift", 0}, {"sums", "AAAAAAA!"}}}},
        json{{"sketch", {{"shift", 0}, {"sums", std::string(80'000, 'A')}}}, {"until", "x"}}}) {
    EXPECT_FALSE(unchanged(cursor)) << cursor;
    EXPECT_THAT(read(cursor).sessions, SizeIs(1)) << cursor;
  }
}

TEST_F(DatabaseCursor, HoldsWhenTheStoreOutgrowsIt) {
  db_.execute("BEGIN");
  for (int i = 0; i < 1000; ++i) add("a" + std::to_string(i));
  db_.execute("COMMIT");
  const auto first = read();
  db_.execute("BEGIN");
  for (int i = 0; i < 2000; ++i) add("b" + std::to_string(i));
  db_.execute("COMMIT");
  const auto second = read(first.cursor);
  EXPECT_GE(second.sessions.size(), 2000u);
  EXPECT_LT(second.sessions.size(), 2010u) << "but for the range where both are";
  EXPECT_THAT(read(second.cursor).sessions, IsEmpty());
}

TEST_F(DatabaseCursor, WritesNothing) {
  add("s1");
  db_.close();
  (void)read();
  EXPECT_FALSE(fs::exists(folder_.path() / "state.db-wal"));
  EXPECT_FALSE(fs::exists(folder_.path() / "state.db-shm"));
}

// Whatever is done to a store, and in however many readings that stop anywhere: who keeps the last
// version of each session has what one reading gives.
RC_GTEST_PROP(DatabaseCursorProperty, AnyNumberOfReadingsComeToWhatOneDoes, ()) {
  const TempFolder folder;
  StateDb db(folder.path() / "state.db", 25);
  std::map<std::string, std::string> kept;
  Cursor cursor;
  int sessions = 0;
  const auto some = [&] { return "s" + std::to_string(*rc::gen::inRange(0, sessions + 1)); };
  const auto steps = *rc::gen::inRange(1, 30);
  for (int step = 0; step < steps; ++step) {
    switch (*rc::gen::inRange(0, 7)) {
      case 0:
      case 1: db.session("s" + std::to_string(sessions++)); break;
      case 2: db.message(some(), "user", *rc::gen::arbitrary<std::string>()); break;
      case 3:
        db.execute("UPDATE sessions SET end_reason='x' || rowid WHERE id='" + some() + "'");
        break;
      case 4: db.execute("DELETE FROM messages WHERE session_id='" + some() + "'"); break;
      case 5: {
        const auto id = some();
        db.execute("DELETE FROM sessions WHERE id='" + id + "'");
        kept.erase(id);
        break;
      }
      default: {
        DatabaseReader reader(folder.path() / "state.db", Caps());
        const auto taken = read_from(reader, cursor, kNow, *rc::gen::inRange<std::size_t>(1, 8));
        cursor = taken.cursor;
        for (const auto& session : taken.sessions) kept[session.id] = session.digest;
      }
    }
  }
  DatabaseReader reader(folder.path() / "state.db", Caps());
  for (bool more = true; more;) {
    const auto taken = read_from(reader, cursor, kNow, 3);
    cursor = taken.cursor;
    for (const auto& session : taken.sessions) kept[session.id] = session.digest;
    more = !taken.sessions.empty();
  }
  std::map<std::string, std::string> expected;
  for (const auto& session : read_from(reader).sessions) expected[session.id] = session.digest;
  RC_ASSERT(kept == expected);
}

class FolderCursor : public testing::Test {
 protected:
  void snapshot(const std::string& id, const std::string& text) {
    const auto path = folder_.path() / ("session_" + id + ".json");
    put_file(
        path.string() + ".tmp",
        R"({"session_id":")" + id + R"(","messages":[{"role":"user","content":")" + text + "\"}]}");
    settle(path.string() + ".tmp");
    fs::rename(path.string() + ".tmp", path);
    settle(folder_.path());
  }
  void line(const std::string& id, const std::string& text) {
    const auto path = folder_.path() / (id + ".jsonl");
    const bool is_new = !fs::exists(path);
    std::ofstream(path, std::ios::app) << R"({"role":"user","content":")" << text << "\"}\n";
    settle(path);
    if (is_new) settle(folder_.path());
  }
  Collector read(const Cursor& since = nullptr, std::size_t most = SIZE_MAX) {
    FolderReader reader(folder_.path(), Caps());
    return read_from(reader, since, now_, most);
  }
  [[nodiscard]] bool unchanged(const Cursor& cursor) const {
    return FolderReader(folder_.path(), Caps()).unchanged(cursor, now_);
  }
  TempFolder folder_;
  Instant now_ = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()) +
                 std::chrono::hours(24);
};

TEST_F(FolderCursor, SeesWhatIsNewOrChanged) {
  for (int i = 0; i < 5; ++i) snapshot("s" + std::to_string(i), "hello");
  line("t", "one");
  auto first = read();
  EXPECT_THAT(first.sessions, SizeIs(6));
  EXPECT_TRUE(unchanged(first.cursor));
  EXPECT_THAT(read(first.cursor).sessions, IsEmpty());
  snapshot("s3", "hello again");
  EXPECT_FALSE(unchanged(first.cursor));
  auto second = read(first.cursor);
  EXPECT_THAT(ids_of(second.sessions), ElementsAre("s3"));
  line("t", "two");
  EXPECT_FALSE(unchanged(second.cursor)) << "though its folder is the same";
  auto third = read(second.cursor);
  ASSERT_THAT(ids_of(third.sessions), ElementsAre("t"));
  EXPECT_THAT(third.sessions[0].messages, SizeIs(2));
  EXPECT_THAT(read(third.cursor).sessions, IsEmpty());
}

// What a look costs doesn't grow with the folder.
TEST_F(FolderCursor, LooksAtTheTranscriptsThatWereWrittenLastAndAtAllOfThemOnceADay) {
  for (int i = 0; i < 100; ++i) line("late" + std::to_string(i), "one");
  line("old", "one");
  const auto old = folder_.path() / "old.jsonl";
  fs::last_write_time(old, fs::last_write_time(old) - std::chrono::hours(1000));
  settle(folder_.path());
  const auto first = read();
  EXPECT_LT(first.cursor.dump().size(), 10'240u);
  EXPECT_TRUE(unchanged(first.cursor));
  std::ofstream(old, std::ios::app) << "{\"role\":\"user\",\"content\":\"two\"}\n";
  EXPECT_TRUE(unchanged(first.cursor)) << "nothing else in the folder is another";
  now_ += std::chrono::hours(24);
  EXPECT_FALSE(unchanged(first.cursor));
  EXPECT_THAT(ids_of(read(first.cursor).sessions), ElementsAre("old"));
  now_ -= std::chrono::hours(24);
  put_file(folder_.path() / "sessions.json", "{}");  // as the gateway does with each message
  EXPECT_FALSE(unchanged(first.cursor));
}

TEST_F(FolderCursor, ATimeToComeKeepsNoSessionBackForEver) {
  snapshot("s", "hello");
  const auto path = folder_.path() / "session_s.json";
  fs::last_write_time(path, fs::last_write_time(path) + std::chrono::hours(24 * 365 * 20));
  const auto all = read();
  ASSERT_THAT(all.sessions, SizeIs(1));
  EXPECT_FALSE(all.sessions[0].live);
}

TEST(FileIdentityTest, IsSettledWhereTheNextWriteShows) {
  const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  constexpr std::int64_t kSecond = 1'000'000'000, kYear = 365 * 86'400 * kSecond;
  const auto settled = [](std::int64_t changed, std::int64_t status_changed) {
    return FileIdentity{1, 1, 1, changed, status_changed}.is_settled();
  };
  EXPECT_TRUE(settled(now - kSecond, now - kSecond));
  EXPECT_FALSE(settled(now, now));
  EXPECT_TRUE(settled(now + kYear, now - kSecond)) << "its time was set by hand";
  EXPECT_TRUE(settled(now + kYear, now + kYear)) << "our clock was set back";
  EXPECT_FALSE(settled(now + 60 * kSecond, now + 60 * kSecond)) << "another's is ahead";
}

TEST_F(FolderCursor, GoesOnWhereAReadingStopped) {
  for (int i = 0; i < 100; ++i) snapshot("s" + std::to_string(i), "hello");
  Cursor cursor;
  std::vector<std::string> ids;
  for (auto some = read(cursor, 3); !some.sessions.empty(); some = read(cursor = some.cursor, 3))
    for (const auto& id : ids_of(some.sessions)) ids.push_back(id);
  EXPECT_THAT(ids, SizeIs(100));
  EXPECT_THAT(std::set<std::string>(ids.begin(), ids.end()), SizeIs(100));
}

TEST_F(FolderCursor, SeesThatWhatWasWrittenIsNoLongerBeing) {
  snapshot("s", "hello");
  now_ -= std::chrono::hours(24);
  const auto during = read();
  EXPECT_TRUE(during.sessions[0].live);
  EXPECT_TRUE(unchanged(during.cursor));
  now_ += std::chrono::hours(1);
  EXPECT_FALSE(unchanged(during.cursor));
  const auto after = read(during.cursor);
  ASSERT_THAT(after.sessions, SizeIs(1));
  EXPECT_FALSE(after.sessions[0].live);
}

TEST(ExportCursor, IsOfTheWholeFile) {
  const TempFolder folder;
  const auto path = folder.path() / "all.jsonl";
  std::string text;
  for (int i = 0; i < 10; ++i)
    text += R"({"id":"s)" + std::to_string(i) + R"(","ended_at":1780000000,"messages":[]})" + "\n";
  put_file(path, text);
  settle(path);
  ExportReader reader(path, Caps());
  Cursor cursor;
  std::vector<std::string> ids;
  for (auto some = read_from(reader, cursor, kNow, 4); !some.sessions.empty();
       some = read_from(reader, cursor, kNow, 4)) {
    EXPECT_FALSE(reader.unchanged(cursor, kNow));
    cursor = some.cursor;
    for (const auto& id : ids_of(some.sessions)) ids.push_back(id);
    if (reader.unchanged(cursor, kNow)) break;
  }
  EXPECT_THAT(ids, SizeIs(10));
  EXPECT_TRUE(reader.unchanged(cursor, kNow));
  put_file(path, text + text);
  EXPECT_FALSE(reader.unchanged(cursor, kNow));
  EXPECT_THAT(read_from(reader, cursor).sessions, SizeIs(20));
}

TEST(Sketch, FoldsWhenKeysOutgrowIt) {
  Sketch sketch;
  for (std::uint64_t key = 0; key < 1024; ++key) sketch.add(key, key + 1);
  sketch.reach(2047);
  EXPECT_EQ(sketch.range_of(2047), 1023u);
  EXPECT_EQ(sketch.last_of(0), 1u);
  EXPECT_EQ(sketch[0], 3u);
  EXPECT_EQ(sketch[511], 1023u + 1024u);
  EXPECT_EQ(sketch[512], 0u);
  sketch.add(2047, ~std::uint64_t{0});
  const auto again = Sketch::from(json::parse(sketch.json().dump()));
  for (std::size_t range = 0; range < Sketch::kRanges; ++range)
    ASSERT_EQ(again[range], sketch[range]);
  EXPECT_EQ(again.range_of(2047), 1023u);
  sketch.reach(~std::uint64_t{0});
  EXPECT_EQ(sketch.range_of(~std::uint64_t{0}), 1023u);
}

}  // namespace
}  // namespace provenance
