// SPDX-License-Identifier: Apache-2.0
#include "queue/controls.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

namespace host {
namespace {

// Newest last, as 8 bytes each in this machine's order: a database stays on one machine.
std::vector<WallTime> read_starts(Unit& unit, std::string_view task) {
  auto& row = unit.query("SELECT starts FROM rate_limits WHERE task=?", task);
  std::vector<WallTime> starts;
  if (row.step()) {
    const auto bytes = row.text(0);
    for (std::size_t at = 0; at + sizeof(std::int64_t) <= bytes.size();
         at += sizeof(std::int64_t)) {
      std::int64_t micros = 0;
      std::memcpy(&micros, bytes.data() + at, sizeof(micros));
      starts.push_back(WallTime(Duration(micros)));
    }
  }
  row.reset();
  return starts;
}

void write_starts(Unit& unit, std::string_view task, const std::vector<WallTime>& starts) {
  std::string bytes;
  for (const auto start : starts) {
    const std::int64_t micros = start.time_since_epoch().count();
    bytes.append(reinterpret_cast<const char*>(&micros), sizeof(micros));
  }
  unit.run(
      "INSERT INTO rate_limits(task, starts) VALUES(?, ?) "
      "ON CONFLICT DO UPDATE SET starts=excluded.starts",
      task, Bytes{bytes});
}

}  // namespace

std::string_view name(Pausable kind) noexcept { return kind == Pausable::task ? "task" : "queue"; }

bool set_paused(Unit& unit, Pausable kind, std::string_view what, bool paused, WallTime now) {
  if (paused) {
    unit.run("INSERT INTO pauses(kind, name, since) VALUES(?, ?, ?) ON CONFLICT DO NOTHING",
             name(kind), what, now);
  } else {
    unit.run("DELETE FROM pauses WHERE kind=? AND name=?", name(kind), what);
  }
  return unit.changes() > 0;
}

Pauses read_pauses(Unit& unit) {
  Pauses pauses;
  auto& row = unit.query("SELECT kind, name FROM pauses");
  while (row.step())
    (row.text(0) == name(Pausable::task) ? pauses.tasks : pauses.queues).insert(row.string(1));
  return pauses;
}

Allowance allowance(Unit& unit, std::string_view task, const RateLimit& limit, int wanted,
                    WallTime now) {
  auto starts = read_starts(unit, task);
  if (!starts.empty() && std::ranges::max(starts) > now) {
    for (auto& start : starts) start = std::min(start, now);
    write_starts(unit, task, starts);  // else they count as of now at each look, and never end
  }
  std::erase_if(starts, [&](WallTime start) { return start <= now - limit.per; });
  const int free = std::max(limit.runs - static_cast<int>(starts.size()), 0);
  if (wanted <= free) return {wanted, std::nullopt};
  if (starts.empty()) return {free, now + limit.per};
  // The start that must be past before one more fits; not the first when the limit was lowered.
  const auto oldest = std::max(static_cast<int>(starts.size()) - limit.runs, 0);
  return {free, starts.at(static_cast<std::size_t>(oldest)) + limit.per};
}

void note_starts(Unit& unit, std::string_view task, const RateLimit& limit, int runs,
                 WallTime now) {
  auto starts = read_starts(unit, task);
  starts.insert(starts.end(), static_cast<std::size_t>(runs), now);
  const auto keep = static_cast<std::size_t>(limit.runs);
  if (starts.size() > keep) starts.erase(starts.begin(), starts.end() - limit.runs);
  write_starts(unit, task, starts);
}

}  // namespace host
