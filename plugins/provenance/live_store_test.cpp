// SPDX-License-Identifier: Apache-2.0
//
// Stores that somebody writes while they are read.
#include <atomic>
#include <map>
#include <thread>

#include "database_reader.hpp"
#include "store_fixture.hpp"

namespace provenance {
namespace {

using testing::AnyOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class LiveStore : public testing::Test {
 protected:
  [[nodiscard]] fs::path path() const { return folder_.path() / "state.db"; }
  TempFolder folder_;
};

// Two messages at a time, and a writer that never waits for readers: whoever sees one without the
// other has seen no state of the store. Readers go on until the writer is through.
TEST_F(LiveStore, IsReadInWholeStatesAndItsWriterGoesOn) {
  StateDb db(path());
  for (int i = 0; i < 20; ++i) db.session("s" + std::to_string(i), {{"ended_at", nullptr}});
  std::atomic<bool> through = false;
  std::thread writer([&] {
    for (int i = 0; i < 400; ++i) {
      const auto id = "s" + std::to_string(i % 20);
      db.execute("BEGIN IMMEDIATE");
      db.message(id, "user", "question");
      db.message(id, "assistant", "answer");
      db.execute("COMMIT");
      if (i % 50 == 0) db.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    }
    through = true;
  });
  Cursor cursor;
  std::map<std::string, Session> kept;
  const auto read = [&] {
    DatabaseReader reader(path(), Caps());
    auto taken = read_from(reader, cursor);
    cursor = std::move(taken.cursor);
    for (auto& session : taken.sessions) {
      EXPECT_EQ(session.messages.size() % 2, 0u);
      EXPECT_THAT(session.damaged, IsEmpty());
      kept[session.id] = std::move(session);
    }
  };
  while (!through) read();
  writer.join();
  read();
  DatabaseReader reader(path(), Caps());
  const auto all = read_from(reader).sessions;
  EXPECT_THAT(all, SizeIs(20));
  for (const auto& session : all) {
    EXPECT_THAT(session.messages, SizeIs(40));
    EXPECT_EQ(kept[session.id].digest, session.digest) << session.id;
  }
}

TEST_F(LiveStore, HoldsNoStateWhileASessionIsHandedOver) {
  StateDb db(path());
  for (int i = 0; i < 3; ++i) {
    db.session("s" + std::to_string(i));
    db.message("s" + std::to_string(i), "user", "x");
  }
  DatabaseReader reader(path(), Caps());
  Collector taken;
  int emptied = 0;
  taken.each = [&] {
    // Fails with "database table is locked" or leaves the log where a reader is in the way.
    db.session("new" + std::to_string(emptied));
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    if (fs::file_size(path().string() + "-wal") == 0) ++emptied;
  };
  (void)reader.read(nullptr, kNow, taken);
  EXPECT_EQ(emptied, 3);
  EXPECT_THAT(taken.sessions, SizeIs(3)) << "what came later is for the next time";
}

TEST_F(LiveStore, WithARollbackJournalIsReadToo) {
  StateDb db(path(), 6, StateDb::Journal::rollback);
  db.session("s1");
  DatabaseReader reader(path(), Caps());
  auto first = read_from(reader);
  EXPECT_THAT(ids_of(first.sessions), ElementsAre("s1"));
  db.session("s2");
  EXPECT_THAT(ids_of(read_from(reader, first.cursor).sessions), ElementsAre("s2"));
}

TEST_F(LiveStore, WaitsForALockNoLongerThanItIsTold) {
  StateDb db(path(), 6, StateDb::Journal::rollback);
  db.session("s1");
  db.execute("BEGIN EXCLUSIVE");
  DatabaseReader reader(path(), Caps());
  reader.options.lock_wait = std::chrono::milliseconds(1);
  EXPECT_THAT([&] { (void)read_from(reader); },
              testing::ThrowsMessage<Unreadable>(HasSubstr("it is read with the next run")));
  db.execute("COMMIT");
  EXPECT_THAT(ids_of(read_from(reader).sessions), ElementsAre("s1"));
}

TEST_F(LiveStore, ClosedAndWrittenWhileItIsReadIsThrownAway) {
  StateDb db(path());
  for (int i = 0; i < 100; ++i) {
    db.session("s" + std::to_string(i));
    for (int k = 0; k < 20; ++k)
      db.message("s" + std::to_string(i), "user", std::string(1000, 'x'));
  }
  db.close();
  DatabaseReader reader(path(), Caps());
  Collector taken;
  taken.each = [&] {
    if (taken.sessions.size() != 10) return;
    db.open();
    db.execute("DELETE FROM messages WHERE session_id = 's50'");
    db.close();
  };
  EXPECT_THAT([&] { (void)reader.read(nullptr, kNow, taken); },
              testing::ThrowsMessage<Unreadable>(HasSubstr("thrown away")));
  EXPECT_THAT(taken.sessions, SizeIs(10)) << "what was handed over was whole";
  reader.close();
  EXPECT_THAT(read_from(reader).sessions, SizeIs(100));
}

TEST_F(LiveStore, ThatWasClosedAMomentAgoIsReadTheNextTime) {
  {
    StateDb db(path());
    db.session("s1");
    db.close();
  }
  const timespec now[] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
  ASSERT_EQ(::utimensat(AT_FDCWD, path().c_str(), now, 0), 0);
  DatabaseReader reader(path(), Caps());
  EXPECT_THAT([&] { (void)read_from(reader); },
              testing::ThrowsMessage<Unreadable>(HasSubstr("was written a moment ago")));
}

// A disk that fails some reads, and then no longer.
class FailingReads {
 public:
  static inline int failures = 0;
  FailingReads() {
    base_ = sqlite3_vfs_find(nullptr);
    vfs_ = *base_;
    vfs_.zName = "failing-reads";
    vfs_.xOpen = [](sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out) {
      const int code = base_->xOpen(base_, name, file, flags, out);
      if (code == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB) != 0 && file->pMethods->iVersion > 0) {
        real_ = file->pMethods;
        methods_ = *real_;
        methods_.xRead = [](sqlite3_file* f, void* into, int size, sqlite3_int64 at) {
          if (failures > 0 && --failures >= 0) return static_cast<int>(SQLITE_IOERR_READ);
          return real_->xRead(f, into, size, at);
        };
        file->pMethods = &methods_;
      }
      return code;
    };
    sqlite3_vfs_register(&vfs_, 1);
  }
  ~FailingReads() {
    failures = 0;
    sqlite3_vfs_unregister(&vfs_);
    sqlite3_vfs_register(base_, 1);
  }

 private:
  static inline sqlite3_vfs* base_ = nullptr;
  static inline const sqlite3_io_methods* real_ = nullptr;
  static inline sqlite3_io_methods methods_{};
  sqlite3_vfs vfs_{};
};

TEST_F(LiveStore, OnADiskThatFailsIsTriedThreeTimesMore) {
  {
    StateDb db(path());
    db.session("s1");
    db.message("s1", "user", "hello");
    db.close();
  }
  FailingReads disk;
  DatabaseReader reader(path(), Caps());
  reader.options.pause = std::chrono::milliseconds(0);
  FailingReads::failures = 3;
  EXPECT_THAT(read_from(reader).sessions, SizeIs(1));
  reader.close();
  FailingReads::failures = 1000;
  EXPECT_THROW((void)read_from(reader), Unreadable);
}

}  // namespace
}  // namespace provenance
