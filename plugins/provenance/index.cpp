// SPDX-License-Identifier: Apache-2.0
#include "index.hpp"

#include <sqlite3.h>

#include <stdexcept>
#include <timmy/failure.hpp>

#include "files.hpp"
#include "index_query.hpp"

namespace provenance {
namespace {

constexpr int kForm = 2;

constexpr const char* kTables = R"(
CREATE TABLE session(
  key INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, parent TEXT NOT NULL, source TEXT NOT NULL,
  user TEXT NOT NULL, started INTEGER, direct INTEGER NOT NULL, digest TEXT NOT NULL, rejected TEXT NOT NULL,
  store TEXT NOT NULL, seen INTEGER NOT NULL);
CREATE INDEX session_missed ON session(parent) WHERE rejected = 'broken_lineage';
CREATE TABLE rejection(
  session INTEGER NOT NULL, reason TEXT NOT NULL, turns INTEGER NOT NULL,
  PRIMARY KEY(session, reason)) WITHOUT ROWID;
CREATE TABLE pair(
  digest BLOB NOT NULL, born INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0, id BLOB NOT NULL,
  session INTEGER NOT NULL, file INTEGER NOT NULL, until INTEGER, consent INTEGER NOT NULL,
  rule TEXT NOT NULL, PRIMARY KEY(digest, born)) WITHOUT ROWID;
CREATE INDEX pair_session ON pair(session);
CREATE INDEX pair_gone ON pair(gone) WHERE gone != 0;
CREATE TABLE generation(number INTEGER NOT NULL);
INSERT INTO generation VALUES(0);
)";

// The file is no index of this form.
struct Unusable : std::runtime_error {
  using std::runtime_error::runtime_error;
};

}  // namespace

Index::Index(const std::filesystem::path& path) : path_(path) {
  try {
    open(path);
  } catch (const Unusable&) {
    queries_.clear();
    connection_.reset();
    for (const auto* end : {"", "-wal", "-shm", "-journal"})
      provenance::remove_file(path.string() + end);
    open(path);
  }
}

Index::~Index() = default;

std::unique_ptr<const Index> Index::as_of(const std::filesystem::path& path,
                                          std::int64_t generation) {
  std::error_code none;
  if (!std::filesystem::exists(path, none)) return nullptr;
  try {
    std::unique_ptr<const Index> index(new Index(path, generation, ReadOnly()));
    return index->usable_ ? std::move(index) : nullptr;
  } catch (const Unusable&) {
    return nullptr;
  }
}

// Only a run checkpoints, and takes the log away. All that is read is of one state.
Index::Index(const std::filesystem::path& path, std::int64_t generation, ReadOnly)
    : path_(path), generation_(generation) {
  connect(path, SQLITE_OPEN_READWRITE);
  sqlite3_db_config(connection_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  run("PRAGMA query_only=ON");
  run("BEGIN");
  usable_ = number_in("PRAGMA user_version") == kForm &&
            number_in("SELECT number FROM generation") >= generation;
}

void Index::connect(const std::filesystem::path& path, int flags) {
  sqlite3* opened = nullptr;
  const int result = sqlite3_open_v2(path.c_str(), &opened,
                                     flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  connection_.reset(opened, &sqlite3_close_v2);
  if (result != SQLITE_OK) fail("open");
  sqlite3_busy_timeout(opened, 10'000);
}

void Index::open(const std::filesystem::path& path) {
  connect(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  // A report reads while a run writes, hence WAL; a run's transaction is one fsync.
  run("PRAGMA journal_mode=WAL");
  run("PRAGMA synchronous=FULL");
  run("PRAGMA cache_size=-8192");
  run("PRAGMA secure_delete=ON");
  const auto found = number_in("PRAGMA user_version");
  usable_ = found == kForm;
  if (usable_) return;
  if (found != 0) throw Unusable(path.string() + " is of another form");
  run("BEGIN IMMEDIATE");
  run(kTables);
  run("PRAGMA user_version=2");
  run("COMMIT");
  usable_ = true;
}

void Index::run(const char* sql) const {
  if (sqlite3_exec(connection_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    fail("read or write");
}

Index::Query& Index::query(const char* sql) const {
  auto& found = queries_[sql];
  if (!found) found = std::make_unique<Query>(*this, sql);
  return found->begin();
}

std::int64_t Index::number_in(const char* sql) const {
  auto& row = query(sql);
  const auto number = row.step() ? row.number(0) : 0;
  row.begin();
  return number;
}

void Index::fail(const std::string& doing) const {
  const int code = connection_ ? sqlite3_errcode(connection_.get()) & 0xff : SQLITE_NOMEM;
  const std::string message = "can't " + doing + " " + path_.string() + ": " +
                              (connection_ ? sqlite3_errmsg(connection_.get()) : "no memory");
  if (code != SQLITE_CORRUPT && code != SQLITE_NOTADB) throw timmy::Retryable("io", message);
  if (!usable_) throw Unusable(message);
  throw timmy::Permanent("damaged", message + "; remove it: it is made anew from the stores");
}

Index::Known Index::roll_back(std::int64_t generation) {
  const auto has = number_in("SELECT number FROM generation");
  generation_ = generation;
  if (has == generation) {
    forget_gone();
    return Known::all;
  }
  run("BEGIN IMMEDIATE");
  if (has < generation) {
    run("DELETE FROM pair; DELETE FROM rejection; DELETE FROM session");
  } else {
    query("DELETE FROM pair WHERE born > ?").bind(generation).step();
    query("UPDATE pair SET gone = 0 WHERE gone > ?").bind(generation).step();
    query("UPDATE session SET digest = '' WHERE seen > ?").bind(generation).step();
  }
  // What is ahead stays so: whoever takes it back may be ended before he has looked at all anew.
  if (has < generation) run("UPDATE generation SET number = 0");
  run("COMMIT");
  if (has < generation) return Known::less;
  forget_gone();
  return Known::taken_back;
}

bool Index::is_ahead() const { return number_in("SELECT number FROM generation") > generation_; }

void Index::begin(std::int64_t generation) {
  run("BEGIN IMMEDIATE");
  generation_ = generation;
  query("UPDATE generation SET number = ?").bind(generation).step();
}

void Index::commit() { run("COMMIT"); }

void Index::forget_gone() {
  if (number_in("SELECT EXISTS (SELECT 1 FROM pair WHERE gone != 0)") == 0) return;
  query("DELETE FROM pair WHERE gone != 0").step();
}

void Index::abandon() noexcept {
  for (auto& [sql, each] : queries_) each->begin();
  (void)sqlite3_exec(connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace provenance
