// SPDX-License-Identifier: Apache-2.0
//
// SQLite with owners. Everything here throws host::Error: `corrupt` for a damaged or foreign file,
// `io` for what the disk refused, `conflict` for a constraint, `unavailable` for a lock that
// somebody else holds and where there is no memory, `internal` for wrong SQL. Extended result codes
// are in the message.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/ids.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace host {

// An Error that also carries SQLite's extended result code.
class SqliteError final : public Error {
 public:
  SqliteError(int extended_code, std::string_view doing, std::string_view detail);
  [[nodiscard]] int extended_code() const noexcept { return extended_code_; }
  // The primary code, e.g. SQLITE_FULL.
  [[nodiscard]] int primary_code() const noexcept { return extended_code_ & 0xff; }

 private:
  int extended_code_;
};

// Bytes for a BLOB column, as opposed to text. Borrowed like a string_view.
struct Bytes {
  std::string_view data;
};

// One prepared statement. Parameters are numbered from 1, columns from 0. Thread of its connection.
class Statement {
 public:
  // `db` must outlive the statement.
  Statement(sqlite3* db, std::string_view sql);
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  // Text and bytes are copied.
  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, int value) { return bind(index, std::int64_t{value}); }
  Statement& bind(int index, bool value) { return bind(index, std::int64_t{value}); }
  Statement& bind(int index, double value);
  Statement& bind(int index, std::string_view text);
  Statement& bind(int index, const std::string& text) {
    return bind(index, std::string_view(text));
  }
  Statement& bind(int index, const char* text) { return bind(index, std::string_view(text)); }
  Statement& bind(int index, Bytes bytes);
  Statement& bind(int index, std::nullptr_t);
  // Microseconds since the epoch.
  Statement& bind(int index, WallTime time) {
    return bind(index, std::int64_t{time.time_since_epoch().count()});
  }
  Statement& bind(int index, Duration duration) {
    return bind(index, std::int64_t{duration.count()});
  }
  template <class Tag>
  Statement& bind(int index, Id<Tag> id) {
    return bind(index, id.value());
  }
  // Empty: NULL.
  template <class T>
  Statement& bind(int index, const std::optional<T>& value) {
    return value ? bind(index, *value) : bind(index, nullptr);
  }
  // The same without a copy: the bytes must live until the last step().
  Statement& bind_borrowed(int index, std::string_view text);
  Statement& bind_borrowed(int index, Bytes bytes);

  // Parameters 1, 2, 3...
  template <class... Args>
  Statement& bind_all(const Args&... args) {
    int index = 0;
    (bind(++index, args), ...);
    return *this;
  }

  // The next row; false when there is none, and then the statement is reset already.
  bool step();
  // Steps to the end, rows ignored.
  void run();
  // Back to before the first step; bindings stay.
  void reset() noexcept;
  void clear_bindings() noexcept;

  [[nodiscard]] bool is_null(int column) const;
  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  // Text or bytes; valid until the next step, reset or bind. NULL is empty.
  [[nodiscard]] std::string_view text(int column) const;
  [[nodiscard]] std::string string(int column) const { return std::string(text(column)); }
  [[nodiscard]] WallTime time(int column) const { return WallTime(Duration(integer(column))); }
  [[nodiscard]] std::optional<WallTime> optional_time(int column) const {
    return is_null(column) ? std::nullopt : std::optional(time(column));
  }

  [[nodiscard]] std::string_view sql() const { return sql_; }

 private:
  [[noreturn]] void fail(int code, std::string_view doing) const;
  std::string sql_;
  sqlite3_stmt* handle_ = nullptr;
};

// One open database. Used by one thread at a time.
class Connection {
 public:
  enum class Mode {
    writer,  // read and write; creates the file when it is missing
    reader,  // read-only, never checkpoints
    still,  // read-only, for a file that nobody writes and that has no WAL: makes no file beside it
    memory,  // a database of its own in memory; the path is ignored
  };
  // `vfs` names a registered SQLite VFS; empty: the default one. Sets extended result codes and
  // the pragmas of this store (WAL, synchronous=FULL, foreign_keys off, temp_store=MEMORY); a
  // reader sets wal_autocheckpoint=0.
  Connection(const std::filesystem::path& path, Mode mode, const std::string& vfs = {});
  Connection(Connection&&) noexcept;
  Connection& operator=(Connection&&) noexcept;
  ~Connection();

  // For the writer of a file that was found to be sound: WAL with synchronous=FULL, so that a
  // commit is on the disk when it returns. Throws Error{io} where the file system can't.
  void use_wal();

  // How long to wait for somebody else's lock; 5 s at first.
  void set_lock_wait(Duration wait);
  [[nodiscard]] Duration lock_wait() const { return lock_wait_; }

  // Writes what it can of the WAL into the database and syncs it; `truncate`: all of it, and
  // empties the WAL, unless a reader is in the way. Writer only.
  void checkpoint(bool truncate);
  // Pages in the WAL after the last commit.
  [[nodiscard]] int wal_pages() const { return *wal_pages_; }
  // Gives cached pages back to the system.
  void release_memory();

  // Makes a running statement of this connection fail soon. Any thread.
  void interrupt();

  // Runs one or more statements without parameters or rows.
  void execute(const char* sql);
  // The first column of the first row, for pragmas.
  [[nodiscard]] std::int64_t integer(std::string_view sql);
  [[nodiscard]] std::string text(std::string_view sql);
  // The rows of PRAGMA quick_check, empty when all is well. `cap` bounds their number.
  [[nodiscard]] std::vector<std::string> quick_check(int cap = 10);

  // False inside a transaction. SQLite ends one by itself on a full disk or an I/O error.
  [[nodiscard]] bool autocommit() const;
  [[nodiscard]] std::int64_t total_changes() const;
  [[nodiscard]] sqlite3* handle() const { return handle_; }

 private:
  void check_open(int code, const std::string& name) const;
  void configure(Mode mode);
  [[nodiscard]] std::string database_name() const;
  sqlite3* handle_ = nullptr;
  Duration lock_wait_ = std::chrono::seconds(5);
  std::unique_ptr<int> wal_pages_ = std::make_unique<int>(0);  // at a fixed address for the hook
};

}  // namespace host
