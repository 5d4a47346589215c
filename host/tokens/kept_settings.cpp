// SPDX-License-Identifier: Apache-2.0
#include "tokens/kept_settings.hpp"

#include <string>
#include <string_view>

namespace host {
namespace {

constexpr std::string_view kBudget = "token_budget";
constexpr std::string_view kGeneration = "token_budget_generation";
constexpr std::string_view kDay = "token_day";

std::optional<std::string> read(Unit& unit, std::string_view key) {
  auto& row = unit.query("SELECT value FROM settings WHERE key=?", key);
  if (!row.step()) return std::nullopt;
  auto value = row.string(0);
  row.reset();
  return value;
}

void keep(Unit& unit, std::string_view key, const std::string& value) {
  unit.run(
      "INSERT INTO settings(key, value) VALUES(?, ?) "
      "ON CONFLICT DO UPDATE SET value=excluded.value",
      key, value);
}

}  // namespace

std::optional<Budget> read_kept_budget(Unit& unit) {
  const auto text = read(unit, kBudget);
  if (!text) return std::nullopt;
  return parse_budget(*text, "the kept budget");
}

void keep_budget(Unit& unit, const Budget& budget) { keep(unit, kBudget, to_text(budget)); }

void forget_budget(Unit& unit) { unit.run("DELETE FROM settings WHERE key=?", kBudget); }

std::int64_t read_budget_generation(Unit& unit) {
  auto& row = unit.query("SELECT CAST(value AS INTEGER) FROM settings WHERE key=?", kGeneration);
  const auto generation = row.step() ? row.integer(0) : 0;
  row.reset();
  return generation;
}

std::int64_t begin_budget_generation(Unit& unit) {
  const auto generation = read_budget_generation(unit) + 1;
  keep(unit, kGeneration, std::to_string(generation));
  return generation;
}

std::optional<DayAnchor> read_kept_anchor(Unit& unit) {
  const auto text = read(unit, kDay);
  return text ? parse_day_anchor(*text) : std::nullopt;
}

void keep_anchor(Unit& unit, const DayAnchor& anchor) { keep(unit, kDay, to_text(anchor)); }

}  // namespace host
