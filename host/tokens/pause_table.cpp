// SPDX-License-Identifier: Apache-2.0
#include "tokens/pause_table.hpp"

#include "tokens/kept_settings.hpp"
#include "tokens/refusal.hpp"

namespace host {

void pause_pipeline(Unit& unit, const LedgerTerms& terms, const std::string& pipeline,
                    const AccountKey& key, const std::string& what, LedgerNotes& notes) {
  const auto until = reset_of(key, terms.zone);
  if (pipeline.empty() || !until || *until <= terms.now) return;
  // The cap may be another one by now, or gone, and nothing would end its pause.
  if (read_budget_generation(unit) != terms.generation) return;
  PipelinePause pause{pipeline, what + " is reached", terms.now, *until, key.dimension, key.name};
  unit.run(
      "INSERT INTO token_pauses(pipeline, cause, since, until, dimension, name) "
      "VALUES(?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET cause=excluded.cause, "
      "since=excluded.since, until=excluded.until, dimension=excluded.dimension, "
      "name=excluded.name WHERE excluded.until > token_pauses.until",
      pause.pipeline, pause.cause, pause.since, pause.until, name(pause.dimension), pause.name);
  if (unit.changes() > 0) notes.pause = std::move(pause);
}

std::map<std::string, PipelinePause> read_pauses_of_pipelines(Unit& unit) {
  std::map<std::string, PipelinePause> pauses;
  auto& row = unit.query("SELECT pipeline, cause, since, until, dimension, name FROM token_pauses");
  while (row.step())
    pauses.emplace(row.string(0),
                   PipelinePause{row.string(0), row.string(1), row.time(2), row.time(3),
                                 parse_dimension(row.text(4)), row.string(5)});
  return pauses;
}

void end_pauses_that_changed(Unit& unit, const Budget& before, const Budget& after,
                             std::int64_t today) {
  for (const auto& [pipeline, pause] : read_pauses_of_pipelines(unit)) {
    const Cap* old = before.find(pause.dimension, pause.name);
    const Cap* cap = after.find(pause.dimension, pause.name);
    if (old != nullptr && cap != nullptr && *old == *cap) continue;
    const auto account = read_account(unit, account_key(today, pause.dimension, pause.name));
    if (cap != nullptr && cap->when == WhenReached::pause && is_used_up(*cap, account)) continue;
    unit.run("DELETE FROM token_pauses WHERE pipeline=?", pipeline);
  }
}

}  // namespace host
