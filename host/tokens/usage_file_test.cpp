// SPDX-License-Identifier: Apache-2.0
//
// What becomes of the export when others do something to its file.
#include <fcntl.h>
#include <sys/file.h>

#include "tokens/usage_export_fixture.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

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
