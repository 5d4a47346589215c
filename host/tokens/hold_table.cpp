// SPDX-License-Identifier: Apache-2.0
#include "tokens/hold_table.hpp"

namespace host {
namespace {

#define RESERVATION_COLUMNS                                                                   \
  "id, at, day, plugin, task, pipeline, playbook, job, attempt, run, repo, issue, provider, " \
  "model, free, released, bypassable"

OpenReservation read_reservation(const Statement& row) {
  OpenReservation result;
  result.id = ReservationId(row.integer(0));
  result.at = row.time(1);
  result.day = row.integer(2);
  auto& spender = result.spender;
  spender.plugin = row.string(3);
  spender.task = row.string(4);
  spender.pipeline = row.string(5);
  spender.playbook = row.string(6);
  if (!row.is_null(7)) spender.job = JobId(row.integer(7));
  spender.attempt = static_cast<int>(row.integer(8));
  spender.run = row.string(9);
  spender.repo = row.string(10);
  spender.issue = row.integer(11);
  if (!row.is_null(12)) result.model = ModelName{row.string(12), row.string(13)};
  result.free = Tokens(row.integer(14));
  result.released = row.integer(15) != 0;
  spender.bypassable = row.integer(16) != 0;
  return result;
}

}  // namespace

ReservationId insert_reservation(Unit& unit, const OpenReservation& reservation) {
  const auto& [id, at, day, spender, model, free, released] = reservation;
  unit.run(
      "INSERT INTO reservations(at, day, plugin, task, pipeline, playbook, job, attempt, run, "
      "repo, issue, provider, model, free, bypassable) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      at, day, spender.plugin, spender.task, spender.pipeline, spender.playbook, spender.job,
      spender.attempt, spender.run, spender.repo, spender.issue,
      model ? std::optional(model->provider) : std::nullopt,
      model ? std::optional(model->model) : std::nullopt, free.count(), spender.bypassable);
  return ReservationId(unit.last_rowid());
}

std::optional<OpenReservation> find_reservation(Unit& unit, ReservationId id) {
  auto& row = unit.query("SELECT " RESERVATION_COLUMNS " FROM reservations WHERE id=?", id);
  if (!row.step()) return std::nullopt;
  auto found = read_reservation(row);
  row.reset();
  return found;
}

void set_free(Unit& unit, ReservationId id, Tokens free) {
  unit.run("UPDATE reservations SET free=? WHERE id=?", free.count(), id);
}

void set_repo(Unit& unit, ReservationId id, std::string_view repo) {
  unit.run("UPDATE reservations SET repo=? WHERE id=?", repo, id);
}

void end_reservation(Unit& unit, ReservationId id) {
  unit.run("UPDATE reservations SET free=0, released=1 WHERE id=?", id);
  unit.run(
      "DELETE FROM reservations WHERE id=?1 "
      "AND NOT EXISTS(SELECT 1 FROM holds WHERE reservation=?1)",
      id);
}

HoldId insert_hold(Unit& unit, const OpenHold& hold, std::int64_t day, WallTime now) {
  unit.run(
      "INSERT INTO holds(reservation, at, day, provider, model, input, output, from_free, cost) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
      hold.reservation, now, day, hold.model.provider, hold.model.model, hold.input.count(),
      hold.output.count(), hold.from_free.count(), hold.cost.nano_dollars());
  return HoldId(unit.last_rowid());
}

std::optional<OpenHold> find_hold(Unit& unit, HoldId id) {
  auto& row = unit.query(
      "SELECT reservation, provider, model, input, output, from_free, cost FROM holds WHERE id=?",
      id);
  if (!row.step()) return std::nullopt;
  OpenHold hold{id,
                ReservationId(row.integer(0)),
                {row.string(1), row.string(2)},
                Tokens(row.integer(3)),
                Tokens(row.integer(4)),
                Tokens(row.integer(5)),
                Cost(row.integer(6))};
  row.reset();
  return hold;
}

void erase_hold(Unit& unit, HoldId id) { unit.run("DELETE FROM holds WHERE id=?", id); }

std::vector<HoldId> open_holds(Unit& unit) {
  std::vector<HoldId> ids;
  auto& row = unit.query("SELECT id FROM holds ORDER BY id");
  while (row.step()) ids.emplace_back(row.integer(0));
  return ids;
}

std::vector<OpenReservation> open_reservations(Unit& unit) {
  std::vector<OpenReservation> result;
  auto& row = unit.query("SELECT " RESERVATION_COLUMNS " FROM reservations ORDER BY id");
  while (row.step()) result.push_back(read_reservation(row));
  return result;
}

std::optional<std::int64_t> reserved_day(Unit& unit, const std::string& run) {
  if (run.empty()) return std::nullopt;
  // As few rows as runs are going on.
  auto& row = unit.query("SELECT day FROM reservations WHERE run=? ORDER BY id DESC LIMIT 1", run);
  if (!row.step()) return std::nullopt;
  const auto day = row.integer(0);
  row.reset();
  return day;
}

}  // namespace host
