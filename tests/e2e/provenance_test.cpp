// SPDX-License-Identifier: Apache-2.0
//
// Provenance as an operator meets it: a real host, its plugin in its cage, a home of Hermes beside
// the keys that lie in it, and the commands. What comes out is read by a trainer's own loader,
// where Python has it.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cstdlib>

#include "base/error.hpp"
#include "base/file.hpp"
#include "faults/fault_bench.hpp"

namespace host::faults {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

struct Ended {
  int status = -1;
  std::string out, err;
};

// A program to its end, with what it wrote.
Ended run(SpawnRequest request, const fs::path& folder) {
  const auto out = folder / "stdout", err = folder / "stderr";
  {
    const Fd first(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    const Fd second(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    request.descriptors = {{first.get(), 1}, {second.get(), 2}};
    auto child = spawn(e2e::with_us(std::move(request)));
    pollfd ended{child.pidfd(), POLLIN, 0};
    ::poll(&ended, 1, 120'000);
    const auto exit = child.reap();
    return {exit && !exit->signalled ? exit->number : -1, read_file(out, 1 << 20),
            read_file(err, 1 << 20)};
  }
}

Json rule(const std::string& id, const std::string& consent, Json more) {
  Json all{{"id", id},
           {"consent", consent},
           {"recorded_by", "ada"},
           {"recorded_at", "2026-11-01T09:00:00Z"}};
  all.update(more);
  return all;
}

class ProvenanceProcessTest : public FaultBench {
 protected:
  ProvenanceProcessTest() {
    fs::copy_file(fs::path(TIMMY_PROVENANCE_TESTDATA) / "state_v6_generated.db",
                  paths_.hermes_home / "state.db");
    fs::create_directory(paths_.hermes_home / "sessions");
    fs::create_directory(paths_.timmy_home / "consent");
    fs::create_directory(paths_.timmy_home / "provenance");
    put_session("20260401_090000_000001", "cli", "", "What is 6*7?", "42, by hand.");
    put_session("20260401_100000_000002", "telegram", "123456", "Where is the key?",
                "Under Alice's mat.");
    put_session("20260401_110000_000003", "telegram", "777", "Who am I?", "Nobody consented.");
    allow(
        {rule("own", "internal", {{"source", "cli"}}),
         rule(
             "alice", "public",
             {{"source", "telegram"}, {"user", "123456"}, {"session", "20260401_100000_000002"}})});
    write_config(
        {{"defaults",
          {{"plugins",
            {{"provenance",
              {{"enabled", true},
               {"schedule", {{"provenance_ingest", "never"}, {"provenance_validate", "never"}}},
               {"grants",
                {{"fs.read",
                  {"$TIMMY_HOME/consent", "$HERMES_HOME/state.db", "$HERMES_HOME/state.db-wal",
                   "$HERMES_HOME/state.db-shm", "$HERMES_HOME/sessions"}},
                 {"fs.write", {"$TIMMY_HOME/provenance"}}}}}}}}}}});
  }

  // Into the sample, with the columns that it has.
  void put_session(const std::string& id, const std::string& source, const std::string& user,
                   const std::string& asked, const std::string& answer) const {
    sqlite3* opened = nullptr;
    ASSERT_EQ(sqlite3_open((paths_.hermes_home / "state.db").c_str(), &opened), SQLITE_OK);
    const std::unique_ptr<sqlite3, int (*)(sqlite3*)> db(opened, &sqlite3_close);
    const auto execute = [&](const char* form, auto... values) {
      const std::unique_ptr<char, void (*)(void*)> sql(sqlite3_mprintf(form, values...),
                                                       &sqlite3_free);
      ASSERT_EQ(sqlite3_exec(opened, sql.get(), nullptr, nullptr, nullptr), SQLITE_OK)
          << sqlite3_errmsg(opened);
    };
    execute(
        "INSERT INTO sessions(id, source, user_id, model, billing_provider, started_at, ended_at) "
        "VALUES(%Q, %Q, nullif(%Q, ''), 'hermes-4-70b', 'custom', 1775034000.5, 1775034100.5)",
        id.c_str(), source.c_str(), user.c_str());
    execute(
        "INSERT INTO messages(session_id, role, content, timestamp) "
        "VALUES(%Q, 'user', %Q, 1775034001.5)",
        id.c_str(), asked.c_str());
    execute(
        "INSERT INTO messages(session_id, role, content, timestamp, finish_reason) "
        "VALUES(%Q, 'assistant', %Q, 1775034002.5, 'stop')",
        id.c_str(), answer.c_str());
  }
  void allow(const Json& rules) const {
    write_atomically(paths_.timmy_home / "consent" / "policy.json",
                     Json{{"version", 1}, {"rules", rules}}.dump(), 0600);
  }

  Ended provenance(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"timmy-host", "provenance"});
    return run({.program = bin_ / "timmy-host",
                .arguments = std::move(arguments),
                .environment = {{"HOME", paths_.home.string()},
                                {"TIMMY_HOME", paths_.timmy_home.string()},
                                {"HERMES_HOME", paths_.hermes_home.string()}}},
               folder_.path());
  }
  [[nodiscard]] fs::path out() const { return paths_.timmy_home / "provenance"; }
  [[nodiscard]] std::vector<fs::path> pair_files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(out() / "pairs"))
      if (entry.path().extension() == ".jsonl") files.push_back(entry.path());
    return files;
  }
  // Each byte that the plugin has written.
  [[nodiscard]] std::string everything() const {
    std::string all;
    for (const auto& entry : fs::recursive_directory_iterator(out()))
      if (entry.is_regular_file()) all += read_file(entry.path(), 64 << 20);
    return all;
  }
};

TEST_F(ProvenanceProcessTest, WhatIsAllowedComesOutAndWhatIsTakenBackLeavesNothing) {
  start();
  const auto ingested = provenance({"ingest"});
  ASSERT_EQ(ingested.status, 0) << ingested.err << log();
  EXPECT_THAT(ingested.out, AllOf(HasSubstr("4 sessions read"), HasSubstr("3 pairs came out"),
                                  HasSubstr("third_party  1")));
  EXPECT_THAT(everything(), AllOf(HasSubstr("Under Alice's mat."), HasSubstr("Fixed; tests pass."),
                                  Not(HasSubstr("Nobody consented."))));
  EXPECT_EQ(provenance({"validate"}).status, 0);
  EXPECT_THAT(provenance({"ingest"}).out, HasSubstr("0 sessions read, 0 changed"));

  allow({rule("own", "internal", {{"source", "cli"}}),
         rule("alice-took-it-back", "none", {{"user", "123456"}})});
  EXPECT_EQ(provenance({"validate"}).status, 65) << "what is out is no longer allowed";
  const auto taken = provenance({"ingest"});
  EXPECT_EQ(taken.status, 0) << taken.err;
  EXPECT_THAT(taken.out, HasSubstr("1 pairs were withdrawn"));
  EXPECT_THAT(everything(), AllOf(HasSubstr("42, by hand."), Not(HasSubstr("Alice's mat"))));
  EXPECT_EQ(provenance({"validate"}).status, 0);
  const auto report = Json::parse(provenance({"report", "--json"}).out);
  EXPECT_EQ(report["pairs"], 2);
  EXPECT_EQ(report["withdrawals"].size(), 1u);
  EXPECT_EQ(report["rejected"]["withdrawn"], 1);
  EXPECT_EQ(report.at("troubles"), Json::array());
  const auto explained = provenance({"explain", "20260401_100000_000002"});
  EXPECT_EQ(explained.status, 0) << explained.err;
  EXPECT_THAT(explained.out, AllOf(HasSubstr("withdrawn"), HasSubstr("alice-took-it-back")));
  stop();
}

TEST_F(ProvenanceProcessTest, ValidateNamesTheFirstOffence) {
  start();
  ASSERT_EQ(provenance({"ingest"}).status, 0) << log();
  ASSERT_EQ(pair_files().size(), 1u);
  auto lines = read_file(pair_files()[0], 1 << 20);
  const auto licence = lines.find("CC-BY-SA-4.0", lines.find('\n'));
  ASSERT_NE(licence, std::string::npos);
  lines.replace(licence, 12, "");
  // Where the plugin may read.
  const auto file = paths_.timmy_home / "consent" / "pairs.jsonl";
  write_atomically(file, lines, 0600);
  const auto judged = provenance({"validate", file.string()});
  EXPECT_EQ(judged.status, 65);
  EXPECT_THAT(judged.err, AllOf(HasSubstr(file.string() + ":2: "), HasSubstr("licence")));
  EXPECT_EQ(provenance({"validate", pair_files()[0].string()}).status, 0);
  // And where it may not.
  const auto elsewhere = paths_.hermes_home / "pairs.jsonl";
  write_atomically(elsewhere, lines, 0600);
  const auto refused = provenance({"validate", elsewhere.string()});
  EXPECT_EQ(refused.status, 1);
  EXPECT_THAT(refused.err, AllOf(HasSubstr("can't open " + elsewhere.string()),
                                 Not(HasSubstr(":2: ")), Not(HasSubstr("licence"))));
  stop();
}

// A writer goes on meanwhile, and its log is not there when the plugin's cage is made.
TEST_F(ProvenanceProcessTest, AStoreThatIsBeingWrittenIsReadAndLeftAsItIs) {
  start();
  ASSERT_EQ(provenance({"ingest"}).status, 0) << log();
  sqlite3* opened = nullptr;
  ASSERT_EQ(sqlite3_open((paths_.hermes_home / "state.db").c_str(), &opened), SQLITE_OK);
  const std::unique_ptr<sqlite3, int (*)(sqlite3*)> db(opened, &sqlite3_close);
  ASSERT_EQ(sqlite3_exec(opened,
                         "PRAGMA journal_mode=WAL;"
                         "INSERT INTO sessions(id, source, model, started_at, ended_at) "
                         "VALUES('live', 'cli', 'm', 1775034000.5, 1775034100.5);"
                         "INSERT INTO messages(session_id, role, content, timestamp) "
                         "VALUES('live', 'user', 'Now?', 1775034001.5), "
                         "('live', 'assistant', 'While it is open.', 1775034002.5)",
                         nullptr, nullptr, nullptr),
            SQLITE_OK)
      << sqlite3_errmsg(opened);
  EXPECT_TRUE(eventually([&] {
    return provenance({"ingest"}).status == 0 &&
           everything().find("While it is open.") != std::string::npos;
  })) << provenance({"report"}).out
      << log();
  ASSERT_EQ(sqlite3_exec(opened, "UPDATE sessions SET title = 'mine' WHERE id = 'live'", nullptr,
                         nullptr, nullptr),
            SQLITE_OK)
      << sqlite3_errmsg(opened);
  stop();
}

TEST_F(ProvenanceProcessTest, WhatComesOutLoadsAsTrainersLoadIt) {
  const char* named = std::getenv("PYTHON");
  fs::path python = named != nullptr ? named : "/usr/local/bin/python3";
  if (!fs::exists(python)) python = "/usr/bin/python3";
  if (!fs::exists(python)) GTEST_SKIP() << "python3 is not installed";
  start();
  ASSERT_EQ(provenance({"ingest"}).status, 0) << log();
  stop();
  const auto loaded =
      run({.program = python,
           .arguments = {python, std::string(TIMMY_PROVENANCE_TESTDATA) + "/check_pairs.py",
                         (out() / "pairs").string()},
           .environment = {{"HOME", folder_.path().string()},
                           {"PATH", "/usr/local/bin:/usr/bin:/bin"}}},
          folder_.path());
  ASSERT_EQ(loaded.status, 0) << loaded.out << loaded.err;
  EXPECT_THAT(loaded.out, HasSubstr("3 pairs, their hashes are right"));
  if (loaded.out.find("skipped: ") != std::string::npos) GTEST_SKIP() << loaded.out;
  EXPECT_THAT(loaded.out, HasSubstr("3 pairs, loaded as they are"));
}

}  // namespace
}  // namespace host::faults
