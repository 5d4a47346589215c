// SPDX-License-Identifier: Apache-2.0
#include "library.hpp"

#include "database_reader.hpp"
#include "store_fixture.hpp"

namespace provenance {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class SeveralStores : public testing::Test {
 protected:
  [[nodiscard]] fs::path in(const std::string& name) const { return folder_.path() / name; }
  std::vector<Session> read(std::size_t most = SIZE_MAX) {
    std::vector<Session> sessions;
    Library library(find_stores({.homes = {in("hermes")},
                                 .runs = {in("runs")},
                                 .transcripts = {in("transcripts")},
                                 .exports = {in("out")}}));
    auto pass = library.read(cursors_, now_, [&](Session&& session) {
      sessions.push_back(std::move(session));
      return sessions.size() < most;
    });
    EXPECT_EQ(pass.sessions, sessions.size());
    cursors_ = std::move(pass.cursors);
    troubles_ = std::move(pass.troubles);
    complete_ = pass.complete;
    return sessions;
  }
  std::optional<Session> find(const std::string& id) {
    return Library(
               find_stores({.homes = {in("hermes")}, .runs = {in("runs")}, .exports = {in("out")}}))
        .find(id, now_);
  }
  static std::string messages(int count, const std::string& text) {
    std::string all;
    for (int i = 0; i < count; ++i)
      all += std::string(i == 0 ? "" : ",") + R"({"role":"user","content":")" + text + "\"}";
    return all;
  }
  void snapshot(const std::string& id, int count) {
    const auto path = in("hermes/sessions/session_" + id + ".json");
    // Replaced, as Hermes does it.
    put_file(in("hermes/next"), "{\n  \"session_id\": \"" + id +
                                    "\",\n  \"platform\": \"snapshot\",\n  \"message_count\": " +
                                    std::to_string(count) + ",\n  \"messages\": [" +
                                    messages(count, "snapshot") + "]}");
    settle(in("hermes/next"));
    fs::create_directories(fs::path(path).parent_path());
    fs::rename(in("hermes/next"), path);
  }
  void export_of(const std::string& id, int count) {
    put_file(in("out/all.jsonl"), R"({"id":")" + id +
                                      R"(","source":"export","ended_at":1780000000,"messages":[)" +
                                      messages(count, "export") + "]}\n");
    settle(in("out/all.jsonl"));
  }
  void database(const std::string& name, const std::string& id, int count) {
    StateDb db(in(name));
    db.session(id, {{"source", name}});
    for (int i = 0; i < count; ++i) db.message(id, "user", "database");
    db.close();
  }
  TempFolder folder_;
  Cursors cursors_;
  Instant now_ = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now()) +
                 std::chrono::hours(24);
  std::vector<std::string> troubles_;
  bool complete_ = false;
};

TEST_F(SeveralStores, HaveEachSessionOnce) {
  database("hermes/state.db", "a", 3);
  database("runs/7/state.db", "b", 1);
  snapshot("a", 3);
  snapshot("c", 1);
  put_file(in("transcripts/d.jsonl"), messages(1, "transcript") + "\n");
  export_of("b", 1);
  const auto all = read();
  EXPECT_THAT(ids_of(all), UnorderedElementsAre("a", "b", "c", "d"));
  EXPECT_THAT(troubles_, IsEmpty());
  EXPECT_TRUE(complete_);
  EXPECT_THAT(cursors_, SizeIs(5));
}

TEST_F(SeveralStores, TheOneWithMoreMessagesCountsAndTheDatabaseKnowsTheRest) {
  database("hermes/state.db", "a", 2);
  snapshot("a", 3);
  const auto all = read();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_THAT(contents_of(all[0]), ElementsAre("snapshot", "snapshot", "snapshot"));
  EXPECT_EQ(all[0].store.kind, Store::Kind::snapshot);
  EXPECT_EQ(all[0].source, "hermes/state.db");
  EXPECT_EQ(all[0].ended, at(StateDb::kAt + 60));
  EXPECT_EQ(find("a")->digest, all[0].digest);
}

TEST_F(SeveralStores, OfEqualsTheDatabaseCounts) {
  database("hermes/state.db", "a", 2);
  snapshot("a", 2);
  export_of("a", 2);
  const auto all = read();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].store.kind, Store::Kind::database);
}

TEST_F(SeveralStores, WhatWasRewoundMakesNoOtherStoreTheFullerOne) {
  {
    StateDb db(in("hermes/state.db"), 25);
    db.session("a");
    db.message("a", "user", "kept");
    db.message("a", "user", "rewound", {{"active", 0}});
    db.close();
  }
  snapshot("a", 2);
  EXPECT_THAT(contents_of(read().at(0)), ElementsAre("kept"));
}

TEST_F(SeveralStores, WithoutADatabaseWhatOneFileDoesNotKnowAnotherDoes) {
  snapshot("a", 2);
  export_of("a", 1);
  const auto session = read().at(0);
  EXPECT_EQ(session.source, "export");
  EXPECT_EQ(session.ended, at(1780000000));
  EXPECT_THAT(contents_of(session), ElementsAre("snapshot", "snapshot"));
}

TEST_F(SeveralStores, AChangeInOneBringsTheWholeSessionAgain) {
  database("hermes/state.db", "a", 2);
  snapshot("a", 3);
  const auto first = read();
  EXPECT_THAT(read(), IsEmpty());
  export_of("a", 1);
  const auto second = read();
  ASSERT_THAT(ids_of(second), ElementsAre("a"));
  EXPECT_EQ(second[0].digest, first[0].digest) << "the export has less";
  snapshot("a", 4);
  const auto third = read();
  ASSERT_THAT(third, SizeIs(1));
  EXPECT_THAT(third[0].messages, SizeIs(4));
  EXPECT_EQ(third[0].source, "hermes/state.db");
  EXPECT_THAT(read(), IsEmpty());
}

// An agent writes its run's store in its cage, and may give a session any id and many rows.
TEST_F(SeveralStores, ARunsIsNeverMergedWithTheOperatorsOwn) {
  database("hermes/state.db", "a", 1);
  snapshot("b", 1);
  for (const std::string id : {"a", "b"}) {
    database("runs/" + id + "/state.db", id, 9);
    database("runs/0" + id + "/state.db", id, 5);
  }
  export_of("a", 2);
  for (int passes = 0; passes < 2; ++passes) {
    std::map<std::string, std::pair<std::string, std::size_t>> said;
    for (const auto& session : read()) said[session.id] = {session.source, session.messages.size()};
    EXPECT_THAT(said, UnorderedElementsAre(testing::Pair("a", testing::Pair("hermes/state.db", 2u)),
                                           testing::Pair("b", testing::Pair("snapshot", 1u))));
    EXPECT_THAT(troubles_, testing::IsSupersetOf(
                               {HasSubstr("runs/a/state.db has a session a of which there is one"),
                                HasSubstr("runs/0b/state.db has a session b")}));
    // And the run's alone is there to be read anew.
    for (const std::string id : {"a", "b"}) {
      fs::remove(in("runs/" + id + "/state.db"));
      database("runs/" + id + "/state.db", id, 12);
    }
  }
  EXPECT_EQ(find("a")->source, "hermes/state.db");
  EXPECT_EQ(find("b")->source, "snapshot");
}

TEST_F(SeveralStores, OfRunsTheFirstCountsAndACopyOfItIsNobodyElses) {
  database("runs/1/state.db", "a", 1);
  database("runs/2/state.db", "a", 5);
  export_of("a", 9);
  const auto all = read();
  ASSERT_THAT(all, SizeIs(1));
  EXPECT_EQ(all[0].source, "timmy:1");
  EXPECT_THAT(all[0].messages, SizeIs(1));
  EXPECT_THAT(troubles_, ElementsAre(HasSubstr("runs/2/state.db has a session a of which")));
  EXPECT_EQ(find("a")->source, "timmy:1");
}

TEST_F(SeveralStores, AreReadInSteps) {
  database("hermes/state.db", "a", 1);
  for (int i = 0; i < 5; ++i) snapshot("s" + std::to_string(i), 1);
  export_of("b", 1);
  std::vector<std::string> ids;
  do {
    for (const auto& id : ids_of(read(2))) ids.push_back(id);
  } while (!complete_);
  EXPECT_THAT(ids, UnorderedElementsAre("a", "b", "s0", "s1", "s2", "s3", "s4"));
  EXPECT_THAT(read(), IsEmpty());
}

TEST_F(SeveralStores, OneThatCantBeReadKeepsNoOtherDatabaseFromItsTurn) {
  database("hermes/state.db", "a", 1);
  (void)read();
  const auto before = cursors_;
  put_file(in("hermes/state.db"), "ruined");
  settle(in("hermes/state.db"));
  database("hermes/profiles/work/state.db", "b", 1);
  database("runs/7/state.db", "c", 1);
  EXPECT_THAT(ids_of(read()), ElementsAre("b"));
  EXPECT_THAT(troubles_, ElementsAre(HasSubstr("is no SQLite database"),
                                     HasSubstr("runs/7/state.db waits for the next run")))
      << "what a run has may pass for what can't be read";
  const auto name = "database:" + in("hermes/state.db").string();
  EXPECT_EQ(cursors_.at(name), before.at(name)) << "what was read of it was read";
}

// A snapshot knows neither the user nor the parent of its session.
TEST_F(SeveralStores, WhileADatabaseCantBeReadTheFilesOfItsSessionsWait) {
  database("hermes/state.db", "a", 1);
  database("hermes/profiles/work/state.db", "w", 1);
  snapshot("a", 3);
  (void)read();
  const auto before = cursors_;
  fs::rename(in("hermes/state.db"), in("aside"));
  put_file(in("hermes/state.db"), "ruined");
  settle(in("hermes/state.db"));
  snapshot("a", 4);
  snapshot("c", 1);
  export_of("e", 1);
  put_file(in("transcripts/d.jsonl"), messages(1, "transcript") + "\n");
  put_file(in("hermes/profiles/work/sessions/x.jsonl"), messages(1, "transcript") + "\n");
  EXPECT_THAT(ids_of(read()), ElementsAre("x")) << "its own database can be read";
  EXPECT_THAT(troubles_, Contains(HasSubstr("hermes/sessions waits for the next run")));
  const auto folder = "folder:" + in("hermes/sessions").string();
  EXPECT_EQ(cursors_.at(folder), before.at(folder));
  EXPECT_FALSE(cursors_.contains("export:" + in("out/all.jsonl").string()));
  EXPECT_FALSE(cursors_.contains("folder:" + in("transcripts").string()));
  EXPECT_FALSE(find("a")) << "nor is it found by the snapshot alone";
  EXPECT_FALSE(find("e"));

  fs::rename(in("aside"), in("hermes/state.db"));
  const auto then = read();
  EXPECT_THAT(ids_of(then), testing::IsSupersetOf({"a", "c", "d", "e"}));
  for (const auto& session : then)
    if (session.id == "a") {
      EXPECT_EQ(session.source, "hermes/state.db");
      EXPECT_THAT(session.messages, SizeIs(4));
    }
  EXPECT_THAT(troubles_, IsEmpty());
}

// Has what it can't show now.
class FailingFile final : public Source {
 public:
  [[nodiscard]] std::string name() const override { return "failing"; }
  [[nodiscard]] bool unchanged(const Cursor&, Instant) const override { return true; }
  void list(const std::function<void(std::string_view id)>& each) override { each("a"); }
  [[nodiscard]] Cursor read(const Cursor& since, Instant, Taker&) override { return since; }
  [[nodiscard]] std::optional<Reading> find(const std::string&, Instant, std::size_t) override {
    throw Unreadable("the disk failed");
  }
};

TEST_F(SeveralStores, ASessionOfWhichAFileCantBeReadComesAgain) {
  database("hermes/state.db", "a", 1);
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<DatabaseReader>(in("hermes/state.db"), Caps()));
  sources.push_back(std::make_unique<FailingFile>());
  Library library(std::move(sources));
  std::vector<std::string> ids;
  const auto pass = library.read({{"failing", 1}}, now_, [&](Session&& session) {
    ids.push_back(session.id);
    return true;
  });
  EXPECT_THAT(ids, ElementsAre("a"));
  EXPECT_THAT(pass.troubles, ElementsAre("the disk failed"));
  EXPECT_FALSE(pass.cursors.contains("database:" + in("hermes/state.db").string()));
}

TEST_F(SeveralStores, WhatThrowsWhoTakesThemIsHis) {
  database("hermes/state.db", "a", 1);
  Library library(find_stores({.homes = {in("hermes")}}));
  EXPECT_THROW(
      (void)library.read({}, now_, [](Session&&) -> bool { throw std::logic_error("no"); }),
      std::logic_error);
}

TEST_F(SeveralStores, ManyOfThemStayWithinTheirDescriptors) {
  for (int i = 0; i < 40; ++i)
    database("runs/" + std::to_string(i) + "/state.db", "s" + std::to_string(i % 30), 1);
  EXPECT_THAT(read(), SizeIs(30));
  EXPECT_THAT(read(), IsEmpty());
}

// Of a session that is born once the first of the two was listed: in the database, then as a file.
class Newborn final : public Source {
 public:
  Newborn(Store::Kind kind, int& lists) : kind_(kind), lists_(lists) {}
  [[nodiscard]] std::string name() const override {
    return is_database() ? "database:db" : "folder:f";
  }
  [[nodiscard]] bool is_database() const override { return kind_ == Store::Kind::database; }
  [[nodiscard]] bool unchanged(const Cursor& cursor, Instant) const override {
    return is_database() && cursor.is_number();
  }
  void list(const std::function<void(std::string_view id)>& each) override {
    listed_ = lists_++ > 0;
    if (listed_) each("new");
  }
  [[nodiscard]] Cursor read(const Cursor&, Instant, Taker& taker) override {
    if (listed_ && taker.wants("new")) taker.take(reading());
    return 1;
  }
  [[nodiscard]] std::optional<Reading> find(const std::string&, Instant, std::size_t) override {
    return reading();
  }

 private:
  [[nodiscard]] Reading reading() const {
    Reading reading;
    reading.session.id = "new";
    reading.session.store = {kind_, is_database() ? "db" : "f/session_new.json"};
    reading.session.source = is_database() ? "telegram" : "cli";
    reading.rows = is_database() ? 1 : 2;
    return reading;
  }
  Store::Kind kind_;
  int& lists_;
  bool listed_ = false;
};

TEST_F(SeveralStores, ASessionThatIsBornWhileTheyAreListedNeverPassesForOneThatNoDatabaseHas) {
  int lists = 0;
  std::vector<std::unique_ptr<Source>> sources;
  sources.push_back(std::make_unique<Newborn>(Store::Kind::database, lists));
  sources.push_back(std::make_unique<Newborn>(Store::Kind::snapshot, lists));
  Library library(std::move(sources));
  std::vector<std::string> said_to_be_of;
  const auto each = [&](Session&& session) {
    said_to_be_of.push_back(session.source);
    return true;
  };
  Cursors cursors{{"database:db", 1}};
  cursors = library.read(cursors, now_, each).cursors;
  EXPECT_THAT(said_to_be_of, testing::Each("telegram"));
  said_to_be_of.clear();
  (void)library.read(cursors, now_, each);
  EXPECT_THAT(said_to_be_of, ElementsAre("telegram")) << "the next time it is whole";
}

}  // namespace
}  // namespace provenance
