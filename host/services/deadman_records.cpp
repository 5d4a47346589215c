// SPDX-License-Identifier: Apache-2.0
#include "services/deadman_records.hpp"

#include <fmt/format.h>

#include "services/audit.hpp"
#include "store/unit.hpp"

namespace host {
namespace {

constexpr const char* kWho = "deadman";

// How far a file's records are in the audit.
struct Taken {
  std::string id;  // of the state that they are of
  std::int64_t through = 0;
};

std::string key_of(std::string_view file) { return "deadman.taken." + std::string(file); }

Taken read_taken(Unit& unit, std::string_view file) {
  auto& row = unit.query("SELECT value FROM settings WHERE key=?", key_of(file));
  if (!row.step()) return {};
  const auto json = parse_json(row.string(0), "how far the deadman's records were taken over");
  return {json.at("id").get<std::string>(), json.at("through").get<std::int64_t>()};
}

void write_taken(Unit& unit, std::string_view file, const Taken& taken) {
  unit.run(
      "INSERT INTO settings(key, value) VALUES(?1, ?2) "
      "ON CONFLICT(key) DO UPDATE SET value=excluded.value",
      key_of(file), to_text(Json{{"id", taken.id}, {"through", taken.through}}));
}

AuditEntry entry_of(const deadman::Record& record) {
  return {.at = record.at,
          .who = kWho,
          .what = "deadman." + std::string(deadman::name(record.event)),
          .target = record.target,
          .result = record.text + " " + to_text(record.evidence)};
}

}  // namespace

int take_over_records(Unit& unit, std::string_view file, const deadman::State& state) {
  if (state.id.empty()) return 0;
  Taken taken = read_taken(unit, file);
  if (taken.id != state.id) taken = {state.id, 0};
  if (state.last_record <= taken.through) return 0;
  int written = 0;
  const auto first = state.records.empty() ? state.last_record + 1 : state.records.front().number;
  if (first > taken.through + 1) {
    write_audit(unit, {.at = state.records.empty() ? WallTime() : state.records.front().at,
                       .who = kWho,
                       .what = "deadman.records_missed",
                       .target = std::string(file),
                       .result = fmt::format("records {} to {} were dropped before they were taken "
                                             "over",
                                             taken.through + 1, first - 1)});
    ++written;
  }
  for (const auto& record : state.records) {
    if (record.number <= taken.through) continue;
    write_audit(unit, entry_of(record));
    ++written;
  }
  write_taken(unit, file, {state.id, state.last_record});
  return written;
}

}  // namespace host
