// SPDX-License-Identifier: Apache-2.0
#include "store/migrations.hpp"

#include <fmt/format.h>

#include <array>

namespace host {
namespace {

// Few and partial indexes: each is paid for at every transition. `jobs_available` is the claim's
// order, `jobs_due` the timer's, `jobs_running` recovery's; those of ended jobs serve lists and
// retention, one for each state since one over (state, id) costs a third of all throughput.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE settings(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE instances(
  id INTEGER PRIMARY KEY, host TEXT NOT NULL, boot_id TEXT NOT NULL, pid INTEGER NOT NULL,
  started INTEGER NOT NULL) STRICT;

CREATE TABLE jobs(
  id INTEGER PRIMARY KEY,
  task TEXT NOT NULL,
  state TEXT NOT NULL,
  priority INTEGER NOT NULL,
  rank INTEGER NOT NULL,
  due INTEGER,
  attempt INTEGER NOT NULL DEFAULT 0,
  max_attempts INTEGER NOT NULL,
  crashes INTEGER NOT NULL DEFAULT 0,
  interrupted INTEGER NOT NULL DEFAULT 0,
  run_lease INTEGER NOT NULL DEFAULT 0,
  instance INTEGER,
  inserted_at INTEGER NOT NULL,
  attempted_at INTEGER,
  ended_at INTEGER,
  cancel_requested_at INTEGER,
  nominal INTEGER,
  parent INTEGER,
  source TEXT NOT NULL,
  unique_key TEXT,
  held TEXT,
  progress TEXT,
  result BLOB,
  payload BLOB NOT NULL) STRICT;
CREATE INDEX jobs_available ON jobs(task, rank) WHERE state='available';
CREATE INDEX jobs_due ON jobs(due) WHERE state IN ('scheduled','retryable');
CREATE INDEX jobs_running ON jobs(instance) WHERE state='running';
CREATE INDEX jobs_completed ON jobs(id) WHERE state='completed';
CREATE INDEX jobs_cancelled ON jobs(id) WHERE state='cancelled';
CREATE INDEX jobs_discarded ON jobs(id) WHERE state='discarded';
CREATE UNIQUE INDEX jobs_unique ON jobs(task, unique_key)
  WHERE unique_key IS NOT NULL AND state IN ('scheduled','available','retryable');

CREATE TABLE attempts(
  job INTEGER NOT NULL,
  lease INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  verdict TEXT NOT NULL,
  began INTEGER NOT NULL,
  ended INTEGER NOT NULL,
  next_run INTEGER,
  permanent INTEGER NOT NULL DEFAULT 0,
  signal INTEGER NOT NULL DEFAULT 0,
  exit_status INTEGER NOT NULL DEFAULT 0,
  cpu INTEGER NOT NULL DEFAULT 0,
  max_rss INTEGER NOT NULL DEFAULT 0,
  code TEXT,
  message TEXT,
  output BLOB,
  PRIMARY KEY(job, lease)) STRICT, WITHOUT ROWID;

CREATE TABLE schedules(
  name TEXT PRIMARY KEY,
  spec TEXT NOT NULL,
  zone TEXT NOT NULL,
  cursor INTEGER,
  paused INTEGER NOT NULL DEFAULT 0,
  updated INTEGER NOT NULL) STRICT, WITHOUT ROWID;

CREATE TABLE ticks(
  schedule TEXT NOT NULL,
  nominal INTEGER NOT NULL,
  outcome TEXT NOT NULL,
  reason TEXT,
  job INTEGER,
  recorded INTEGER NOT NULL,
  PRIMARY KEY(schedule, nominal)) STRICT, WITHOUT ROWID;
CREATE INDEX ticks_recorded ON ticks(recorded);

CREATE TABLE state(
  plugin TEXT NOT NULL,
  key TEXT NOT NULL,
  value BLOB NOT NULL,
  updated INTEGER NOT NULL,
  PRIMARY KEY(plugin, key)) STRICT, WITHOUT ROWID;

CREATE TABLE intents(
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  lease INTEGER NOT NULL,
  method TEXT NOT NULL,
  target TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  state TEXT NOT NULL,
  result TEXT,
  created INTEGER NOT NULL,
  resolved INTEGER) STRICT;
CREATE INDEX intents_open ON intents(id) WHERE state='open';

CREATE TABLE audit(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  who TEXT NOT NULL,
  what TEXT NOT NULL,
  target TEXT NOT NULL,
  result TEXT NOT NULL) STRICT;

CREATE TABLE events(
  id INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL) STRICT;

CREATE TABLE quarantine(
  plugin TEXT PRIMARY KEY,
  sha256 TEXT NOT NULL,
  reason TEXT NOT NULL,
  since INTEGER NOT NULL) STRICT, WITHOUT ROWID;

INSERT INTO settings(key, value) VALUES('store_id', lower(hex(randomblob(8))));
)sql";

// `waits_turn` stands before `rank` in both indexes, so that a claim steps over no job that has to
// wait for others with its key, however many there are.
constexpr const char* kVersion2 = R"sql(
ALTER TABLE jobs ADD COLUMN concurrency_key TEXT;
ALTER TABLE jobs ADD COLUMN key_limit INTEGER NOT NULL DEFAULT 1;
ALTER TABLE jobs ADD COLUMN waits_turn INTEGER NOT NULL DEFAULT 0;
DROP INDEX jobs_available;
CREATE INDEX jobs_available ON jobs(task, waits_turn, rank) WHERE state='available';
CREATE INDEX jobs_keyed ON jobs(task, concurrency_key, waits_turn, rank)
  WHERE concurrency_key IS NOT NULL AND state IN ('available','running');

CREATE TABLE pauses(
  kind TEXT NOT NULL,
  name TEXT NOT NULL,
  since INTEGER NOT NULL,
  PRIMARY KEY(kind, name)) STRICT, WITHOUT ROWID;

CREATE TABLE rate_limits(
  task TEXT PRIMARY KEY,
  starts BLOB NOT NULL) STRICT, WITHOUT ROWID;
)sql";

// A run that completes leaves its attempt in the job's own row: one statement and one index entry
// less for nearly every job. A view, so that nobody else has to know.
constexpr const char* kVersion3 = R"sql(
ALTER TABLE jobs ADD COLUMN cpu INTEGER;
ALTER TABLE jobs ADD COLUMN max_rss INTEGER;
ALTER TABLE jobs ADD COLUMN output BLOB;
CREATE VIEW history AS
  SELECT job, lease, attempt, verdict, began, ended, next_run, permanent, signal, exit_status, cpu,
         max_rss, code, message, output
  FROM attempts
  UNION ALL
  SELECT id, run_lease, attempt, 'completed', attempted_at, ended_at, NULL, 0, 0, 0, cpu,
         max_rss, NULL, NULL, output
  FROM jobs WHERE cpu IS NOT NULL;
)sql";

// One index for each state that waits for a time, as every other state has: to count or list one of
// them must not step over a million of the other. Each job still pays for one.
constexpr const char* kVersion4 = R"sql(
DROP INDEX jobs_due;
CREATE INDEX jobs_scheduled ON jobs(due) WHERE state='scheduled';
CREATE INDEX jobs_retryable ON jobs(due) WHERE state='retryable';
)sql";

constexpr const char* kVersion5 = R"sql(
CREATE TABLE deliveries(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  received INTEGER NOT NULL,
  uuid TEXT NOT NULL,
  body_hash TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  action TEXT NOT NULL,
  repo TEXT NOT NULL,
  number INTEGER NOT NULL,
  ref TEXT NOT NULL,
  sender TEXT NOT NULL,
  jobs TEXT NOT NULL,
  repeats INTEGER NOT NULL DEFAULT 0) STRICT;
)sql";

// `day` is a number of days since 1970-01-01 in the budget's zone; 0 in the accounts of issues and
// runs, which never begin anew. `cost` is NULL where no price was known.
constexpr const char* kVersion6 = R"sql(
CREATE TABLE ledger(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  day INTEGER NOT NULL,
  host TEXT NOT NULL,
  plugin TEXT NOT NULL,
  task TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  playbook TEXT NOT NULL,
  job INTEGER,
  attempt INTEGER NOT NULL,
  run TEXT NOT NULL,
  repo TEXT NOT NULL,
  issue INTEGER NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  cache_read INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  cost INTEGER,
  source TEXT NOT NULL,
  bypassable INTEGER NOT NULL) STRICT;
CREATE INDEX ledger_run ON ledger(run) WHERE run <> '';
CREATE INDEX ledger_issue ON ledger(repo, issue) WHERE issue > 0;

CREATE TABLE accounts(
  day INTEGER NOT NULL,
  dimension TEXT NOT NULL,
  name TEXT NOT NULL,
  settled INTEGER NOT NULL DEFAULT 0,
  held INTEGER NOT NULL DEFAULT 0,
  reserved INTEGER NOT NULL DEFAULT 0,
  overrun INTEGER NOT NULL DEFAULT 0,
  runs INTEGER NOT NULL DEFAULT 0,
  calls INTEGER NOT NULL DEFAULT 0,
  input INTEGER NOT NULL DEFAULT 0,
  output INTEGER NOT NULL DEFAULT 0,
  cache_read INTEGER NOT NULL DEFAULT 0,
  cache_write INTEGER NOT NULL DEFAULT 0,
  reasoning INTEGER NOT NULL DEFAULT 0,
  cost_settled INTEGER NOT NULL DEFAULT 0,
  cost_held INTEGER NOT NULL DEFAULT 0,
  updated INTEGER NOT NULL,
  PRIMARY KEY(day, dimension, name)) STRICT, WITHOUT ROWID;

CREATE TABLE reservations(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  day INTEGER NOT NULL,
  plugin TEXT NOT NULL,
  task TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  playbook TEXT NOT NULL,
  job INTEGER,
  attempt INTEGER NOT NULL,
  run TEXT NOT NULL,
  repo TEXT NOT NULL,
  issue INTEGER NOT NULL,
  provider TEXT,
  model TEXT,
  free INTEGER NOT NULL,
  released INTEGER NOT NULL DEFAULT 0) STRICT;

CREATE TABLE holds(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  reservation INTEGER NOT NULL,
  at INTEGER NOT NULL,
  day INTEGER NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  input INTEGER NOT NULL,
  output INTEGER NOT NULL,
  from_free INTEGER NOT NULL,
  cost INTEGER NOT NULL) STRICT;
CREATE INDEX holds_reservation ON holds(reservation);

CREATE TABLE token_pauses(
  pipeline TEXT PRIMARY KEY,
  cause TEXT NOT NULL,
  since INTEGER NOT NULL,
  until INTEGER NOT NULL,
  dimension TEXT NOT NULL,
  name TEXT NOT NULL) STRICT, WITHOUT ROWID;
)sql";

// The forge takes owner/name and Owner/Name for one.
constexpr const char* kVersion7 = R"sql(
ALTER TABLE intents ADD COLUMN who TEXT;
DROP INDEX ledger_issue;
CREATE INDEX ledger_issue ON ledger(repo COLLATE NOCASE, issue) WHERE repo <> '';
)sql";

constexpr const char* kVersion8 = R"sql(
ALTER TABLE reservations ADD COLUMN bypassable INTEGER NOT NULL DEFAULT 0;
)sql";

// Some builds of version 8 made a table of this name with other columns.
constexpr const char* kVersion9 = R"sql(
DROP TABLE IF EXISTS budget_waits;
CREATE TABLE budget_waits(
  id INTEGER PRIMARY KEY,
  job INTEGER NOT NULL,
  lease INTEGER NOT NULL,
  until INTEGER NOT NULL,
  generation INTEGER NOT NULL) STRICT;
CREATE INDEX budget_waits_until ON budget_waits(until);
)sql";

// A claim is there exactly while its item lives.
constexpr const char* kVersion10 = R"sql(
CREATE TABLE items(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  revision INTEGER NOT NULL,
  repository TEXT NOT NULL COLLATE NOCASE,
  number INTEGER NOT NULL,
  is_pull INTEGER NOT NULL,
  title TEXT NOT NULL,
  playbook TEXT NOT NULL,
  source TEXT NOT NULL,
  matched INTEGER NOT NULL,
  lane TEXT NOT NULL,
  own_login TEXT NOT NULL,
  assignees TEXT NOT NULL,
  gate TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL,
  instance INTEGER NOT NULL,
  due INTEGER NOT NULL,
  run TEXT NOT NULL,
  runs INTEGER NOT NULL,
  attempts INTEGER NOT NULL,
  interruptions INTEGER NOT NULL,
  tokens INTEGER NOT NULL,
  feedback TEXT NOT NULL,
  run_open INTEGER NOT NULL,
  branch TEXT NOT NULL,
  base_branch TEXT NOT NULL,
  base TEXT NOT NULL,
  head TEXT NOT NULL,
  sealed TEXT NOT NULL,
  pushed TEXT NOT NULL,
  pull INTEGER NOT NULL,
  created INTEGER NOT NULL,
  updated INTEGER NOT NULL,
  ended INTEGER,
  rearmed INTEGER NOT NULL,
  stop TEXT NOT NULL) STRICT;
CREATE INDEX items_live ON items(id) WHERE ended IS NULL;
CREATE INDEX items_issue ON items(repository, number);
CREATE INDEX items_ended ON items(ended) WHERE ended IS NOT NULL;

CREATE TABLE item_gates(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  item INTEGER NOT NULL,
  gate TEXT NOT NULL,
  verdict TEXT NOT NULL,
  reason TEXT NOT NULL,
  evidence TEXT NOT NULL,
  began INTEGER NOT NULL,
  ended INTEGER) STRICT;
CREATE INDEX item_gates_item ON item_gates(item);

CREATE TABLE item_claims(
  repository TEXT NOT NULL COLLATE NOCASE,
  number INTEGER NOT NULL,
  item INTEGER NOT NULL UNIQUE,
  since INTEGER NOT NULL,
  PRIMARY KEY(repository, number)) STRICT, WITHOUT ROWID;
)sql";

constexpr const char* kVersion11 = R"sql(
ALTER TABLE items ADD COLUMN rate_limits INTEGER NOT NULL DEFAULT 0;
)sql";

// By which a repository is known whatever its name. Items from before go by the name.
constexpr const char* kVersion12 = R"sql(
ALTER TABLE items ADD COLUMN repository_id INTEGER NOT NULL DEFAULT 0;
CREATE INDEX items_repository ON items(repository_id);
)sql";

constexpr std::array<const char*, kSchemaVersion> kVersions{
    kVersion1, kVersion2, kVersion3, kVersion4,  kVersion5,  kVersion6,
    kVersion7, kVersion8, kVersion9, kVersion10, kVersion11, kVersion12};

void apply(Connection& connection, std::int64_t from, int to) {
  connection.execute("BEGIN IMMEDIATE");
  try {
    for (auto next = from; next < to; ++next) {
      connection.execute(kVersions[static_cast<std::size_t>(next)]);
    }
    connection.execute(fmt::format("PRAGMA application_id={}", kApplicationId).c_str());
    connection.execute(fmt::format("PRAGMA user_version={}", to).c_str());
    connection.execute("COMMIT");
  } catch (...) {
    if (!connection.autocommit()) connection.execute("ROLLBACK");
    throw;
  }
}

}  // namespace

void check_ownership(Connection& connection) {
  const auto application = connection.integer("PRAGMA application_id");
  const auto version = connection.integer("PRAGMA user_version");
  const auto objects = connection.integer("SELECT count(*) FROM sqlite_schema");
  if (application != kApplicationId && (application != 0 || version != 0 || objects != 0)) {
    throw Error(
        Code::corrupt,
        fmt::format("the database is another program's (application_id {:#x}, expected {:#x})",
                    application, kApplicationId),
        "Point TIMMY_HOME elsewhere, or restore this host's database from a backup.");
  }
  if (version > kSchemaVersion) {
    throw Error(Code::invalid,
                fmt::format("the database has schema version {}, this host knows up to {}", version,
                            kSchemaVersion),
                "Start the newer timmy-host that wrote it, or restore a backup from before it.");
  }
  if (application == kApplicationId && version < 1) {
    throw Error(Code::corrupt, "the database has no schema version", "Restore it from a backup.");
  }
}

void migrate(Connection& connection, int version) {
  check_ownership(connection);
  const auto from = connection.integer("PRAGMA user_version");
  if (from < version) apply(connection, from, version);
}

}  // namespace host
