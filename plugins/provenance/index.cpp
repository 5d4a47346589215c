// SPDX-License-Identifier: Apache-2.0
#include "index.hpp"

#include <sqlite3.h>

#include <stdexcept>
#include <timmy/failure.hpp>

#include "clean_text.hpp"
#include "files.hpp"

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

std::optional<std::int64_t> micros(std::optional<Instant> instant) {
  if (!instant) return std::nullopt;
  return instant->time_since_epoch().count();
}

}  // namespace

// A prepared statement. Its texts are borrowed until the next begin().
class Index::Query {
 public:
  Query(const Index& index, const char* sql) : index_(&index) {
    if (sqlite3_prepare_v3(index.connection_.get(), sql, -1, SQLITE_PREPARE_PERSISTENT, &statement_,
                           nullptr) != SQLITE_OK)
      index.fail("prepare a query");
  }
  ~Query() { sqlite3_finalize(statement_); }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  Query& begin() {
    sqlite3_reset(statement_);
    at_ = 0;
    return *this;
  }
  Query& bind(std::int64_t number) {
    sqlite3_bind_int64(statement_, ++at_, number);
    return *this;
  }
  Query& bind(std::optional<std::int64_t> number) {
    if (number) return bind(*number);
    sqlite3_bind_null(statement_, ++at_);
    return *this;
  }
  Query& bind(const std::string& text) {
    sqlite3_bind_text(statement_, ++at_, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
    return *this;
  }
  Query& bind_bytes(std::string_view bytes) {
    sqlite3_bind_blob(statement_, ++at_, bytes.data(), static_cast<int>(bytes.size()),
                      SQLITE_STATIC);
    return *this;
  }
  // Whether there is a row.
  bool step() {
    const int result = sqlite3_step(statement_);
    if (result == SQLITE_ROW) return true;
    if (result == SQLITE_DONE) {
      sqlite3_reset(statement_);
      return false;
    }
    index_->fail("read or write");
  }
  [[nodiscard]] std::int64_t number(int column) const {
    return sqlite3_column_int64(statement_, column);
  }
  [[nodiscard]] std::string text(int column) const {
    const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
    return bytes == nullptr ? std::string() : std::string(bytes, size);
  }
  [[nodiscard]] std::optional<Instant> instant(int column) const {
    if (sqlite3_column_type(statement_, column) == SQLITE_NULL) return std::nullopt;
    return Instant(std::chrono::microseconds(number(column)));
  }

 private:
  const Index* index_;
  sqlite3_stmt* statement_ = nullptr;
  int at_ = 0;
};

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
  query("UPDATE generation SET number = ?").bind(has < generation ? 0 : generation).step();
  run("COMMIT");
  if (has < generation) return Known::less;
  forget_gone();
  return Known::taken_back;
}

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

std::optional<KnownSession> Index::session(const std::string& id) const {
  auto& found = query(
      "SELECT key, parent, source, user, started, digest, seen, direct FROM session WHERE id = ?");
  if (!found.bind(id).step()) return std::nullopt;
  KnownSession known{
      found.number(0),
      {id, found.text(1), found.text(2), found.text(3), found.instant(4), found.number(7) != 0},
      found.text(5),
      found.number(6)};
  found.begin();
  return known;
}

std::int64_t Index::put_session(const Kin& kin, const std::string& digest,
                                const std::string& rejected, const std::string& store) {
  auto& put = query(
      "INSERT INTO session(id, parent, source, user, started, direct, digest, rejected, store, "
      "seen) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(id) DO UPDATE SET parent = "
      "excluded.parent, "
      "source = excluded.source, user = excluded.user, started = excluded.started, "
      "direct = excluded.direct, "
      "digest = excluded.digest, rejected = excluded.rejected, store = excluded.store, "
      "seen = excluded.seen RETURNING key");
  put.bind(kin.id).bind(kin.parent).bind(kin.source).bind(kin.user).bind(micros(kin.started));
  put.bind(std::int64_t{kin.direct});
  const bool there = put.bind(digest).bind(rejected).bind(store).bind(generation_).step();
  if (!there) fail("keep a session in");
  const auto key = put.number(0);
  put.begin();
  return key;
}

bool Index::is_missed(const std::string& parent) const {
  auto& found =
      query("SELECT 1 FROM session WHERE parent = ? AND rejected = 'broken_lineage' LIMIT 1");
  const bool missed = found.bind(parent).step();
  found.begin();
  return missed;
}

void Index::forget_digests() {
  query("UPDATE session SET digest = '', seen = ?").bind(generation_).step();
}

void Index::forget_rejected(const std::string& reason) {
  query(
      "UPDATE session SET digest = '', seen = ? WHERE key IN "
      "(SELECT session FROM rejection WHERE reason = ?)")
      .bind(generation_)
      .bind(reason)
      .step();
}

void Index::put_rejections(std::int64_t session,
                           const std::map<std::string, std::int64_t>& counts) {
  query("DELETE FROM rejection WHERE session = ?").bind(session).step();
  for (const auto& [reason, turns] : counts)
    query("INSERT INTO rejection VALUES(?, ?, ?)").bind(session).bind(reason).bind(turns).step();
}

void Index::add(const IndexedPair& pair) {
  query(
      "INSERT INTO pair(digest, born, id, session, file, until, consent, rule) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?)")
      .bind_bytes(pair.digest)
      .bind(generation_)
      .bind_bytes(pair.id)
      .bind(pair.session)
      .bind(pair.file)
      .bind(micros(pair.until))
      .bind(static_cast<std::int64_t>(pair.consent))
      .bind(pair.rule)
      .step();
}

namespace {

// That are there for a generation: it or one before it brought them, and none up to it took them.
constexpr const char* kOfPair =
    "SELECT digest, id, session, file, until, consent, rule FROM pair "
    "WHERE digest = ? AND born <= ? AND NOT gone BETWEEN 1 AND ?";
constexpr const char* kOfSession =
    "SELECT digest, id, session, file, until, consent, rule FROM pair "
    "WHERE session = ? AND born <= ? AND NOT gone BETWEEN 1 AND ?";

template <class Row>
IndexedPair pair_from(const Row& row) {
  return {row.text(0),   row.text(1),    row.number(2),
          row.number(3), row.instant(4), static_cast<Consent>(row.number(5)),
          row.text(6)};
}

}  // namespace

std::optional<IndexedPair> Index::find(std::string_view digest) const {
  auto& found = query(kOfPair);
  if (!found.bind_bytes(digest).bind(generation_).bind(generation_).step()) return std::nullopt;
  auto pair = pair_from(found);
  found.begin();
  return pair;
}

std::vector<IndexedPair> Index::pairs_of(std::int64_t session) const {
  auto& row = query(kOfSession);
  row.bind(session).bind(generation_).bind(generation_);
  std::vector<IndexedPair> pairs;
  while (row.step()) pairs.push_back(pair_from(row));
  return pairs;
}

std::vector<KnownSession> Index::emitted_after(std::int64_t key, int limit) const {
  auto& row = query(
      "SELECT key, id, parent, source, user, started, digest, seen, direct FROM session WHERE key "
      "IN "
      "(SELECT DISTINCT session FROM pair WHERE session > ? AND gone = 0 ORDER BY session LIMIT ?) "
      "ORDER BY key");
  row.bind(key).bind(static_cast<std::int64_t>(limit));
  std::vector<KnownSession> all;
  while (row.step())
    all.push_back(
        {row.number(0),
         {row.text(1), row.text(2), row.text(3), row.text(4), row.instant(5), row.number(8) != 0},
         row.text(6),
         row.number(7)});
  return all;
}

void Index::put_until(std::string_view digest, std::optional<Instant> until) {
  query("UPDATE pair SET until = ? WHERE digest = ? AND gone = 0")
      .bind(micros(until))
      .bind_bytes(digest)
      .step();
}

void Index::remove(std::string_view digest) {
  query("UPDATE pair SET gone = ? WHERE digest = ? AND gone = 0")
      .bind(generation_)
      .bind_bytes(digest)
      .step();
}

void Index::remove_file(std::int64_t file) {
  query("UPDATE pair SET gone = ? WHERE file = ? AND gone = 0").bind(generation_).bind(file).step();
}

Index::Totals Index::totals() const {
  Totals all;
  const auto by_name = [&](const char* sql, std::map<std::string, std::int64_t>& into) {
    auto& row = query(sql);
    while (row.step()) into[cleaned(row.text(0))] += row.number(1);
  };
  all.sessions = number_in("SELECT count(*) FROM session");
  all.pairs = number_in("SELECT count(*) FROM pair WHERE gone = 0");
  by_name("SELECT reason, sum(turns) FROM rejection GROUP BY reason", all.rejected);
  by_name("SELECT rejected, count(*) FROM session WHERE rejected != '' GROUP BY rejected",
          all.rejected_sessions);
  by_name("SELECT store, count(*) FROM session GROUP BY store", all.stores);
  return all;
}

}  // namespace provenance
