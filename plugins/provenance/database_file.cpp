// SPDX-License-Identifier: Apache-2.0
#include "database_file.hpp"

#include <sqlite3.h>

#include <thread>
#include <utility>

#include "reading.hpp"

namespace provenance {
namespace {

void check(sqlite3* db, int code, const std::string& doing) {
  if (code == SQLITE_OK) return;
  throw SqliteError(db != nullptr ? sqlite3_extended_errcode(db) : code,
                    doing + ": " + (db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code)));
}

// https://www.sqlite.org/uri.html
std::string uri_of(const std::string& path, bool immutable) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string uri = "file:";
  for (const char c : path) {
    if (c != '?' && c != '#' && c != '%') {
      uri += c;
      continue;
    }
    uri += '%';
    uri += kDigits[static_cast<unsigned char>(c) >> 4];
    uri += kDigits[static_cast<unsigned char>(c) & 15];
  }
  return uri + (immutable ? "?mode=ro&immutable=1" : "?mode=ro");
}

int asked_to_stop(void* is_cancelled) {
  return (*static_cast<const std::function<bool()>*>(is_cancelled))() ? 1 : 0;
}

}  // namespace

Statement::Statement(sqlite3* db, const std::string& sql) : handle_(nullptr, &sqlite3_finalize) {
  sqlite3_stmt* handle = nullptr;
  const int code = sqlite3_prepare_v3(db, sql.c_str(), static_cast<int>(sql.size() + 1),
                                      SQLITE_PREPARE_PERSISTENT, &handle, nullptr);
  check(db, code, "prepare \"" + sql + "\"");
  handle_.reset(handle);
}

// A statement that failed in the middle still is where it was.
Statement& Statement::bind(int index, std::int64_t value) {
  reset();
  check(sqlite3_db_handle(handle_.get()), sqlite3_bind_int64(handle_.get(), index, value), "bind");
  return *this;
}

Statement& Statement::bind(int index, std::string_view text) {
  const char* const data = text.data() != nullptr ? text.data() : "";
  reset();
  check(sqlite3_db_handle(handle_.get()),
        sqlite3_bind_text64(handle_.get(), index, data, text.size(), SQLITE_STATIC, SQLITE_UTF8),
        "bind");
  return *this;
}

bool Statement::step() {
  const int code = sqlite3_step(handle_.get());
  if (code == SQLITE_ROW) return true;
  sqlite3* const db = sqlite3_db_handle(handle_.get());
  if (code == SQLITE_DONE) {
    sqlite3_reset(handle_.get());
    return false;
  }
  const SqliteError error(sqlite3_extended_errcode(db), sqlite3_errmsg(db));
  sqlite3_reset(handle_.get());
  throw error;
}

void Statement::reset() { sqlite3_reset(handle_.get()); }

bool Statement::is_null(int column) const {
  return sqlite3_column_type(handle_.get(), column) == SQLITE_NULL;
}
bool Statement::is_number(int column) const {
  const int type = sqlite3_column_type(handle_.get(), column);
  return type == SQLITE_INTEGER || type == SQLITE_FLOAT;
}
std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(handle_.get(), column);
}
double Statement::real(int column) const { return sqlite3_column_double(handle_.get(), column); }

std::string_view Statement::text(int column) const {
  const int type = sqlite3_column_type(handle_.get(), column);
  return type == SQLITE_TEXT || type == SQLITE_BLOB ? bytes(column) : std::string_view();
}

// column_blob converts nothing, and looks for no NUL.
std::string_view Statement::bytes(int column) const {
  const auto* const data = static_cast<const char*>(sqlite3_column_blob(handle_.get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle_.get(), column))};
}

std::string_view Statement::hash(int column, RowHash& hash) const {
  const int type = sqlite3_column_type(handle_.get(), column);
  if (type == SQLITE_INTEGER)
    hash.integer(integer(column));
  else if (type == SQLITE_FLOAT)
    hash.real(real(column));
  else if (type == SQLITE_NULL)
    hash.nothing();
  if (type != SQLITE_TEXT && type != SQLITE_BLOB) return {};
  const auto stored = bytes(column);
  (void)(type == SQLITE_TEXT ? hash.text(stored) : hash.bytes(stored));
  return stored;
}

DatabaseFile::DatabaseFile(std::string path, Options options)
    : path_(std::move(path)), options_(std::move(options)), handle_(nullptr, &sqlite3_close_v2) {
  const auto looked = FileIdentity::at(path_);
  if (!looked)
    throw Unreadable("there is no " + path_ + ", or it may not be looked at: grant fs.read for it");
  if (has_log()) {
    open(false);
    return;
  }
  open(true);
  // https://www.sqlite.org/fileformat.html: the version that a reader must know is 2 with a log.
  // Otherwise there is a rollback journal, and locks that readers can take.
  if (header_[19] != 2) {
    open(false);
    return;
  }
  immutable_ = true;
  identity_ = looked;
  if (!looked->is_settled())
    throw Unreadable(path_ + " was written a moment ago: it is read with the next run");
  if (!is_intact()) throw Unreadable(path_ + " is being opened: it is read with the next run");
}

void DatabaseFile::open(bool immutable) {
  begin_.reset();
  commit_.reset();
  handle_.reset();
  const int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
                    SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW;
  (void)retry([&] {
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(uri_of(path_, immutable).c_str(), &handle, flags, nullptr);
    handle_.reset(handle);
    check(handle, code, "open " + path_);
    return true;
  });
  header_ = header();
  configure();
}

void DatabaseFile::configure() {
  sqlite3* const db = handle_.get();
  sqlite3_busy_timeout(db, static_cast<int>(options_.lock_wait.count()));
  sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_limit(db, SQLITE_LIMIT_LENGTH, static_cast<int>(options_.longest));
  if (options_.is_cancelled)
    sqlite3_progress_handler(db, 10'000, asked_to_stop, &options_.is_cancelled);
  // Whole pages in memory count as ours, those of a mapped file too.
  for (const char* pragma : {"PRAGMA query_only=ON", "PRAGMA cell_size_check=ON",
                             "PRAGMA mmap_size=0", "PRAGMA cache_size=-4096"})
    execute(pragma);
  begin_ = prepare("BEGIN");
  commit_ = prepare("COMMIT");
}

void DatabaseFile::execute(const char* sql) const {
  check(handle_.get(), sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr), sql);
}

// An empty one without its index says no more than none: it was left over.
bool DatabaseFile::has_log() const {
  const auto log = FileIdentity::at(path_ + "-wal");
  return log && (log->size > 0 || FileIdentity::at(path_ + "-shm"));
}

// Through SQLite's own descriptor: to open the file and close it again would take the locks away
// that SQLite holds on it in this process.
std::string DatabaseFile::header() const {
  sqlite3_file* file = nullptr;
  std::string bytes(100, '\0');
  sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (file == nullptr || file->pMethods == nullptr)
    throw Unreadable(path_ + " can't be read: SQLite has no descriptor for it");
  const int code = retry([&] {
    const int read = file->pMethods->xRead(file, bytes.data(), static_cast<int>(bytes.size()), 0);
    if (read != SQLITE_OK && read != SQLITE_IOERR_SHORT_READ)
      throw SqliteError(read, "read the header of " + path_ + ": " + sqlite3_errstr(read));
    return read;
  });
  if (code != SQLITE_OK || !bytes.starts_with("SQLite format 3"))
    throw Unreadable(path_ + " is no SQLite database");
  return bytes;
}

// The bytes from 24 on have the change counter, and the number of pages.
bool DatabaseFile::is_intact() const {
  if (!immutable_) return true;
  return FileIdentity::at(path_) == identity_ && header() == header_;
}

// What is immutable has one state for good, and nobody waits for its end.
void DatabaseFile::begin() {
  if (sqlite3_get_autocommit(handle_.get()) != 0) (void)begin_->step();
}
void DatabaseFile::end() {
  if (!immutable_) (void)commit_->step();
}

void DatabaseFile::give_up() noexcept {
  sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

Statement DatabaseFile::prepare(const std::string& sql) const {
  return Statement(handle_.get(), sql);
}

bool DatabaseFile::passes(const SqliteError& error) { return error.code() == SQLITE_IOERR; }
void DatabaseFile::wait() const { std::this_thread::sleep_for(options_.pause); }

}  // namespace provenance
