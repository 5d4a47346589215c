// SPDX-License-Identifier: Apache-2.0
//
// What stores take of memory, however much somebody has put into one row of them.
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <iostream>
#include <tuple>

#include "hermes_home.hpp"
#include "ingest.hpp"
#include "library.hpp"
#include "reading_ahead.hpp"
#include "store_fixture.hpp"
#include "stores.hpp"

namespace provenance {
namespace {

using testing::SizeIs;

constexpr std::size_t kHundredMegabytes = 100u << 20;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kCounts = false;
#elif defined(__has_feature)
constexpr bool kCounts = !__has_feature(address_sanitizer) && !__has_feature(thread_sanitizer);
#else
constexpr bool kCounts = true;
#endif

std::size_t peak_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return std::stoul(line.substr(6));
  return 0;
}

class Memory : public testing::Test {
 protected:
  void SetUp() override {
    if (!kCounts) GTEST_SKIP() << "a sanitizer's own memory is counted too";
  }

  // How many MiB a process of its own had at most while it did that; -1: it failed.
  [[nodiscard]] static int peak_of(const std::function<bool()>& what) {
    int pipe[2];
    EXPECT_EQ(::pipe(pipe), 0);
    const auto child = ::fork();
    if (child == 0) {
      int mib = -1;
      try {
        if (what()) mib = static_cast<int>(peak_kib() >> 10);
      } catch (...) {
      }
      ::_exit(::write(pipe[1], &mib, sizeof mib) == sizeof mib ? 0 : 1);
    }
    ::close(pipe[1]);
    int mib = -1;
    EXPECT_EQ(::read(pipe[0], &mib, sizeof mib), static_cast<ssize_t>(sizeof mib));
    ::close(pipe[0]);
    ::waitpid(child, nullptr, 0);
    return mib;
  }
  // While it read all sessions, which were so many.
  [[nodiscard]] int peak_of_reading(std::size_t sessions) const {
    return peak_of([&] {
      std::size_t seen = 0;
      Library library(find_stores({.homes = {folder_.path() / "hermes"},
                                   .runs = {},
                                   .transcripts = {},
                                   .exports = {folder_.path() / "exports"}}));
      (void)library.read({}, kNow, [&](Session&&) {
        ++seen;
        return true;
      });
      return seen == sessions;
    });
  }
  // Likewise while it made pairs of them, which it did of so many at least. Another thread reads
  // ahead of it, as in a run.
  [[nodiscard]] int peak_of_a_run(int least) const {
    put_file(folder_.path() / "policy.json",
             R"({"version":1,"rules":[{"id":"own","consent":"internal","source":"cli",)"
             R"("recorded_by":"ada","recorded_at":"2026-01-01T00:00:00Z"}]})");
    return peak_of([&] {
      Settings settings;
      settings.folder = folder_.path() / "out";
      settings.policy = folder_.path() / "policy.json";
      settings.license = "CC0-1.0";
      const timmy::Json none = timmy::Json::array();
      const auto stores = open_stores({{"homes", {(folder_.path() / "hermes").string()}},
                                       {"runs", none},
                                       {"transcripts", none},
                                       {"exports", none}},
                                      [] { return false; });
      ReadingAhead source(*stores);
      const auto result = ingest(settings, source, {}).result;
      const bool enough = result.at("pairs").get<int>() >= least;
      if (!enough) std::cerr << result << "\n";
      return enough;
    });
  }
  // Without a copy of it here, which the other process would begin with.
  void put_large(const std::string& name, const std::string& before, char of,
                 const std::string& after) const {
    const auto path = folder_.path() / name;
    fs::create_directories(path.parent_path());
    std::ofstream file(path, std::ios::binary);
    file << before;
    const std::string block(1 << 20, of);
    for (std::size_t bytes = 0; bytes < kHundredMegabytes; bytes += block.size()) file << block;
    file << after;
    file.close();
    settle(path);
  }
  TempFolder folder_;
};

constexpr int kMostMib = 100;

TEST_F(Memory, OfRowsOfAHundredMegabytesIsBounded) {
  StateDb db(folder_.path() / "hermes/state.db");
  for (const char* id : {"a", "b"}) {
    db.session(id);
    db.message(id, "user", "before");
    for (const char* column : {"content", "tool_calls"})
      db.execute("INSERT INTO messages(session_id, role, timestamp, " + std::string(column) +
                 ") VALUES ('" + id +
                 "', 'assistant', 1780000001, printf('%.*c', 104857600, '['))");
  }
  db.close();
  const int mib = peak_of_reading(2);
  EXPECT_GT(mib, 0);
  EXPECT_LT(mib, kMostMib);
}

TEST_F(Memory, OfFilesOfAHundredMegabytesIsBounded) {
  const std::string message = R"({"role":"user","content":")";
  put_large("hermes/sessions/session_snapshot.json", R"({"messages":[)" + message, 'x', "\"}]}");
  put_large("hermes/sessions/transcript.jsonl", message, 'x', "\"}\n");
  put_large("hermes/sessions/deep.jsonl", R"({"role":"user","content":)", '[', "\n");
  put_large("exports/all.jsonl", R"({"id":"export","messages":[)" + message, 'x', "\"}]}\n");
  const int mib = peak_of_reading(3);
  EXPECT_GT(mib, 0);
  EXPECT_LT(mib, kMostMib);
}

// Each just below what is taken, in three stores at once.
TEST_F(Memory, OfALongSessionThatThreeStoresHaveIsBounded) {
  StateDb db(folder_.path() / "hermes/state.db");
  db.session("a");
  const std::string text(1 << 20, 'x');
  std::string messages;
  for (int i = 0; i < 15; ++i) db.message("a", i % 2 == 0 ? "user" : "assistant", text);
  db.close();
  const std::string message = R"({"role":"user","content":")" + text + "\"}";
  for (int i = 0; i < 15; ++i) messages += (i == 0 ? "" : ",") + message;
  put_file(folder_.path() / "hermes/sessions/session_a.json", R"({"messages":[)" + messages + "]}");
  put_file(folder_.path() / "exports/all.jsonl", R"({"id":"a","messages":[)" + messages + "]}\n");
  messages = {};
  const int mib = peak_of_reading(1);
  EXPECT_GT(mib, 0);
  EXPECT_LT(mib, kMostMib);
}

// A turn before it and a turn after it make pairs; it makes none.
TEST_F(Memory, OfARunOverARowOfAHundredMegabytesIsBounded) {
  StateDb db(folder_.path() / "hermes/state.db");
  for (const char* id : {"a", "b", "c"}) {
    db.session(id);
    db.message(id, "user", id);
    db.message(id, "assistant", "Yes.", {{"finish_reason", "stop"}});
  }
  db.execute(
      "INSERT INTO messages(session_id, role, timestamp, content) VALUES ('b', 'user', 1780000100, "
      "printf('%.*c', 104857600, 'x'))");
  db.close();
  const std::string message = R"({"role":"user","content":")";
  put_large("hermes/sessions/session_large.json", R"({"messages":[)" + message, 'x', "\"}]}");
  const int mib = peak_of_a_run(2);
  EXPECT_GT(mib, 0);
  EXPECT_LT(mib, kMostMib);
}

// What becomes longer as it is written, or as something is taken out of it: just what is taken of a
// session, in rows that make pairs, that make none, and of which the last makes a context too long.
TEST_F(Memory, OfARunOverTextsThatGrowIsBounded) {
  std::string secrets = "{";
  while (secrets.size() < (100u << 10)) secrets += R"("pwd":0,)";
  secrets.back() = '}';
  StateDb db(folder_.path() / "hermes/state.db");
  int pairs = 0;
  for (const auto& [id, text, most] :
       {std::tuple{"controls", std::string(150u << 10, '\1'), 100},
        std::tuple{"backslashes", std::string(400u << 10, '\\'), 35},
        std::tuple{"secrets", secrets, 100}, std::tuple{"large", std::string(7u << 20, '\1'), 1},
        std::tuple{"nearly", std::string((1u << 20) - 10, '\1'), 12}}) {
    db.session(id);
    db.message(id, "user", std::string("What of ") + id + "?");
    db.message(id, "assistant", "Nothing.", {{"finish_reason", "stop"}});
    ++pairs;
    for (int i = 0; i < most; ++i) {
      db.message(id, "user", "And " + std::to_string(i) + "?");
      db.message(id, "assistant", text, {{"finish_reason", "stop"}});
    }
    if (text.size() < (500u << 10)) pairs += most;
    db.message(id, "user", std::string("And now, of ") + id + "?");
    db.message(id, "assistant", "No more.", {{"finish_reason", "stop"}});
    ++pairs;
  }
  db.close();
  const int mib = peak_of_a_run(pairs);
  EXPECT_GT(mib, 0);
  EXPECT_LT(mib, kMostMib);
}

// As many messages as are taken, or as many calls; and names that nobody has.
TEST_F(Memory, OfARunOverManySmallThingsIsBounded) {
  StateDb db(folder_.path() / "hermes/state.db");
  const auto fill = [&](const std::string& id, int most, const std::string& role,
                        const std::string& columns, const std::string& values) {
    db.session(id);
    db.message(id, "user", "What of " + id + "?");
    db.message(id, "assistant", "Nothing.", {{"finish_reason", "stop"}});
    db.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " +
               std::to_string(most) + ") INSERT INTO messages(session_id, role, timestamp, " +
               columns + ") SELECT '" + id + "', " + role + ", 1780000100 + i, " + values +
               " FROM n");
  };
  fill("messages", 99'990, "CASE i % 2 WHEN 1 THEN 'user' ELSE 'assistant' END", "content",
       "'x' || i");
  std::string calls;
  for (int i = 0; i < 1000; ++i)
    calls += std::string(i == 0 ? "[" : ",") + R"({"id":"a)" + std::to_string(i) +
             R"(","call_id":"b)" + std::to_string(i) + R"(","name":"f"})";
  fill("calls", 600, "'assistant'", "tool_calls", "'" + calls + "]'");
  fill("names", 40, "'tool'", "tool_name", "printf('%.*c', 4194304, 'x')");
  db.session("own",
             {{"model", std::string(4u << 20, 'x')}, {"user_id", std::string(4u << 20, 'x')}});
  db.message("own", "user", "What of it?");
  db.message("own", "assistant", "Nothing.", {{"finish_reason", "stop"}});
  db.close();
  const int mib = peak_of_a_run(2000);
  EXPECT_GT(mib, 0);
  EXPECT_LT(mib, kMostMib);
}

}  // namespace
}  // namespace provenance
