// SPDX-License-Identifier: Apache-2.0
#include "tokens/ledger_start.hpp"

#include <memory>

#include "base/error.hpp"
#include "tokens/kept_settings.hpp"
#include "tokens/pause_table.hpp"

namespace host {

LedgerStart start_ledger(Unit& unit, const Clock& clock, const std::string& boot,
                         LedgerTerms terms) {
  LedgerStart start;
  try {
    start.budget = read_kept_budget(unit);
    if (start.budget) terms.zone = BudgetZone::load(start.budget->zone);
  } catch (const Error& error) {
    start.budget.reset();
    start.budget_fault = error.message();
  }
  start.budget_generation = terms.generation = read_budget_generation(unit);
  DayClock day(clock, boot, read_kept_anchor(unit));
  day.set_zone(terms.zone);
  terms.budget = std::make_shared<const Budget>(start.budget.value_or(Budget()));
  terms.today = day.today();
  terms.now = day.now();
  keep_anchor(unit, day.anchor());
  start.anchor = day.anchor();
  LedgerNotes notes;
  start.charged = charge_what_is_open(unit, terms, notes);
  start.pauses = read_pauses_of_pipelines(unit);
  return start;
}

}  // namespace host
