// SPDX-License-Identifier: Apache-2.0
//
// What stores take of memory, however much somebody has put into one row of them.
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <functional>

#include "hermes_home.hpp"
#include "library.hpp"
#include "store_fixture.hpp"

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

  // How many MiB a process of its own had at most while it read all sessions; -1: it failed, or
  // there were others.
  [[nodiscard]] int peak_of_reading(std::size_t sessions) const {
    int pipe[2];
    EXPECT_EQ(::pipe(pipe), 0);
    const auto child = ::fork();
    if (child == 0) {
      int mib = -1;
      try {
        std::size_t seen = 0;
        Library library(find_stores({.homes = {folder_.path() / "hermes"},
                                     .runs = {},
                                     .transcripts = {},
                                     .exports = {folder_.path() / "exports"}}));
        (void)library.read({}, kNow, [&](Session&&) {
          ++seen;
          return true;
        });
        if (seen == sessions) mib = static_cast<int>(peak_kib() >> 10);
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

}  // namespace
}  // namespace provenance
