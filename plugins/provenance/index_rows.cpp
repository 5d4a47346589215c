// SPDX-License-Identifier: Apache-2.0
//
// What an index knows: its sessions and its pairs.
#include "clean_text.hpp"
#include "index.hpp"
#include "index_query.hpp"

namespace provenance {
namespace {

std::optional<std::int64_t> micros(std::optional<Instant> instant) {
  if (!instant) return std::nullopt;
  return instant->time_since_epoch().count();
}

}  // namespace

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
