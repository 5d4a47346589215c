// SPDX-License-Identifier: Apache-2.0
#include "store/group_commit.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <cerrno>
#include <chrono>

#include "base/failpoint.hpp"

namespace host {
namespace {

constexpr int kDiskErrorLimit = 20;  // in a row, before the store gives up
constexpr int kRefusalLimit = 3;     // in a row; after these the rest of a group isn't tried
constexpr Duration kProbeLockWait = std::chrono::milliseconds(100);

// The next two write more than the commits of a few jobs do, so that a disk with its last page free
// does not pass, and leave free pages in the file: a reserve.
constexpr const char* kProbeWrite =
    "INSERT INTO settings(key, value) VALUES('write_probe', hex(zeroblob(32768))) "
    "ON CONFLICT(key) DO UPDATE SET value=excluded.value";
constexpr const char* kProbeClear = "DELETE FROM settings WHERE key='write_probe'";

bool is_sync_failure(int extended_code) {
  return extended_code == SQLITE_IOERR_FSYNC || extended_code == SQLITE_IOERR_DIR_FSYNC;
}

// What may be over later without anybody touching this host: no space, a disk that fails to write,
// a file system that turned read-only, another program's lock.
bool is_refusal(int extended_code) {
  switch (extended_code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_BUSY: return true;
    case SQLITE_IOERR:
      return extended_code != SQLITE_IOERR_READ && extended_code != SQLITE_IOERR_SHORT_READ;
    default: return false;
  }
}

// A quota or a limit of file sizes, which SQLite tells as an I/O error.
bool is_out_of_space(int number) { return number == ENOSPC || number == EDQUOT || number == EFBIG; }

Error refusal_for(const SqliteError& error) {
  return {Code::unavailable, "the database can't be written now: " + error.message(),
          error.next_step() + " The host tries again by itself and goes on when it can."};
}

bool is_damage(int extended_code) {
  return (extended_code & 0xff) == SQLITE_CORRUPT || (extended_code & 0xff) == SQLITE_NOTADB;
}

}  // namespace

GroupCommit::GroupCommit(Connection connection)
    : connection_(std::move(connection)),
      unit_(connection_),
      begin_(connection_.handle(), "BEGIN IMMEDIATE"),
      begin_reading_(connection_.handle(), "BEGIN"),
      commit_(connection_.handle(), "COMMIT"),
      rollback_(connection_.handle(), "ROLLBACK"),
      savepoint_(connection_.handle(), "SAVEPOINT operation"),
      release_(connection_.handle(), "RELEASE operation"),
      rollback_to_(connection_.handle(), "ROLLBACK TO operation") {}

std::span<const std::optional<Error>> GroupCommit::run(std::span<Store::Operation> operations) {
  errors_.assign(operations.size(), std::nullopt);
  if (refusal_) {
    run_refused(operations, 0);
    return errors_;
  }
  // A savepoint makes SQLite copy every page that the operation changes. Failures are rare, so a
  // group runs without them first, and once more with them when an operation must be undone.
  auto result = try_together(operations, false);
  if (result == Attempt::isolate) result = try_together(operations, true);
  if (result == Attempt::alone) run_alone(operations);
  return errors_;
}

GroupCommit::Attempt GroupCommit::try_together(std::span<Store::Operation> operations,
                                               bool isolate) {
  errors_.assign(operations.size(), std::nullopt);
  try {
    if (!begin()) {
      run_refused(operations, 0);
      return Attempt::answered;
    }
    for (std::size_t i = 0; i < operations.size(); ++i) {
      const auto changes = connection_.total_changes();
      if (isolate) savepoint_.run();
      const bool failed = !run_work(operations[i], errors_[i]);
      if (connection_.autocommit()) {
        // SQLite gave the transaction up: a full disk, an I/O error, no memory.
        ++figures_.failed_commits;
        return Attempt::alone;
      }
      if (isolate) {
        if (failed) rollback_to_.run();
        release_.run();
      } else if (failed && connection_.total_changes() != changes) {
        roll_back();
        return Attempt::isolate;
      }
    }
    commit();
    return Attempt::answered;
  } catch (const Error& error) {
    roll_back();
    ++figures_.failed_commits;
    note(error);
    return Attempt::alone;
  }
}

void GroupCommit::run_alone(std::span<Store::Operation> operations) {
  int refused = 0;  // in a row
  std::optional<Error> why;
  for (std::size_t i = 0; i < operations.size(); ++i) {
    errors_[i].reset();
    noted_.reset();
    try {
      if (!begin()) return run_refused(operations, i);
      const bool worked = run_work(operations[i], errors_[i]);
      if (worked && connection_.autocommit()) {
        throw SqliteError(SQLITE_ABORT, "commit", "the transaction was given up");
      }
      if (worked) {
        commit();
      } else {
        roll_back();
      }
    } catch (const Error& error) {
      roll_back();
      errors_[i] = error;
      note(error);
    }
    if (noted_) errors_[i] = noted_;
    if (operations[i].reads) continue;
    why = noted_;
    refused = noted_ ? refused + 1 : 0;
    if (refused < kRefusalLimit) continue;
    refusal_ = why;
    return run_refused(operations, i + 1);
  }
  refusal_ = why;
}

// Everyone from `first` on, while nothing can be written.
void GroupCommit::run_refused(std::span<Store::Operation> operations, std::size_t first) {
  for (auto i = first; i < operations.size(); ++i) {
    if (operations[i].reads) {
      run_reading(i, operations[i]);
    } else {
      errors_[i] = refusal_;
    }
  }
}

// Without the write lock, which may be another program's.
void GroupCommit::run_reading(std::size_t place, Store::Operation& operation) {
  errors_[place].reset();
  try {
    begin_reading_.run();
    (void)run_work(operation, errors_[place]);
    roll_back();
  } catch (const Error& error) {
    roll_back();
    errors_[place] = error;
    note(error);
  }
}

void GroupCommit::probe() {
  const Duration wait = connection_.lock_wait();
  connection_.set_lock_wait(kProbeLockWait);
  noted_.reset();
  try {
    connection_.checkpoint(true);
    connection_.execute(kProbeWrite);
    connection_.execute(kProbeClear);
    disk_errors_ = 0;
    refusal_.reset();
  } catch (const SqliteError& error) {
    note(error);
    if (noted_) refusal_ = noted_;
  }
  connection_.set_lock_wait(wait);
}

bool GroupCommit::run_work(Store::Operation& operation, std::optional<Error>& error) {
  try {
    operation.work(unit_);
    unit_.end_operation();
    return true;
  } catch (const SqliteError& e) {
    unit_.end_operation();
    note(e);
    error = e;
  } catch (...) {
    unit_.end_operation();
    error = current_error();
  }
  return false;
}

bool GroupCommit::begin() {
  try {
    begin_.run();
    return true;
  } catch (const SqliteError& error) {
    if (error.primary_code() != SQLITE_BUSY) throw;
    // This try waited for the lock as long as is reasonable; nobody waits again.
    refusal_ = refusal_for(error);
    return false;
  }
}

void GroupCommit::commit() {
  TIMMY_FAILPOINT("store.before_commit");
  const auto start = std::chrono::steady_clock::now();
  commit_.run();
  const auto took = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start);
  disk_errors_ = 0;
  ++figures_.commits;
  figures_.last_commit = took;
  figures_.longest_commit = std::max(figures_.longest_commit, took);
}

void GroupCommit::roll_back() noexcept {
  if (connection_.autocommit()) return;
  try {
    rollback_.run();
  } catch (const SqliteError&) {
    // It stays open and the next BEGIN says so, which fails that operation, not this host.
  }
}

void GroupCommit::note(const Error& error) {
  const auto* const sqlite = dynamic_cast<const SqliteError*>(&error);
  if (sqlite == nullptr) return;
  const int code = sqlite->extended_code();
  if (is_sync_failure(code) || is_damage(code)) {
    roll_back();
    throw FatalStoreError{error};
  }
  if (is_refusal(code)) noted_ = refusal_for(*sqlite);
  const bool failing =
      (code & 0xff) == SQLITE_IOERR && !is_out_of_space(sqlite3_system_errno(connection_.handle()));
  if (failing && ++disk_errors_ >= kDiskErrorLimit) {
    roll_back();
    throw FatalStoreError{
        Error(Code::io,
              fmt::format("{} disk errors in a row, the last: {}", disk_errors_, error.message()),
              "Check the disk of the database, then start the host again.")};
  }
}

void GroupCommit::checkpoint_if_large() {
  if (connection_.wal_pages() < kCheckpointPages) return;
  try {
    connection_.checkpoint(false);
  } catch (const SqliteError& error) {
    note(error);
  }
}

void GroupCommit::rest() {
  try {
    connection_.checkpoint(true);
  } catch (const SqliteError& error) {
    note(error);
  }
  connection_.release_memory();
}

}  // namespace host
