// SPDX-License-Identifier: Apache-2.0
//
// Rows S1, S2, S4, S5, S8, S9, S10 and H3: what the store promises when the disk breaks its own
// promises.
#include <gmock/gmock.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>

#include <fstream>
#include <thread>

#include "base/fake_loop.hpp"
#include "base/test_folder.hpp"
#include "store/fault_vfs.hpp"
#include "store/open.hpp"
#include "store/threaded_store.hpp"

namespace host {
namespace {

using Call = FaultVfs::Call;

// Files of this process may not grow past `bytes` while this lives.
class SizeLimit {
 public:
  explicit SizeLimit(std::uint64_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    set(bytes);
  }
  ~SizeLimit() { lift(); }
  SizeLimit(const SizeLimit&) = delete;
  SizeLimit& operator=(const SizeLimit&) = delete;
  void lift() const { ::setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  void set(std::uint64_t bytes) const {
    rlimit limit = before_;
    limit.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  rlimit before_{};
};

class StoreFaultTest : public testing::Test {
 protected:
  void SetUp() override { open(); }

  void open() {
    StoreOptions options;
    options.path = folder_ / "host.db";
    options.vfs = vfs_.name();
    options.lock_wait = std::chrono::milliseconds(100);
    options.probe_every = std::chrono::milliseconds(1);
    store_ = std::make_unique<ThreadedStore>(options, loop_, log_,
                                             [this](const Error& error) { fatal_ = error.code(); });
    store_->set_health_handler(
        [this](const StoreHealth& health) { changes_.push_back(health.writable); });
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
  // How many rows an operation that only reads sees; nullopt: it was refused.
  std::optional<std::int64_t> read() {
    auto rows = std::make_shared<std::optional<std::int64_t>>();
    bool answered = false;
    std::vector<Store::Operation> one;
    one.push_back({[rows](Unit& unit) {
                     auto& row = unit.query("SELECT count(*) FROM events");
                     if (row.step()) *rows = row.integer(0);
                   },
                   [&](Status status) {
                     answered = true;
                     if (!status) rows->reset();
                   },
                   true});
    store_->submit_all(std::move(one));
    wait([&] { return answered; });
    return *rows;
  }
  [[nodiscard]] bool writable() const { return store_->stats().health.writable; }

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
  std::vector<bool> changes_;  // of health
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

TEST_F(StoreFaultTest,
       a_full_disk_refuses_writes_serves_reads_and_works_again_when_there_is_space) {
  add(1);
  wait([&] { return answers() == 1; });
  vfs_.fail(Call::write, 1, SQLITE_FULL, true);
  add(5);
  wait([&] { return answers() == 6 && !changes_.empty(); });
  EXPECT_THAT(refused_, testing::Each(Code::unavailable));
  EXPECT_EQ(refused_.size(), 5u);
  EXPECT_THAT(changes_, testing::ElementsAre(false)) << "told once";
  EXPECT_THAT(store_->stats().health.reason, testing::HasSubstr("full"));
  EXPECT_EQ(read(), 1);
  EXPECT_EQ(fatal_, std::nullopt);
  vfs_.heal();
  wait([&] { return changes_.size() == 2; });
  EXPECT_TRUE(writable());
  add(2);
  wait([&] { return answers() == 8; });
  EXPECT_THAT(acknowledged_, testing::ElementsAre(1, 7, 8));
  EXPECT_EQ(stored(), acknowledged_);
}

TEST_F(StoreFaultTest, an_unwritable_store_does_not_touch_the_disk_for_each_that_asks) {
  vfs_.fail(Call::write, 1, SQLITE_FULL, true);
  const auto before = vfs_.calls(Call::write);
  add(1000);
  wait([&] { return answers() == 1000; });
  EXPECT_LT(vfs_.calls(Call::write) - before, 500);
}

TEST_F(StoreFaultTest, the_reserve_that_a_probe_leaves_is_no_row_of_anybodys) {
  vfs_.fail(Call::write, 1, SQLITE_FULL, true);
  add(1);
  wait([&] { return !changes_.empty(); });
  vfs_.heal();
  wait([&] { return changes_.size() == 2; });
  EXPECT_EQ(store_->run_now([](Unit& unit) {
    auto& row = unit.query("SELECT count(*) FROM settings WHERE key='write_probe'");
    return row.step() ? row.integer(0) : -1;
  }),
            0);
}

TEST_F(StoreFaultTest, a_file_size_limit_is_taken_as_a_full_disk_is) {
  // SQLite tells it as an I/O error, which may not count towards the end of a disk that fails.
  const SizeLimit limit(std::filesystem::file_size(folder_ / "host.db-wal"));
  add(30);
  wait([&] { return answers() == 30 && !changes_.empty(); });
  const auto before = vfs_.calls(Call::write);
  wait([&] { return vfs_.calls(Call::write) > before + 60; });
  EXPECT_EQ(fatal_, std::nullopt);
  limit.lift();
  wait([&] { return changes_.size() == 2; });
  add(1);
  wait([&] { return answers() == 31; });
  EXPECT_EQ(acknowledged_.back(), 31);
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
  foreign.execute("BEGIN EXCLUSIVE");
  add(3);
  wait([&] { return answers() == 3 && !changes_.empty(); });
  EXPECT_THAT(refused_,
              testing::ElementsAre(Code::unavailable, Code::unavailable, Code::unavailable));
  EXPECT_EQ(read(), 0) << "readers need no lock that a writer holds";
  foreign.execute("ROLLBACK");
  wait([&] { return changes_.size() == 2; });
  add(1);
  wait([&] { return answers() == 4; });
  EXPECT_EQ(acknowledged_.size(), 1u);
  EXPECT_EQ(fatal_, std::nullopt);
}

TEST_F(StoreFaultTest, a_database_whose_name_leads_elsewhere_acknowledges_nobody_and_is_fatal) {
  // Row S8.
  for (const auto* const name : {"host.db", "host.db-wal"}) {
    for (const bool replaced : {false, true}) {
      SCOPED_TRACE(name);
      SCOPED_TRACE(replaced);
      fatal_.reset();
      const auto before = answers();
      std::filesystem::rename(folder_ / name, folder_ / "aside");
      if (replaced) std::ofstream(folder_ / name) << "another";
      add(1);
      wait([&] { return fatal_.has_value(); });
      EXPECT_EQ(fatal_, Code::io);
      EXPECT_EQ(answers(), before);
      store_.reset();
      std::filesystem::rename(folder_ / "aside", folder_ / name);
      open();
    }
  }
}

TEST_F(StoreFaultTest, a_database_that_gets_a_second_name_acknowledges_nobody_and_is_fatal) {
  // Row S8.
  for (const auto* const name : {"host.db", "host.db-wal"}) {
    SCOPED_TRACE(name);
    fatal_.reset();
    const auto before = answers();
    std::filesystem::create_hard_link(folder_ / name, folder_ / "second");
    add(1);
    wait([&] { return fatal_.has_value(); });
    EXPECT_EQ(fatal_, Code::io);
    EXPECT_EQ(answers(), before);
    store_.reset();
    std::filesystem::remove(folder_ / "second");
    open();
  }
}

TEST_F(StoreFaultTest, the_log_that_a_long_reader_pinned_is_small_again_once_it_is_gone) {
  // Row S10.
  const auto large = [&](int count) {
    for (int i = 0; i < count; ++i)
      store_->run_now([](Unit& unit) {
        unit.run("INSERT INTO events(at, kind, subject, detail) VALUES(1, 'test', '', ?)",
                 std::string(4 << 20, 'x'));
      });
  };
  Connection reader(folder_ / "host.db", Connection::Mode::reader);
  reader.execute("BEGIN");
  (void)reader.integer("SELECT count(*) FROM events");
  large(16);
  EXPECT_GT(store_->stats().wal_bytes, 64u << 20) << "nothing pinned the log";
  reader.execute("COMMIT");
  large(3);
  EXPECT_LT(store_->stats().wal_bytes, 32u << 20);
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
