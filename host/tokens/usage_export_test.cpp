// SPDX-License-Identifier: Apache-2.0
#include "tokens/usage_export.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "base/fake_loop.hpp"
#include "base/json.hpp"
#include "base/test_folder.hpp"
#include "store/inline_store.hpp"
#include "tokens/ledger_sample.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class UsageExportTest : public ::testing::Test {
 protected:
  fs::path file() const { return folder_ / "token_usage.jsonl"; }
  std::string text() const { return fs::exists(file()) ? read_file(file(), 1 << 24) : ""; }
  void put(const std::string& content) { std::ofstream(file(), std::ios::trunc) << content; }
  void append(const std::string& content) { std::ofstream(file(), std::ios::app) << content; }

  void start() {
    export_.reset();
    export_.emplace(store_, loop_, Log::to_memory(lines_), file());
    export_->start();
    loop_.drain();
  }
  void kill() { export_.reset(); }
  void commit(int rows) {
    for (int i = 0; i < rows; ++i) add_row(store_, {});
    if (export_) export_->rows_committed();
  }
  void settle() { loop_.advance(std::chrono::minutes(3)); }

  // Ids of whole lines of this host's, in the order of the file; -1 for each other line.
  std::vector<std::int64_t> ids(const std::string& content) const {
    std::vector<std::int64_t> all;
    std::istringstream lines(content);
    for (std::string line; std::getline(lines, line);) {
      const auto json = Json::parse(line, nullptr, false);
      all.push_back(json.is_object() ? json.value("id", -1) : -1);
    }
    return all;
  }
  std::vector<std::int64_t> ids() const { return ids(text()); }

  std::string note() {
    return store_.run_now([](Unit& unit) {
      auto& row = unit.prepare("SELECT value FROM settings WHERE key = 'token_usage_export'");
      return row.step() ? row.string(0) : std::string();
    });
  }
  // As the settings are between what is noted before a write and its end.
  void unsettle(std::int64_t through, std::int64_t writing) {
    struct stat info {};
    ASSERT_EQ(::stat(file().c_str(), &info), 0);
    const Json value{{"through", through},
                     {"writing", writing},
                     {"device", info.st_dev},
                     {"inode", info.st_ino}};
    store_.run_now([value = to_text(value)](Unit& unit) {
      unit.run("UPDATE settings SET value = ? WHERE key = 'token_usage_export'", value);
    });
  }

  TestFolder folder_;
  FakeLoop loop_;
  InlineStore store_{loop_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  std::optional<UsageExport> export_;
};

TEST_F(UsageExportTest, EachRowIsALineOnceItIsCommitted) {
  start();
  EXPECT_FALSE(fs::exists(file()));
  commit(2);
  EXPECT_THAT(ids(), IsEmpty());
  settle();
  EXPECT_THAT(ids(), ElementsAre(1, 2));
  commit(1);
  settle();
  EXPECT_THAT(ids(), ElementsAre(1, 2, 3));
  EXPECT_EQ(export_->state().through, 3);
  EXPECT_EQ(loop_.armed(), 0u);
  struct stat info {};
  ASSERT_EQ(::stat(file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(UsageExportTest, ALineSaysAllThatIsKnownAndNothingThatIsEmpty) {
  commit(1);
  start();
  const auto line = Json::parse(text());
  EXPECT_EQ(line["timestamp"], "2026-01-05T12:00:00Z");
  EXPECT_EQ(line["day"], "2026-01-05");
  EXPECT_EQ(line["pipeline"], "nightly");
  EXPECT_EQ(line["job"], 12);
  EXPECT_EQ(line["input_tokens"], 100);
  EXPECT_EQ(line["total_tokens"], 120);
  EXPECT_EQ(line["cost_usd"], 0.00123);
  EXPECT_EQ(line["source"], "meter");
  EXPECT_EQ(line["bypassable"], true);
  EXPECT_EQ(line["ledger"].get<std::string>().size(), 16u);
  for (const char* empty : {"playbook", "repo", "issue", "cache_write_tokens"})
    EXPECT_FALSE(line.contains(empty)) << empty;
}

TEST_F(UsageExportTest, ManyRowsComeInOrderOverSeveralBatches) {
  commit(1234);
  start();
  settle();
  const auto all = ids();
  ASSERT_EQ(all.size(), 1234u);
  for (std::size_t i = 0; i < all.size(); ++i) ASSERT_EQ(all[i], static_cast<std::int64_t>(i) + 1);
}

TEST_F(UsageExportTest, ARestartRepeatsNothing) {
  commit(3);
  start();
  settle();
  start();
  commit(1);
  settle();
  EXPECT_THAT(ids(), ElementsAre(1, 2, 3, 4));
}

// The machine dies with any part of the last write on the disk: the file ends up the same.
TEST_F(UsageExportTest, AKillAtAnyByteOfAWriteLosesAndRepeatsNothing) {
  commit(2);
  start();
  settle();
  const auto before = text();
  commit(2);
  settle();
  kill();
  const auto whole = text();
  ASSERT_THAT(ids(whole), ElementsAre(1, 2, 3, 4));
  for (auto size = before.size(); size <= whole.size(); ++size) {
    put(whole.substr(0, size));
    unsettle(2, 4);
    start();
    settle();
    ASSERT_EQ(text(), whole) << "cut at byte " << size - before.size();
  }
}

TEST_F(UsageExportTest, AKillAtAnyByteOfTheFirstWriteLosesAndRepeatsNothing) {
  commit(1);
  start();
  settle();
  kill();
  const auto whole = text();
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    put(whole.substr(0, size));
    unsettle(0, 1);
    start();
    settle();
    ASSERT_EQ(text(), whole) << "cut at byte " << size;
  }
}

// The same behind another program's line, and with one that wrote on behind the torn line.
TEST_F(UsageExportTest, ATornOwnLineAmongForeignOnesIsWrittenAgainAndTheForeignOnesStay) {
  put("{\"task\": \"old\", \"input_tokens\": 1}\n");
  commit(2);
  start();
  settle();
  kill();
  const auto whole = text();
  const auto first = whole.find("\"id\":2") - 10;
  for (auto size = first; size < whole.size(); size += 7) {
    put(whole.substr(0, size) + "{\"task\": \"late\"}\n");
    unsettle(0, 2);
    start();
    settle();
    const auto all = ids();
    ASSERT_EQ(std::count(all.begin(), all.end(), 1), 1) << text();
    ASSERT_EQ(std::count(all.begin(), all.end(), 2), 1) << text();
    ASSERT_THAT(text(), HasSubstr("{\"task\": \"late\"}\n"));
    ASSERT_EQ(text().substr(0, size), whole.substr(0, size));
  }
}

TEST_F(UsageExportTest, AForeignTornTailIsLeftAloneAndEnded) {
  for (const std::string tail : {"{", "{\"", "{\"l", "{\"task\": \"x", "garbage",
                                 "{\"ledger\":\"ffffffffffffffff\",\"id\":7,\"ta"}) {
    export_.reset();
    put(tail);
    start();
    commit(1);
    settle();
    const auto all = text();
    EXPECT_EQ(all.substr(0, tail.size() + 1), tail + "\n");
    EXPECT_EQ(ids(all.substr(tail.size() + 1)).back(), export_->state().through);
  }
}

TEST_F(UsageExportTest, AForeignWriterAppendsAtTheSameTime) {
  start();
  for (int i = 0; i < 5; ++i) {
    commit(1);
    append("{\"task\": \"foreign\"}\n");
    settle();
  }
  start();
  settle();
  EXPECT_THAT(ids(), ElementsAre(-1, 1, -1, 2, -1, 3, -1, 4, -1, 5));
}

TEST_F(UsageExportTest, AFileThatSomebodyPutAwayIsFollowedByANewOneThatGoesOn) {
  commit(2);
  start();
  settle();
  fs::rename(file(), folder_ / "old");
  commit(1);
  settle();
  EXPECT_THAT(ids(), ElementsAre(3));
  fs::remove(file());
  commit(1);
  settle();
  EXPECT_THAT(ids(), ElementsAre(4));
  fs::resize_file(file(), 0);
  commit(1);
  settle();
  EXPECT_THAT(ids(), ElementsAre(5));
}

TEST_F(UsageExportTest, AFileThatWasPutAwayWhileNoHostRanIsFollowedByANewOneThatGoesOn) {
  commit(2);
  start();
  settle();
  kill();
  fs::rename(file(), folder_ / "old");
  commit(1);
  start();
  EXPECT_THAT(ids(), ElementsAre(3));
  settle();
  kill();
  fs::resize_file(file(), 0);
  commit(1);
  start();
  EXPECT_THAT(ids(), ElementsAre(4));
  settle();
  kill();
  fs::remove(file());
  start();
  settle();
  EXPECT_FALSE(fs::exists(file()));
}

TEST_F(UsageExportTest, AFileThatWasRenamedAfterAKillInTheMiddleOfAWriteCounts) {
  commit(2);
  start();
  settle();
  commit(2);
  settle();
  kill();
  const auto whole = text();
  const auto from = whole.find("\"id\":3") - 30;
  for (auto size = from; size <= whole.size(); size += size + 40 < whole.size() ? 11 : 1) {
    put(whole.substr(0, size));
    unsettle(2, 4);
    fs::rename(file(), folder_ / "old");
    start();
    settle();
    kill();
    auto all = ids(read_file(folder_ / "old", 1 << 20));
    if (!all.empty() && all.back() == -1) all.pop_back();  // the torn line
    for (const auto id : ids()) all.push_back(id);
    ASSERT_THAT(all, ElementsAre(1, 2, 3, 4)) << size;
    fs::remove(file());
  }
}

TEST_F(UsageExportTest, AFullDiskLosesNothingAndIsToldOnce) {
  commit(1);
  start();
  settle();
  // What write(2) does at the limit of a file's size is what it does on a full disk: a part, then
  // an error.
  struct rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = ::signal(SIGXFSZ, SIG_IGN);
  const auto one = text().size();
  rlimit small{static_cast<rlim_t>(one * 2 + one / 2), old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  commit(4);
  settle();
  EXPECT_THAT(ids(), ElementsAre(1, 2));
  EXPECT_EQ(text().back(), '\n');
  EXPECT_THAT(export_->state().trouble, HasSubstr("token_usage.jsonl"));
  loop_.advance(std::chrono::hours(1));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  ::signal(SIGXFSZ, handler);
  EXPECT_EQ(std::count_if(lines_->begin(), lines_->end(),
                          [](const auto& line) { return line.starts_with("warn"); }),
            1);
  settle();
  EXPECT_THAT(ids(), ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(export_->state().trouble, "");
}

TEST_F(UsageExportTest, AStoreThatCantBeWrittenKeepsRowsWaiting) {
  start();
  commit(2);
  store_.fail_next(Error(Code::unavailable, "the disk is full"), 3);
  loop_.advance(std::chrono::milliseconds(250));
  EXPECT_THAT(ids(), IsEmpty());
  settle();
  EXPECT_THAT(ids(), ElementsAre(1, 2));
}

TEST_F(UsageExportTest, AnothersLockIsWaitedForAndTheLoopIsNot) {
  commit(1);
  start();
  settle();
  for (const bool posix : {false, true}) {
    commit(1);
    const auto before = ids();
    {
      const Fd fd(::open(file().c_str(), O_RDWR | O_CLOEXEC));
      struct flock whole {};
      whole.l_type = F_WRLCK;
      ASSERT_EQ(posix ? ::fcntl(fd.get(), F_OFD_SETLK, &whole) : ::flock(fd.get(), LOCK_EX), 0);
      loop_.advance(std::chrono::seconds(5));
      EXPECT_EQ(ids().size(), before.size());
    }
    EXPECT_THAT(*lines_, IsEmpty());
    settle();
    EXPECT_EQ(ids().size(), before.size() + 1);
  }
}

TEST_F(UsageExportTest, NothingIsWrittenThroughALinkOrASecondName) {
  const auto other = folder_ / "other";
  std::ofstream(other) << "precious";
  fs::create_symlink(other, file());
  commit(1);
  start();
  settle();
  EXPECT_THAT(export_->state().trouble, HasSubstr("symbolic link"));
  fs::remove(file());
  fs::create_hard_link(other, file());
  loop_.advance(std::chrono::minutes(2));
  EXPECT_EQ(read_file(other, 100), "precious");
  fs::remove(file());
  loop_.advance(std::chrono::minutes(2));
  EXPECT_THAT(ids(), ElementsAre(1));
}

TEST_F(UsageExportTest, WhatWasImportedIsNotWrittenBack) {
  add_row(store_, {});
  add_row(store_, {.run = "import:0123"});
  add_row(store_, {});
  add_row(store_, {.run = "import:4567"});
  start();
  settle();
  EXPECT_THAT(ids(), ElementsAre(1, 3));
  EXPECT_EQ(export_->state().through, 4);
  start();
  settle();
  EXPECT_THAT(ids(), ElementsAre(1, 3));
}

TEST_F(UsageExportTest, AnOlderDatabaseIsToldAndGoesOn) {
  commit(3);
  start();
  settle();
  kill();
  store_.run_now([](Unit& unit) {
    unit.run("DELETE FROM ledger WHERE id > 1");
    unit.run("UPDATE sqlite_sequence SET seq = 1 WHERE name = 'ledger'");
    unit.run(
        "UPDATE settings SET value = json_set(value, '$.through', 1, '$.writing', 1)"
        " WHERE key = 'token_usage_export'");
  });
  commit(1);
  start();
  settle();
  EXPECT_THAT(ids(), ElementsAre(1, 2, 3, 2));
  EXPECT_THAT(*lines_, ElementsAre(HasSubstr("an older one was restored")));
}

TEST_F(UsageExportTest, RotationPutsTheFileAwayByDayAndKeepsSome) {
  start();
  const auto rotate = [&](const char* at) { return export_->rotate(parse_utc(at), 2); };
  EXPECT_EQ(rotate("2026-01-05"), std::nullopt);
  commit(1);
  settle();
  EXPECT_EQ(rotate("2026-01-05"), folder_ / "token_usage-2026-01-05.jsonl");
  EXPECT_EQ(rotate("2026-01-05"), std::nullopt);
  commit(1);
  settle();
  EXPECT_EQ(rotate("2026-01-05T08:00Z"), folder_ / "token_usage-2026-01-05-2.jsonl");
  std::ofstream(folder_ / "token_usage-mine.jsonl") << "kept";
  std::ofstream(folder_ / "token_usage-2020-01-01.jsonl.gz") << "kept";
  commit(1);
  settle();
  EXPECT_EQ(rotate("2026-01-06"), folder_ / "token_usage-2026-01-06.jsonl");
  EXPECT_FALSE(fs::exists(folder_ / "token_usage-2026-01-05.jsonl"));
  EXPECT_TRUE(fs::exists(folder_ / "token_usage-2026-01-05-2.jsonl"));
  EXPECT_TRUE(fs::exists(folder_ / "token_usage-mine.jsonl"));
  EXPECT_TRUE(fs::exists(folder_ / "token_usage-2020-01-01.jsonl.gz"));
  commit(1);
  start();
  settle();
  EXPECT_THAT(ids(), ElementsAre(4));
}

}  // namespace
}  // namespace host
