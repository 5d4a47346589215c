// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>

#include "tokens/usage_export_fixture.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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

}  // namespace
}  // namespace host
