// SPDX-License-Identifier: Apache-2.0
//
// The tasks on a real home of Hermes: what they leave for the next run, and what they tell.
#include <atomic>
#include <timmy/failure.hpp>

#include "fixture.hpp"
#include "reading_ahead.hpp"
#include "store_fixture.hpp"
#include "stores.hpp"

namespace provenance {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using timmy::Json;

class StoresTaskTest : public FolderTest {
 protected:
  StoresTaskTest() {
    config_["homes"] = {(home_ / "hermes").string()};
    config_["runs"] = {(home_ / "runs").string()};
    config_["transcripts"] = Json::array();
    config_["exports"] = {(home_ / "exports").string()};
  }
  timmy::testing::Outcome run(const std::string& task, const Json& payload = Json::object()) {
    return timmy::testing::Plugin(world_, timmy_plugin_v1, config_).run(task, payload);
  }
  Json ingested(const Json& payload = Json::object()) {
    auto outcome = run("provenance_ingest", payload);
    EXPECT_TRUE(outcome.ok()) << outcome.message;
    return outcome.result;
  }
  void session(const std::string& store, const std::string& id, const std::string& answer,
               json fields = json::object()) const {
    StateDb db(home_ / store);
    db.session(id, std::move(fields));
    db.message(id, "user", "What of " + id + "?");
    db.message(id, "assistant", answer, {{"finish_reason", "stop"}});
    db.close();
  }
  void allow_runs() const {
    write_policy(Json{{"version", 1},
                      {"own_sources", {"cli", "tool", "timmy"}},
                      {"rules", {rule("all", "internal", {{"source", {"cli", "timmy"}}})}}}
                     .dump());
  }
  [[nodiscard]] std::vector<std::string> cursors() const {
    std::vector<std::string> stores;
    for (const auto& [key, value] : world_.state)
      if (key.starts_with("cursor:")) stores.push_back(value.at("store"));
    std::sort(stores.begin(), stores.end());
    return stores;
  }
  timmy::testing::World world_;
};

TEST_F(StoresTaskTest, EachStoreHasACursorOfItsOwnWhichGoesWithIt) {
  session("hermes/state.db", "a", "A");
  session("runs/1/state.db", "b", "B");
  session("runs/2/state.db", "c", "C");
  allow_runs();
  EXPECT_EQ(ingested().at("emitted"), 3);
  EXPECT_THAT(cursors(), ElementsAre("database:" + (home_ / "hermes/state.db").string(),
                                     "database:" + (home_ / "runs/1/state.db").string(),
                                     "database:" + (home_ / "runs/2/state.db").string()));
  for (const auto& [key, value] : world_.state) EXPECT_LT(value.dump().size(), 12'000u) << key;

  world_.calls.clear();
  EXPECT_EQ(ingested().at("sessions"), 0);
  EXPECT_THAT(world_.calls, Not(testing::Contains("state/1.put"))) << "nothing is another";

  fs::remove_all(home_ / "runs/2");
  EXPECT_EQ(ingested().at("pairs"), 3) << "what came out stays";
  EXPECT_THAT(cursors(), SizeIs(2));
}

TEST_F(StoresTaskTest, ARunWhoseStateIsLostReadsAgainAndAddsNothing) {
  session("hermes/state.db", "a", "A");
  ingested();
  const auto before = manifest().to_json();
  world_.state.clear();
  const auto result = ingested();
  EXPECT_EQ(result.at("sessions"), 1);
  EXPECT_EQ(result.at("emitted"), 0);
  EXPECT_EQ(manifest().to_json().at("files"), before.at("files"));
}

TEST_F(StoresTaskTest, ASessionOfSeveralStoresIsOne) {
  session("hermes/state.db", "a", "A");
  put_file(home_ / "hermes/sessions/session_a.json",
           R"({"session_id":"a","model":"m","platform":"cli","message_count":2,"messages":)"
           R"([{"role":"user","content":"What of a?"},{"role":"assistant","content":"A"}]})");
  put_file(home_ / "exports/all.jsonl", R"({"id":"a","source":"cli","model":"m","messages":[]})"
                                        "\n");
  EXPECT_EQ(ingested().at("sessions"), 1);
  EXPECT_THAT(answers(), ElementsAre("A"));
}

// hermes sessions export writes the latest first.
TEST_F(StoresTaskTest, AChildThatStandsBeforeItsParentIsNoOrphan) {
  std::string lines;
  for (int i = 9; i >= 0; --i) {
    const auto id = "s" + std::to_string(i);
    Json line{{"id", id},
              {"source", "cli"},
              {"model", "m"},
              {"started_at", StateDb::kAt + i},
              {"ended_at", StateDb::kAt + i + 1},
              {"messages",
               {{{"role", "user"}, {"content", id}, {"timestamp", StateDb::kAt + i}},
                {{"role", "assistant"}, {"content", id}, {"timestamp", StateDb::kAt + i}}}}};
    if (i > 0) line["parent_session_id"] = "s" + std::to_string(i - 1);
    lines += line.dump() + "\n";
  }
  put_file(home_ / "exports/all.jsonl", lines);
  const auto result = ingested();
  EXPECT_EQ(result.at("emitted"), 10) << result;
  const auto explained = run("provenance_explain", {{"session", "s9"}});
  ASSERT_TRUE(explained.ok()) << explained.message;
  EXPECT_THAT(explained.result.at("lineage"), SizeIs(10));
}

// Hermes 0.13 takes no word of whose run it is.
TEST_F(StoresTaskTest, ASessionInARunsOwnStoreIsThatRuns) {
  session("hermes/state.db", "a", "of a person");
  session("runs/d1.2/state.db", "b", "of the run");
  session("runs/d1.3/state.db", "c", "of another");
  {
    StateDb db(home_ / "runs/d1.4/state.db");
    db.session("parent");
    db.session("child", {{"source", "tool"}, {"parent_session_id", "parent"}});
    db.message("child", "user", "What of it?");
    db.message("child", "assistant", "of its helper", {{"finish_reason", "stop"}});
    db.close();
  }
  EXPECT_EQ(ingested().at("rejected").at("third_party"), 3) << "what is of cli is a person's own";
  EXPECT_THAT(answers(), ElementsAre("of a person"));

  allow_runs();
  ingested();
  std::map<std::string, std::string> sources;
  for (const auto& pair : pairs())
    sources[pair.at("response").back().at("content")] = pair.at("metadata").at("source");
  EXPECT_THAT(sources, testing::UnorderedElementsAre(testing::Pair("of a person", "cli"),
                                                     testing::Pair("of the run", "timmy:d1.2"),
                                                     testing::Pair("of another", "timmy:d1.3"),
                                                     testing::Pair("of its helper", "timmy:d1.4")));
  const auto explained = run("provenance_explain", {{"session", "child"}}).result;
  EXPECT_EQ(explained.at("lineage").at(1).at("source"), "timmy:d1.4");

  allow({rule("own", "internal", {{"source", {"cli", "tool"}}})});
  EXPECT_EQ(ingested().at("withdrawn"), 3) << "a run is taken back by its own name";
}

// In its cage the agent itself writes that store, and knows what the operator's own are called.
TEST_F(StoresTaskTest, NothingThatARunsStoreSaysMakesItAPersons) {
  allow({rule("own", "internal", {{"source", {"cli", "tool", "cron"}}}),
         rule("alice", "public", {{"source", "telegram"}, {"user", "7"}}),
         rule("all of alice", "public", {{"platform", "telegram"}, {"user", "7"}})});
  session("hermes/state.db", "mine", "of a person");
  session("hermes/profiles/p/state.db", "orphan", "of a helper",
          {{"source", "tool"}, {"parent_session_id", "lost"}});
  const std::string ids[] = {"cli", "tool", "cron", "telegram", "child", "reset", "lost", "mine"};
  for (const auto& id : ids) {
    StateDb db(home_ / "runs" / id / "state.db", 25);
    db.session(id, {{"source", id == "child" || id == "reset" ? "tool"
                               : id == "lost" || id == "mine" ? "cli"
                                                              : id},
                    {"user_id", id == "telegram" || id == "child" ? "7" : ""},
                    {"chat_type", "dm"},
                    {"parent_session_id", id == "child" || id == "reset" ? json("mine") : json()},
                    {"model_config", id == "reset" ? json(R"({"_reset_from":"mine"})") : json()}});
    for (int i = 0; i < 3; ++i) {
      db.message(id, "user", "What of " + id + "?");
      db.message(id, "assistant", "forged by " + id, {{"finish_reason", "stop"}});
    }
    db.close();
  }
  for (int runs_of_task = 0; runs_of_task < 2; ++runs_of_task) {
    const auto result = ingested();
    EXPECT_THAT(answers(), ElementsAre("of a person"));
    EXPECT_THAT(result.at("troubles"), testing::Contains(HasSubstr("has a session mine")));
    world_.state.clear();
  }
  // Nor does who allows runs allow what only says to be of one.
  write_policy(Json{{"version", 1},
                    {"own_sources", {"cli", "tool", "timmy"}},
                    {"rules", {rule("all", "internal", {{"source", {"cli", "tool", "timmy"}}})}}}
                   .dump());
  ingested();
  EXPECT_THAT(everything(), Not(HasSubstr("of a helper"))) << "what it came from is not the run's";
  EXPECT_THAT(everything(), Not(HasSubstr("forged by child"))) << "nor is the operator's its own";
  EXPECT_THAT(everything(), HasSubstr("forged by reset"));
  expect_valid();
}

TEST_F(StoresTaskTest, WhatCannotBeReadIsToldByTheRunAndTheReport) {
  session("hermes/state.db", "a", "A");
  put_file(home_ / "runs/1/state.db", "this is no database, whatever its name says; not at all");
  const auto result = ingested();
  EXPECT_EQ(result.at("emitted"), 1) << "the others are read";
  ASSERT_THAT(result.at("troubles"), SizeIs(1));
  const auto trouble = result.at("troubles").at(0).get<std::string>();
  EXPECT_THAT(trouble, HasSubstr((home_ / "runs/1/state.db").string()));
  EXPECT_THAT(world_.log_text(), HasSubstr("warn " + trouble));
  EXPECT_EQ(run("provenance_report").result.at("troubles"), Json::array({trouble}));
  fs::remove_all(home_ / "runs/1");
  EXPECT_THAT(ingested().at("troubles"), IsEmpty());
  EXPECT_THAT(run("provenance_report").result.at("troubles"), IsEmpty());
}

TEST_F(StoresTaskTest, HoweverMuchCannotBeReadWhatIsKeptOfItIsBounded) {
  session("hermes/state.db", "a", "A");
  for (int i = 0; i < 100; ++i)
    put_file(home_ / "runs" / (std::to_string(100 + i) + std::string(240, 'x')) / "state.db",
             "this is no database, whatever its name says; not at all");
  EXPECT_THAT(ingested().at("troubles"), SizeIs(100));
  EXPECT_LT(world_.state.at("ingest").dump().size(), 17'000u);
  const Json kept = run("provenance_report").result.at("troubles");
  ASSERT_THAT(kept, SizeIs(testing::AllOf(testing::Gt(10u), testing::Lt(100u))));
  EXPECT_EQ(kept.back(), "and " + std::to_string(100 - (kept.size() - 1)) + " more");
  EXPECT_EQ(ingested().at("emitted"), 0) << "and the next run goes on from it";
}

TEST_F(StoresTaskTest, ARunThatIsCancelledLeavesEverythingAsItWas) {
  session("hermes/state.db", "a", "A");
  world_.cancel();
  EXPECT_EQ(run("provenance_ingest").status, TIMMY_CANCELLED);
  EXPECT_THAT(pairs(), IsEmpty());
  EXPECT_THAT(world_.state, IsEmpty());
  EXPECT_EQ(ingested().at("emitted"), 1);
}

TEST_F(StoresTaskTest, ARunThatIsCancelledInItsMiddleLeavesEverythingAsItWas) {
  std::string lines;
  for (const std::string id : {"a", "b", "c"}) {
    session("hermes/profiles/" + id + "/state.db", id, id + std::string(5000, 'x'));
    put_file(home_ / "hermes/sessions" / (id + id + ".jsonl"), "");
    lines += R"({"id":")" + id + id + R"(","messages":[]})" + "\n";
  }
  put_file(home_ / "exports/all.jsonl", lines);
  const auto config = settings();
  int cancelled = 0;
  for (int most = 0; answers().empty(); most += 1 + most / 8) {
    std::atomic<int> asked = 0;
    const auto stores = open_stores(config_, [&] { return ++asked > most; });
    // The next session waits until the last one is done with.
    ReadingAhead source(*stores, 1);
    IngestOrder order;
    order.now = "2026-11-29T12:00:00Z";
    try {
      (void)provenance::ingest(config, source, std::move(order));
      EXPECT_THAT(pairs(), SizeIs(3)) << "all or nothing";
    } catch (const timmy::Cancelled&) {
      ++cancelled;
      ASSERT_THAT(pairs(), IsEmpty());
    }
  }
  EXPECT_GT(cancelled, 10);
  expect_valid();
}

TEST_F(StoresTaskTest, ASourceThatIsTakenBackLeavesNothing) {
  allow({rule("own", "internal", {{"source", "cli"}}),
         rule("alice", "public", {{"source", "telegram"}, {"user", "7"}, {"session", "b"}})});
  session("hermes/state.db", "a", "of cli");
  session("hermes/profiles/p/state.db", "b", "of alice",
          {{"source", "telegram"}, {"user_id", "7"}});
  ingested();
  EXPECT_THAT(answers(), ElementsAre("of alice", "of cli"));
  allow({rule("own", "internal", {{"source", "cli"}})});
  EXPECT_EQ(ingested().at("withdrawn"), 1);
  EXPECT_THAT(answers(), ElementsAre("of cli"));
  EXPECT_THAT(everything(), Not(HasSubstr("of alice")));
}

}  // namespace
}  // namespace provenance
