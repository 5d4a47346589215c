// SPDX-License-Identifier: Apache-2.0
//
// Rows S1, S2, S4, S5, S9 and H3: what the store promises when the disk breaks its own promises.
#include <gmock/gmock.h>
#include <sqlite3.h>

#include <thread>

#include "base/fake_loop.hpp"
#include "base/test_folder.hpp"
#include "store/fault_vfs.hpp"
#include "store/open.hpp"
#include "store/threaded_store.hpp"

namespace host {
namespace {

using Call = FaultVfs::Call;

class StoreFaultTest : public testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    StoreOptions options;
    options.path = folder_ / "host.db";
    options.vfs = vfs_.name();
    options.lock_wait = std::chrono::milliseconds(100);
    store_ = std::make_unique<ThreadedStore>(options, loop_, log_,
                                             [this](const Error& error) { fatal_ = error.code(); });
  }

  void wait(const std::function<bool()>& until) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!until() && std::chrono::steady_clock::now() < end) {
      loop_.drain();
      std::this_thread::yield();
    }
    ASSERT_TRUE(until());
  }

  // Asks for `count` rows, each an operation; counts the answers.
  void add(int count) {
    std::vector<Store::Operation> operations;
    for (int i = 0; i < count; ++i) {
      operations.push_back({[id = next_++](Unit& unit) {
                              unit.run(
                                  "INSERT INTO events(id, at, kind, subject, detail) "
                                  "VALUES(?, 1, 'test', '', '')",
                                  id);
                            },
                            [this, id = next_ - 1](Status status) {
                              if (status) {
                                acknowledged_.push_back(id);
                              } else {
                                refused_.push_back(status.error().code());
                              }
                            }});
    }
    store_->submit_all(std::move(operations));
  }
  [[nodiscard]] std::size_t answers() const { return acknowledged_.size() + refused_.size(); }

  // What a host that starts on these files finds; they are sound.
  std::vector<std::int64_t> stored() {
    store_.reset();
    vfs_.heal();
    auto opened = open_database({folder_ / "host.db", false, 1ull << 30, {}});
    std::vector<std::int64_t> ids;
    Statement rows(opened.connection.handle(), "SELECT id FROM events ORDER BY id");
    while (rows.step()) ids.push_back(rows.integer(0));
    return ids;
  }

  TestFolder folder_;
  FaultVfs vfs_;
  FakeLoop loop_;
  Log log_ = Log::to_memory(std::make_shared<std::vector<std::string>>());
  std::optional<Code> fatal_;
  std::unique_ptr<ThreadedStore> store_;
  std::int64_t next_ = 1;
  std::vector<std::int64_t> acknowledged_;
  std::vector<Code> refused_;
};

TEST_F(StoreFaultTest, a_commit_that_fails_once_is_tried_again_one_by_one_and_nothing_is_lost) {
  vfs_.fail(Call::write, 1, SQLITE_IOERR_WRITE);
  add(5);
  wait([&] { return answers() == 5; });
  EXPECT_THAT(acknowledged_, testing::ElementsAre(1, 2, 3, 4, 5));
  EXPECT_EQ(store_->stats().failed_commits, 1u);
  EXPECT_EQ(store_->stats().commits, 5u);
  EXPECT_EQ(stored(), acknowledged_);
}

TEST_F(StoreFaultTest, a_full_disk_refuses_everyone_and_works_again_when_there_is_space) {
  vfs_.fail(Call::write, 1, SQLITE_FULL, true);
  add(5);
  wait([&] { return answers() == 5; });
  EXPECT_THAT(refused_, testing::ElementsAre(Code::io, Code::io, Code::io, Code::io, Code::io));
  EXPECT_EQ(fatal_, std::nullopt);
  vfs_.heal();
  add(2);
  wait([&] { return answers() == 7; });
  EXPECT_THAT(acknowledged_, testing::ElementsAre(6, 7));
  EXPECT_EQ(stored(), acknowledged_);
}

TEST_F(StoreFaultTest, a_file_size_limit_is_taken_as_a_full_disk_is) {
  vfs_.fail(Call::write, 1, SQLITE_IOERR_WRITE, true);
  add(2);
  wait([&] { return answers() == 2; });
  vfs_.heal();
  add(1);
  wait([&] { return answers() == 3; });
  EXPECT_EQ(stored(), acknowledged_);
}

TEST_F(StoreFaultTest, a_failed_fsync_is_fatal_and_acknowledges_nobody) {
  vfs_.fail(Call::sync, 1, SQLITE_IOERR_FSYNC);
  add(3);
  wait([&] { return fatal_.has_value(); });
  EXPECT_EQ(fatal_, Code::io);
  EXPECT_EQ(answers(), 0u);
  EXPECT_TRUE(store_->stats().failed);
  add(1);
  loop_.drain();
  EXPECT_EQ(answers(), 0u);
  EXPECT_THROW(store_->run_now([](Unit&) {}), Error);
  // The next host finds a sound file that was not closed cleanly.
  store_.reset();
  EXPECT_TRUE(open_database({folder_ / "host.db", false, 1ull << 30, {}}).unclean);
}

TEST_F(StoreFaultTest, a_failed_fsync_in_a_checkpoint_is_fatal_too) {
  // Large rows fill the WAL; the next sync after the commit's own is the checkpoint's.
  vfs_.fail(Call::sync, 2, SQLITE_IOERR_FSYNC, true);
  bool durable = false;
  store_->submit(
      [](Unit& unit) {
        unit.run("INSERT INTO events(at, kind, subject, detail) VALUES(1, 'test', '', ?)",
                 std::string(20'000'000, 'x'));
      },
      [&](Status status) { durable = status.ok(); });
  wait([&] { return fatal_.has_value(); });
  loop_.drain();
  EXPECT_TRUE(durable) << "the commit itself was synced";
}

TEST_F(StoreFaultTest, a_disk_that_keeps_failing_ends_the_host) {
  vfs_.fail(Call::write, 1, SQLITE_IOERR_WRITE, true);
  add(100);
  wait([&] { return fatal_.has_value(); });
  EXPECT_TRUE(acknowledged_.empty());
}

TEST_F(StoreFaultTest, a_lock_that_somebody_else_holds_fails_the_operations_and_no_more) {
  // Row S9: BEGIN EXCLUSIVE in a shell.
  Connection foreign(folder_ / "host.db", Connection::Mode::writer);
  foreign.execute("BEGIN IMMEDIATE");
  add(3);
  wait([&] { return answers() == 3; });
  EXPECT_THAT(refused_,
              testing::ElementsAre(Code::unavailable, Code::unavailable, Code::unavailable));
  foreign.execute("ROLLBACK");
  add(1);
  wait([&] { return answers() == 4; });
  EXPECT_EQ(acknowledged_.size(), 1u);
  EXPECT_EQ(fatal_, std::nullopt);
}

TEST_F(StoreFaultTest, damage_met_while_running_ends_the_host) {
  store_->run_now([](Unit& unit) {
    unit.run("INSERT INTO events(at, kind, subject, detail) VALUES(1, 'k', 's', 'd')");
  });
  store_->submit([](Unit&) { throw SqliteError(SQLITE_CORRUPT, "read", "malformed"); }, {});
  wait([&] { return fatal_.has_value(); });
  EXPECT_EQ(fatal_, Code::corrupt);
}

TEST_F(StoreFaultTest, each_write_in_turn_may_fail_and_what_was_acknowledged_stays) {
  for (int nth = 1; nth <= 40; ++nth) {
    vfs_.fail(Call::write, nth, SQLITE_IOERR_WRITE);
    const auto before = answers();
    add(3);
    wait([&] { return answers() == before + 3; });
  }
  EXPECT_EQ(fatal_, std::nullopt);
  EXPECT_EQ(stored(), acknowledged_);
}

TEST_F(StoreFaultTest, a_power_failure_loses_nothing_that_was_acknowledged) {
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    SCOPED_TRACE(seed);
    const auto before = answers();
    for (std::uint64_t i = 0; i < seed % 5 + 1; ++i) add(static_cast<int>(seed % 7) + 1);
    const auto enough = before + seed % 5;
    wait([&] { return answers() >= enough; });
    vfs_.cut_power();
    store_.reset();
    loop_.drain();
    vfs_.come_back(seed);
    open();
    const auto rows = store_->run_now([](Unit& unit) {
      std::vector<std::int64_t> ids;
      auto& row = unit.query("SELECT id FROM events ORDER BY id");
      while (row.step()) ids.push_back(row.integer(0));
      return ids;
    });
    EXPECT_TRUE(
        std::includes(rows.begin(), rows.end(), acknowledged_.begin(), acknowledged_.end()));
    fatal_.reset();
  }
}

TEST_F(StoreFaultTest, a_store_that_does_not_sync_would_be_caught_by_the_power_failure) {
  // The harness itself: what was written without a sync does not all come back.
  Connection loose(folder_ / "loose.db", Connection::Mode::writer, vfs_.name());
  loose.use_wal();
  loose.execute("PRAGMA synchronous=OFF; CREATE TABLE t(a)");
  for (int i = 0; i < 50; ++i) loose.execute("INSERT INTO t VALUES(randomblob(3000))");
  vfs_.cut_power();
  store_.reset();
  { const Connection closed = std::move(loose); }
  vfs_.come_back(7);
  Connection again(folder_ / "loose.db", Connection::Mode::writer);
  EXPECT_LT(attempt([&] { return again.integer("SELECT count(*) FROM t"); }).ok()
                ? again.integer("SELECT count(*) FROM t")
                : 0,
            50);
}

}  // namespace
}  // namespace host
