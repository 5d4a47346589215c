// SPDX-License-Identifier: Apache-2.0
#include "bare_loop.hpp"

#include <fcntl.h>
#include <sqlite3.h>
#include <unistd.h>

#include <stdexcept>
#include <string>

#include "base/file.hpp"
#include "store/connection.hpp"
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

}  // namespace

double bare_loop(const std::filesystem::path& folder, Seconds time) {
  const auto path = folder / "bare.db";
  host::Connection connection(path, host::Connection::Mode::writer);
  host::migrate(connection);
  connection.use_wal();
  sqlite3* db = connection.handle();
  Statement begin(db, "BEGIN IMMEDIATE"), commit(db, "COMMIT");
  Statement insert(
      db,
      "INSERT INTO jobs(task, state, priority, rank, due, max_attempts, inserted_at, nominal, "
      "parent, source, unique_key, payload) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  const std::string next =
      "state='available' AND task=?1 AND waits_turn=0 ORDER BY rank, id LIMIT ?2";
  Statement claim(db,
                  "SELECT id, run_lease, attempt, max_attempts, crashes, nominal, payload "
                  "FROM jobs WHERE " +
                      next);
  Statement mark(db,
                 "UPDATE jobs SET state='running', run_lease=run_lease+1, attempt=attempt+1, "
                 "instance=?3, attempted_at=?4, progress=NULL WHERE id IN (SELECT id FROM jobs "
                 "WHERE " +
                     next + ")");
  Statement complete(
      db,
      "UPDATE jobs SET state='completed', ended_at=?1, cpu=?2, max_rss=?3, result=?4, output=?5 "
      "WHERE id=?6 AND state='running' AND run_lease=?7 AND (concurrency_key IS NULL OR ?8)");
  const std::string task = "noop", state = "available", source = "bench", payload(100, 'x'),
                    result = "{}";
  const auto start = std::chrono::steady_clock::now();
  sqlite3_int64 done = 0, now = 1;
  while (std::chrono::steady_clock::now() - start < time) {
    begin.step();
    for (int i = 0; i < kBatch; ++i, ++now) {
      insert.bind(1, task);
      insert.bind(2, state);
      insert.bind(3, 5);
      insert.bind(4, now);
      insert.bind(5, now);
      insert.bind(6, 5);
      insert.bind(7, now);
      insert.bind(10, source);
      insert.blob(12, payload);
      insert.step();
    }
    commit.step();
    begin.step();
    claim.bind(1, task);
    claim.bind(2, kBatch);
    std::vector<std::pair<sqlite3_int64, sqlite3_int64>> runs;
    while (claim.step()) runs.emplace_back(claim.integer(0), claim.integer(1) + 1);
    mark.bind(1, task);
    mark.bind(2, kBatch);
    mark.bind(3, 1);
    mark.bind(4, now);
    mark.step();
    commit.step();
    begin.step();
    for (const auto& [id, lease] : runs) {
      complete.bind(1, now);
      complete.bind(2, 1);
      complete.bind(3, 1);
      complete.blob(4, result);
      complete.bind(6, id);
      complete.bind(7, lease);
      complete.bind(8, 0);
      complete.step();
    }
    commit.step();
    done += static_cast<sqlite3_int64>(runs.size());
  }
  const Seconds took = std::chrono::steady_clock::now() - start;
  return static_cast<double>(done) / took.count();
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
