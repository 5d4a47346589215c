// SPDX-License-Identifier: Apache-2.0
#include "store/connection.hpp"

#include <fmt/format.h>
#include <sqlite3.h>

#include <utility>

namespace host {
namespace {

struct Meaning {
  Code code;
  std::string_view next_step;
};

// https://www.sqlite.org/rescode.html
Meaning meaning_of(int extended_code) {
  switch (extended_code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {
          Code::corrupt,
          "Stop the host and restore the database from a backup, or see `.recover` of sqlite3."};
    case SQLITE_FULL: return {Code::io, "Free space on the disk of the database."};
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return {Code::io, "Check the disk of the database and the mode of its folder."};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Code::unavailable, "Close the program that holds a lock on the database."};
    case SQLITE_NOMEM: return {Code::unavailable, "Free memory on this machine."};
    case SQLITE_CONSTRAINT: return {Code::conflict, {}};
    case SQLITE_TOOBIG: return {Code::too_large, {}};
    case SQLITE_PERM:
    case SQLITE_AUTH: return {Code::denied, {}};
    default: return {Code::internal, {}};
  }
}

// https://www.sqlite.org/uri.html; `immutable` keeps SQLite from making a -shm and a -wal.
std::string still_uri(const std::string& path) {
  std::string uri = "file:";
  for (const char c : path) {
    if (c == '?' || c == '#' || c == '%')
      uri += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    else
      uri += c;
  }
  return uri + "?immutable=1";
}

void check(sqlite3* db, int code, std::string_view doing) {
  if (code == SQLITE_OK) return;
  throw SqliteError(sqlite3_extended_errcode(db), doing, sqlite3_errmsg(db));
}

}  // namespace

SqliteError::SqliteError(int extended_code, std::string_view doing, std::string_view detail)
    : Error(meaning_of(extended_code).code,
            fmt::format("{}: {} (SQLite code {})", doing, detail, extended_code),
            std::string(meaning_of(extended_code).next_step)),
      extended_code_(extended_code) {}

Statement::Statement(sqlite3* db, std::string_view sql) : sql_(sql) {
  const char* tail = nullptr;
  check(db,
        sqlite3_prepare_v3(db, sql_.data(), static_cast<int>(sql_.size() + 1),
                           SQLITE_PREPARE_PERSISTENT, &handle_, &tail),
        "prepare '" + sql_ + "'");
}

Statement::~Statement() { sqlite3_finalize(handle_); }

void Statement::fail(int code, std::string_view doing) const {
  sqlite3* const db = sqlite3_db_handle(handle_);
  const int extended = sqlite3_extended_errcode(db);
  // A misuse (a parameter that is not there) doesn't always reach the connection.
  if ((extended & 0xff) != (code & 0xff)) {
    throw SqliteError(code, fmt::format("{} '{}'", doing, sql_), sqlite3_errstr(code));
  }
  throw SqliteError(extended, fmt::format("{} '{}'", doing, sql_), sqlite3_errmsg(db));
}

Statement& Statement::bind(int index, std::int64_t value) {
  if (const int code = sqlite3_bind_int64(handle_, index, value)) fail(code, "bind");
  return *this;
}

Statement& Statement::bind(int index, double value) {
  if (const int code = sqlite3_bind_double(handle_, index, value)) fail(code, "bind");
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  // A null pointer would bind NULL instead of an empty text.
  const int code = sqlite3_bind_text64(handle_, index, text.data() ? text.data() : "", text.size(),
                                       SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK) fail(code, "bind");
  return *this;
}

Statement& Statement::bind(int index, Bytes bytes) {
  const int code = sqlite3_bind_blob64(handle_, index, bytes.data.data() ? bytes.data.data() : "",
                                       bytes.data.size(), SQLITE_TRANSIENT);
  if (code != SQLITE_OK) fail(code, "bind");
  return *this;
}

Statement& Statement::bind(int index, std::nullptr_t) {
  if (const int code = sqlite3_bind_null(handle_, index)) fail(code, "bind");
  return *this;
}

Statement& Statement::bind_borrowed(int index, std::string_view text) {
  const int code = sqlite3_bind_text64(handle_, index, text.data() ? text.data() : "", text.size(),
                                       SQLITE_STATIC, SQLITE_UTF8);
  if (code != SQLITE_OK) fail(code, "bind");
  return *this;
}

Statement& Statement::bind_borrowed(int index, Bytes bytes) {
  const int code = sqlite3_bind_blob64(handle_, index, bytes.data.data() ? bytes.data.data() : "",
                                       bytes.data.size(), SQLITE_STATIC);
  if (code != SQLITE_OK) fail(code, "bind");
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(handle_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) {
    sqlite3_reset(handle_);
    return false;
  }
  try {
    fail(code, "run");
  } catch (...) {
    sqlite3_reset(handle_);
    throw;
  }
}

void Statement::run() {
  while (step()) {
  }
}

void Statement::reset() noexcept { sqlite3_reset(handle_); }
void Statement::clear_bindings() noexcept { sqlite3_clear_bindings(handle_); }

bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_, column) == SQLITE_NULL;
}
std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(handle_, column); }
double Statement::real(int column) const { return sqlite3_column_double(handle_, column); }

std::string_view Statement::text(int column) const {
  // column_blob never converts, and a text's bytes are what it stores: UTF-8.
  const auto* const data = static_cast<const char*>(sqlite3_column_blob(handle_, column));
  const int size = sqlite3_column_bytes(handle_, column);
  return data == nullptr ? std::string_view()
                         : std::string_view(data, static_cast<std::size_t>(size));
}

Connection::Connection(const std::filesystem::path& path, Mode mode, const std::string& vfs) {
  // Nobody asks SQLite how much memory it has, and counting takes a lock at each allocation.
  static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)uncounted;  // SQLITE_MISUSE: somebody in this process used SQLite before
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (mode == Mode::still)
    flags |= SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
  else
    flags |=
        mode == Mode::reader ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const std::string name = mode == Mode::memory  ? ":memory:"
                           : mode == Mode::still ? still_uri(path.string())
                                                 : path.string();
  try {
    check_open(sqlite3_open_v2(name.c_str(), &handle_, flags, vfs.empty() ? nullptr : vfs.c_str()),
               name);
    configure(mode);
  } catch (...) {
    sqlite3_close_v2(handle_);
    throw;
  }
}

void Connection::check_open(int code, const std::string& name) const {
  if (code == SQLITE_OK) return;
  throw SqliteError(handle_ ? sqlite3_extended_errcode(handle_) : code, "open " + name,
                    handle_ ? sqlite3_errmsg(handle_) : sqlite3_errstr(code));
}

void Connection::configure(Mode mode) {
  set_lock_wait(lock_wait_);
  // Checkpoints are the store's to make: SQLite's own drops their errors, a failed fsync among
  // them, and before 3.51.3 two connections that checkpoint can corrupt the WAL.
  sqlite3_wal_autocheckpoint(handle_, 0);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(handle_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  execute("PRAGMA temp_store=MEMORY");
  execute("PRAGMA cell_size_check=ON");
  if (mode == Mode::reader || mode == Mode::still) execute("PRAGMA query_only=ON");
}

void Connection::set_lock_wait(Duration wait) {
  lock_wait_ = wait;
  sqlite3_busy_timeout(handle_, static_cast<int>(wait / std::chrono::milliseconds(1)));
}

void Connection::use_wal() {
  if (text("PRAGMA journal_mode=WAL") != "wal") {
    throw Error(Code::io,
                fmt::format("{}: no write-ahead log on this file system", database_name()),
                "Put the database on a local disk.");
  }
  execute("PRAGMA synchronous=FULL");
  execute("PRAGMA cache_size=-8192");
  // A reader that stayed long lets the WAL grow; once it is gone the file shrinks to this again.
  execute("PRAGMA journal_size_limit=16777216");
  sqlite3_wal_hook(
      handle_,
      [](void* pages, sqlite3*, const char*, int count) {
        *static_cast<int*>(pages) = count;
        return SQLITE_OK;
      },
      wal_pages_.get());
}

void Connection::checkpoint(bool truncate) {
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  sqlite3_busy_timeout(handle_, 0);
  const int code = sqlite3_wal_checkpoint_v2(handle_, "main", mode, nullptr, nullptr);
  set_lock_wait(lock_wait_);
  *wal_pages_ = 0;
  // A reader in the way is no failure: the rest is written next time.
  if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) check(handle_, code, "checkpoint");
}

void Connection::release_memory() { sqlite3_db_release_memory(handle_); }
void Connection::interrupt() { sqlite3_interrupt(handle_); }

std::string Connection::database_name() const {
  const char* const name = sqlite3_db_filename(handle_, "main");
  return name == nullptr ? "database" : name;
}

Connection::Connection(Connection&& other) noexcept
    : handle_(std::exchange(other.handle_, nullptr)),
      lock_wait_(other.lock_wait_),
      wal_pages_(std::move(other.wal_pages_)) {}

Connection& Connection::operator=(Connection&& other) noexcept {
  std::swap(handle_, other.handle_);
  std::swap(lock_wait_, other.lock_wait_);
  std::swap(wal_pages_, other.wal_pages_);
  return *this;
}

Connection::~Connection() { sqlite3_close_v2(handle_); }

void Connection::execute(const char* sql) {
  check(handle_, sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr), sql);
}

std::int64_t Connection::integer(std::string_view sql) {
  Statement statement(handle_, sql);
  return statement.step() ? statement.integer(0) : 0;
}

std::string Connection::text(std::string_view sql) {
  Statement statement(handle_, sql);
  return statement.step() ? statement.string(0) : std::string();
}

std::vector<std::string> Connection::quick_check(int cap) {
  Statement statement(handle_, fmt::format("PRAGMA quick_check({})", cap));
  std::vector<std::string> rows;
  while (statement.step()) rows.push_back(statement.string(0));
  if (rows.size() == 1 && rows.front() == "ok") rows.clear();
  return rows;
}

bool Connection::autocommit() const { return sqlite3_get_autocommit(handle_) != 0; }
std::int64_t Connection::total_changes() const { return sqlite3_total_changes64(handle_); }

}  // namespace host
