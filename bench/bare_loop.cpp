// SPDX-License-Identifier: Apache-2.0
#include "bare_loop.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "base/file.hpp"
#include "store/connection.hpp"
#include "store/group_commit.hpp"
#include "store/migrations.hpp"

namespace bench {
namespace {

constexpr int kBatch = 200;

class Statement {
 public:
  Statement(sqlite3* db, const std::string& sql) {
    if (sqlite3_prepare_v3(db, sql.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &handle_, nullptr) !=
        SQLITE_OK)
      throw std::runtime_error(sqlite3_errmsg(db));
  }
  ~Statement() { sqlite3_finalize(handle_); }
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  void bind(int at, sqlite3_int64 value) { sqlite3_bind_int64(handle_, at, value); }
  void bind(int at, const std::string& text) {
    sqlite3_bind_text(handle_, at, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  }
  void blob(int at, const std::string& bytes) {
    sqlite3_bind_blob(handle_, at, bytes.data(), static_cast<int>(bytes.size()), SQLITE_STATIC);
  }
  bool step() {
    const int code = sqlite3_step(handle_);
    if (code == SQLITE_ROW) return true;
    sqlite3_reset(handle_);
    if (code != SQLITE_DONE) throw std::runtime_error("a step of the bare loop failed");
    return false;
  }
  sqlite3_int64 integer(int column) { return sqlite3_column_int64(handle_, column); }

 private:
  sqlite3_stmt* handle_ = nullptr;
};

// A database as the queue has it, and what the queue does to it, 200 jobs a transaction.
class BareQueue {
 public:
  explicit BareQueue(const std::filesystem::path& folder)
      : connection_(opened(folder / "bare.db")),
        db_(connection_.handle()),
        begin_(db_, "BEGIN IMMEDIATE"),
        commit_(db_, "COMMIT"),
        insert_(db_,
                "INSERT INTO jobs(task, state, priority, rank, due, max_attempts, inserted_at, "
                "nominal, parent, source, unique_key, payload) "
                "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"),
        claim_(db_,
               "SELECT id, run_lease, attempt, max_attempts, crashes, nominal, payload "
               "FROM jobs WHERE " +
                   kNext),
        mark_(db_,
              "UPDATE jobs SET state='running', run_lease=run_lease+1, attempt=attempt+1, "
              "instance=?3, attempted_at=?4, progress=NULL WHERE id IN (SELECT id FROM jobs "
              "WHERE " +
                  kNext + ")"),
        complete_(db_,
                  "UPDATE jobs SET state='completed', ended_at=?1, cpu=?2, max_rss=?3, result=?4, "
                  "output=?5 WHERE id=?6 AND state='running' AND run_lease=?7 AND (concurrency_key "
                  "IS NULL OR ?8)") {}

  void insert() {
    begin_.step();
    for (int i = 0; i < kBatch; ++i, ++now_) {
      insert_.bind(1, task_);
      insert_.bind(2, state_);
      insert_.bind(3, 5);
      insert_.bind(4, now_);
      insert_.bind(5, now_);
      insert_.bind(6, 5);
      insert_.bind(7, now_);
      insert_.bind(10, source_);
      insert_.blob(12, payload_);
      insert_.step();
    }
    commit();
  }

  void claim() {
    runs_.clear();
    begin_.step();
    claim_.bind(1, task_);
    claim_.bind(2, kBatch);
    while (claim_.step()) runs_.emplace_back(claim_.integer(0), claim_.integer(1) + 1);
    mark_.bind(1, task_);
    mark_.bind(2, kBatch);
    mark_.bind(3, 1);
    mark_.bind(4, now_);
    mark_.step();
    commit();
  }

  // What was claimed.
  void complete() {
    begin_.step();
    for (const auto& [id, lease] : runs_) {
      complete_.bind(1, now_);
      complete_.bind(2, 1);
      complete_.bind(3, 1);
      complete_.blob(4, result_);
      complete_.bind(6, id);
      complete_.bind(7, lease);
      complete_.bind(8, 0);
      complete_.step();
    }
    commit();
  }

 private:
  static host::Connection opened(const std::filesystem::path& path) {
    host::Connection connection(path, host::Connection::Mode::writer);
    host::migrate(connection);
    connection.use_wal();
    return connection;
  }

  // And the log's way into the database, when the store would do it.
  void commit() {
    commit_.step();
    if (connection_.wal_pages() >= host::kCheckpointPages) connection_.checkpoint(false);
  }

  static inline const std::string kNext =
      "state='available' AND task=?1 AND waits_turn=0 ORDER BY rank, id LIMIT ?2";
  const std::string task_ = "noop", state_ = "available", source_ = "bench",
                    payload_ = std::string(100, 'x'), result_ = "{}";
  host::Connection connection_;
  sqlite3* db_;
  Statement begin_, commit_, insert_, claim_, mark_, complete_;
  std::vector<std::pair<sqlite3_int64, sqlite3_int64>> runs_;
  sqlite3_int64 now_ = 1;
};

// Jobs a second, where each turn() is a batch of them.
template <class Turn>
double rate(Seconds time, Turn turn) {
  const auto start = std::chrono::steady_clock::now();
  int batches = 0;
  for (; std::chrono::steady_clock::now() - start < time; ++batches) turn();
  const Seconds took = std::chrono::steady_clock::now() - start;
  return batches * kBatch / took.count();
}

}  // namespace

double bare_loop(const std::filesystem::path& folder, Seconds time) {
  BareQueue queue(folder);
  return rate(time, [&] {
    queue.insert();
    queue.claim();
    queue.complete();
  });
}

double bare_inserts(const std::filesystem::path& folder, Seconds time) {
  BareQueue queue(folder);
  return rate(time, [&] { queue.insert(); });
}

std::vector<double> fdatasync_times(const std::filesystem::path& folder, int count) {
  const auto path = folder / "sync";
  const host::Fd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  const std::string page(4096, 'x');
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    if (::write(file.get(), page.data(), page.size()) < 0)
      throw std::runtime_error("writing a page");
    const auto start = std::chrono::steady_clock::now();
    if (::fdatasync(file.get()) != 0) throw std::runtime_error("fdatasync");
    times.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start)
            .count());
  }
  return times;
}

}  // namespace bench
