// SPDX-License-Identifier: Apache-2.0
#include "dispatch/item_store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "base/utf8.hpp"
#include "dispatch/item_account.hpp"
#include "store/unit.hpp"

namespace host::dispatch {
namespace {

#define ITEM_COLUMNS                                                                              \
  "revision, repository, number, is_pull, title, playbook, source, matched, lane, own_login, "    \
  "assignees, gate, state, reason, instance, due, run, runs, attempts, interruptions, tokens, "   \
  "feedback, run_open, branch, base_branch, base, head, sealed, pushed, pull, created, updated, " \
  "ended, "                                                                                       \
  "rearmed, rate_limits, repository_id, stop, id"
constexpr int kColumns = 37;

constexpr std::size_t kTitleBytes = 500;

std::string assignees_text(const Item& item) { return to_text(Json(item.assignees)); }

// In the order of ITEM_COLUMNS, but for what ask_stop() writes, and the id.
void bind_item(Statement& row, const Item& item) {
  row.bind_all(item.revision, item.repository, item.number, item.is_pull, item.title, item.playbook,
               item.source, item.matched, item.lane, item.own_login, assignees_text(item),
               name(item.at.gate), name(item.at.state), item.reason, item.instance, item.due,
               item.run, item.runs, item.attempts, item.interruptions, item.tokens, item.feedback,
               item.run_open, item.branch, item.base_branch, item.base, item.head, item.sealed,
               item.pushed, item.pull, item.created, item.updated, item.ended, item.rearmed,
               item.rate_limits, item.repository_id);
}

Item read_row(const Statement& row) {
  Item item;
  int at = 0;
  const auto text = [&] { return row.string(at++); };
  const auto number = [&] { return row.integer(at++); };
  item.revision = number();
  item.repository = text();
  item.number = number();
  item.is_pull = number() != 0;
  item.title = text();
  item.playbook = text();
  item.source = text();
  item.matched = number() != 0;
  item.lane = text();
  item.own_login = text();
  for (const Json& login : parse_json(text(), "the assignees of an item"))
    item.assignees.push_back(login.get<std::string>());
  item.at.gate = parse_gate(text());
  item.at.state = parse_item_state(text());
  item.reason = text();
  item.instance = number();
  item.due = row.time(at++);
  item.run = text();
  item.runs = static_cast<int>(number());
  item.attempts = static_cast<int>(number());
  item.interruptions = static_cast<int>(number());
  item.tokens = number();
  item.feedback = text();
  item.run_open = number() != 0;
  item.branch = text();
  item.base_branch = text();
  item.base = text();
  item.head = text();
  item.sealed = text();
  item.pushed = text();
  item.pull = number();
  item.created = row.time(at++);
  item.updated = row.time(at++);
  item.ended = row.optional_time(at++);
  item.rearmed = number() != 0;
  item.rate_limits = static_cast<int>(number());
  item.repository_id = number();
  item.stop = text();
  item.id = ItemId(number());
  return item;
}

std::vector<Item> read_rows(Statement& rows) {
  std::vector<Item> all;
  while (rows.step()) all.push_back(read_row(rows));
  return all;
}

void check_unclaimed(Unit& unit, const Item& item) {
  if (const auto holder = claim_on(unit, item.repository, item.number))
    throw Error(Code::conflict,
                fmt::format("item {} works on {} already", holder->value(), item.subject()),
                fmt::format("See timmy-host playbooks show {}.", holder->value()));
}

void take_claim(Unit& unit, const Item& item, WallTime now) {
  check_unclaimed(unit, item);
  unit.run("INSERT INTO item_claims(repository, number, item, since) VALUES(?, ?, ?, ?)",
           item.repository, item.number, item.id, now);
}

// Writes the row if it is still the one that `item` was made of.
void write_row(Unit& unit, Item& item, WallTime now) {
  const auto before = item.revision++;
  item.updated = now;
  item.tokens = tokens_of_item(unit, item.id);
  cut_text(item.title, kTitleBytes);
  cut_text(item.reason, kReasonBytes);
  cut_text(item.feedback, kFeedbackBytes);
  auto& row = unit.prepare(
      "UPDATE items SET (revision, repository, number, is_pull, title, playbook, source, matched, "
      "lane, own_login, assignees, gate, state, reason, instance, due, run, runs, attempts, "
      "interruptions, tokens, feedback, run_open, branch, base_branch, base, head, sealed, pushed, "
      "pull, created, updated, ended, rearmed, rate_limits, repository_id) = (?, ?, ?, ?, ?, ?, ?, "
      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
      "WHERE "
      "id=? AND revision=?");
  bind_item(row, item);
  row.bind(kColumns, item.id).bind(kColumns + 1, before);
  row.run();
  if (unit.changes() == 1) return;
  throw Error(Code::stale, fmt::format("item {} is no longer as it was", item.id.value()));
}

std::optional<std::int64_t> open_visit(Unit& unit, ItemId item) {
  auto& row = unit.query("SELECT id FROM item_gates WHERE item=? AND ended IS NULL", item);
  const auto id = row.step() ? std::optional(row.integer(0)) : std::nullopt;
  row.reset();
  return id;
}

std::int64_t start_visit(Unit& unit, ItemId item, Gate gate, WallTime now) {
  unit.run(
      "INSERT INTO item_gates(item, gate, verdict, reason, evidence, began) "
      "VALUES(?, ?, ?, '', '{}', ?)",
      item, name(gate), name(GateVerdict::open), now);
  return unit.last_rowid();
}

// What a move does to the visit of the gate that it is made from. One that ends without having
// begun, such as an item that is cancelled while it waits, is a visit all the same: it says why.
void note_visit(Unit& unit, const Item& item, Gate gate, Move move, const MoveNote& note,
                WallTime now) {
  const auto verdict = verdict_of(move);
  auto visit = open_visit(unit, item.id);
  if (!visit && (move == Move::begin || verdict)) visit = start_visit(unit, item.id, gate, now);
  if (!visit) return;
  if (note.evidence)
    unit.run("UPDATE item_gates SET evidence=? WHERE id=?",
             to_text(bounded_evidence(*note.evidence)), *visit);
  if (!note.reason.empty())
    unit.run("UPDATE item_gates SET reason=? WHERE id=?", item.reason, *visit);
  if (verdict)
    unit.run("UPDATE item_gates SET verdict=?, ended=? WHERE id=?", name(*verdict), now, *visit);
}

void open_again(Item& item) {
  item.ended.reset();
  item.rearmed = false;
  item.attempts = item.interruptions = item.rate_limits = 0;
  item.feedback.clear();
  item.lane.clear();
  item.stop.clear();
  // What it reports next is new work. `sealed` stays: the forge may have it, with nobody having
  // lived to say so.
  item.pull = 0;
}

}  // namespace

Item would_insert_item(Unit& unit, Item item) {
  check_unclaimed(unit, item);
  auto& earlier = unit.query(
      "SELECT pushed FROM items WHERE repository=?1 AND number=?2 AND branch=?3 AND pushed<>'' "
      "AND (repository_id=?4 OR repository_id=0 OR ?4=0) ORDER BY id DESC LIMIT 1",
      item.repository, item.number, item.branch, item.repository_id);
  if (earlier.step()) item.pushed = earlier.string(0);
  earlier.reset();
  return item;
}

Item insert_item(Unit& unit, Item item, WallTime now) {
  item = would_insert_item(unit, std::move(item));
  item.revision = 1;
  item.created = item.updated = now;
  cut_text(item.title, kTitleBytes);
  TIMMY_FAILPOINT("items.before_insert");
  auto& row = unit.prepare(
      "INSERT INTO items(revision, repository, number, is_pull, title, playbook, source, matched, "
      "lane, own_login, assignees, gate, state, reason, instance, due, run, runs, attempts, "
      "interruptions, tokens, feedback, run_open, branch, base_branch, base, head, sealed, pushed, "
      "pull, created, updated, ended, rearmed, rate_limits, repository_id, stop) VALUES(?, ?, ?, "
      "?, "
      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
      "?, "
      "?, '')");
  bind_item(row, item);
  row.run();
  item.id = ItemId(unit.last_rowid());
  take_claim(unit, item, now);
  return item;
}

Item move_item(Unit& unit, Item item, Move move, const MoveNote& note, WallTime now) {
  const auto from = item.at;
  const auto to = after(from, move);
  if (!to)
    throw Error(Code::internal, fmt::format("item {} is {} at {}: it can't {}", item.id.value(),
                                            name(from.state), name(from.gate), name(move)));
  item.at = *to;
  item.reason = note.reason;
  if (item.at.state != ItemState::running) item.instance = 0;
  if (move == Move::reopen) {
    open_again(item);
    take_claim(unit, item, now);
    unit.run("UPDATE items SET stop='' WHERE id=?", item.id);
  }
  if (!item.live()) {
    item.ended = now;
    unit.run("DELETE FROM item_claims WHERE item=?", item.id);
  }
  write_row(unit, item, now);
  note_visit(unit, item, from.gate, move, note, now);
  TIMMY_FAILPOINT("items.after_move");
  return item;
}

Item save_item(Unit& unit, Item item, WallTime now) {
  write_row(unit, item, now);
  return item;
}

Item ask_stop(Unit& unit, ItemId id, const std::string& reason) {
  auto item = read_item(unit, id);
  if (!item.live())
    throw Error(Code::conflict,
                fmt::format("item {} has ended: it is {}", id.value(), name(item.at.state)));
  item.stop = reason;
  cut_text(item.stop, kReasonBytes);
  unit.run("UPDATE items SET stop=? WHERE id=?", item.stop, id);
  return item;
}

std::optional<Item> find_item(Unit& unit, ItemId id) {
  auto& row = unit.query("SELECT " ITEM_COLUMNS " FROM items WHERE id=?", id);
  auto item = row.step() ? std::optional(read_row(row)) : std::nullopt;
  row.reset();
  return item;
}

Item read_item(Unit& unit, ItemId id) {
  if (auto item = find_item(unit, id)) return std::move(*item);
  throw Error(Code::not_found, fmt::format("there is no item {}", id.value()),
              "See timmy-host playbooks runs.");
}

std::vector<Item> live_items(Unit& unit) {
  return read_rows(
      unit.query("SELECT " ITEM_COLUMNS " FROM items WHERE ended IS NULL ORDER BY id"));
}

std::optional<ItemId> claim_on(Unit& unit, const std::string& repository, std::int64_t number) {
  auto& row = unit.query("SELECT item FROM item_claims WHERE repository=? AND number=?", repository,
                         number);
  const auto item = row.step() ? std::optional(ItemId(row.integer(0))) : std::nullopt;
  row.reset();
  return item;
}

std::vector<Item> settled_items(Unit& unit, const std::string& repository,
                                std::optional<std::int64_t> number) {
  return read_rows(
      unit.query("SELECT " ITEM_COLUMNS
                 " FROM items WHERE repository=?1 AND (?2 IS NULL OR number=?2) AND ended IS NOT "
                 "NULL AND rearmed=0 ORDER BY id DESC",
                 repository, number));
}

std::vector<Item> reported_items(Unit& unit, WallTime since, int limit) {
  return read_rows(
      unit.query("SELECT " ITEM_COLUMNS
                 " FROM items WHERE state='done' AND pull<>0 AND ended >= ?1 ORDER BY id DESC "
                 "LIMIT ?2",
                 since, limit));
}

std::vector<PublishedWork> published_work(Unit& unit) {
  auto& row = unit.query(
      "SELECT repository, branch, repository_id FROM items WHERE branch<>'' GROUP BY "
      "iif(repository_id=0, repository, '') COLLATE NOCASE, repository_id, branch HAVING "
      "min(state='done')=1");
  std::vector<PublishedWork> all;
  while (row.step()) all.push_back({row.string(0), row.string(1), row.integer(2)});
  return all;
}

void rearm_items(Unit& unit, const std::vector<ItemId>& items) {
  for (const auto id : items)
    unit.run("UPDATE items SET rearmed=1 WHERE id=? AND ended IS NOT NULL", id);
}

std::vector<Item> list_items(Unit& unit, const ItemFilter& filter) {
  std::optional<std::string> state, repository, playbook;
  if (filter.state) state = name(*filter.state);
  if (!filter.repository.empty()) repository = filter.repository;
  if (!filter.playbook.empty()) playbook = filter.playbook;
  return read_rows(unit.query(
      "SELECT " ITEM_COLUMNS
      " FROM items WHERE id < ?1 AND (?2 IS NULL OR state=?2) AND (?3=0 OR ended IS NULL) AND (?4 "
      "IS NULL OR repository=?4) AND (?5 IS NULL OR number=?5) AND (?6 IS NULL OR playbook=?6) "
      "ORDER BY id DESC LIMIT ?7",
      filter.before ? filter.before->value() : std::numeric_limits<std::int64_t>::max(), state,
      filter.live, repository, filter.number, playbook, std::clamp(filter.limit, 1, 500)));
}

std::vector<GateVisit> gate_visits(Unit& unit, ItemId id) {
  auto& rows = unit.query(
      "SELECT id, gate, verdict, reason, evidence, began, ended FROM item_gates WHERE item=? "
      "ORDER BY id",
      id);
  std::vector<GateVisit> all;
  while (rows.step()) {
    all.push_back({.id = rows.integer(0),
                   .gate = parse_gate(rows.text(1)),
                   .verdict = parse_gate_verdict(rows.text(2)),
                   .reason = rows.string(3),
                   .evidence = parse_json(rows.text(4), "the evidence of a gate"),
                   .began = rows.time(5),
                   .ended = rows.optional_time(6)});
  }
  return all;
}

int prune_items(Unit& unit, const ItemRetention& retention, WallTime now, int limit) {
  unit.run(
      "DELETE FROM item_gates WHERE item IN (SELECT id FROM items WHERE ended < ?1 AND EXISTS "
      "(SELECT 1 FROM item_gates WHERE item=items.id) ORDER BY ended LIMIT ?2)",
      now - retention.visits, limit);
  unit.run(
      "DELETE FROM items WHERE id IN (SELECT id FROM items WHERE ended < ?1 AND (rearmed=1 OR "
      "ended < ?2) ORDER BY ended LIMIT ?3)",
      now - retention.rearmed, now - retention.settled, limit);
  auto gone = unit.changes();
  unit.run(
      "DELETE FROM items WHERE id IN (SELECT id FROM items WHERE ended IS NOT NULL ORDER BY ended "
      "DESC LIMIT ?1 OFFSET ?2)",
      limit, retention.most);
  gone += unit.changes();
  unit.run("DELETE FROM item_gates WHERE item NOT IN (SELECT id FROM items)");
  return static_cast<int>(gone);
}

void rename_items(Unit& unit, const std::string& from, const std::string& to) {
  unit.run("UPDATE OR IGNORE item_claims SET repository=?2 WHERE repository=?1", from, to);
  unit.run(
      "UPDATE items SET repository=?2, revision=revision+1 WHERE repository=?1 AND (ended IS NOT "
      "NULL OR EXISTS (SELECT 1 FROM item_claims WHERE item=items.id AND repository=?2))",
      from, to);
}

bool follow_repository(Unit& unit, std::int64_t id, const std::string& name) {
  if (id == 0) return false;
  unit.run(
      "UPDATE OR IGNORE item_claims SET repository=?2 WHERE repository<>?2 AND item IN (SELECT id "
      "FROM items WHERE repository_id=?1)",
      id, name);
  unit.run(
      "UPDATE items SET repository=?2, revision=revision+1 WHERE repository_id=?1 AND "
      "repository<>?2 AND (ended IS NOT NULL OR EXISTS (SELECT 1 FROM item_claims WHERE "
      "item=items.id AND repository=?2))",
      id, name);
  return unit.changes() > 0;
}

}  // namespace host::dispatch
