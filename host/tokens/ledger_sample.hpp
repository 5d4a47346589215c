// SPDX-License-Identifier: Apache-2.0
//
// Rows for tests of what reads them.
#pragma once

#include <string>

#include "store/store.hpp"
#include "tokens/ledger_reads.hpp"

namespace host {

// A row as the ledger writes it; only what a test cares for need be set.
struct SampleRow {
  std::string task = "answer";
  std::string run = "12.3";
  std::string repo = {};
  std::int64_t issue = 0;
  std::int64_t day = 20'458;  // 2026-01-05
  std::int64_t input = 100;
  std::int64_t output = 20;
};

// Returns its id. Blocks.
inline std::int64_t add_row(Store& store, const SampleRow& row) {
  return store.run_now([&row](Unit& unit) {
    unit.run(
        "INSERT INTO ledger(at, day, host, plugin, task, pipeline, playbook, job, attempt, run,"
        " repo, issue, provider, model, input, output, cache_read, cache_write, reasoning, cost,"
        " source, bypassable) VALUES(?1, ?2, 'allegro', 'demo', ?3, 'nightly', '', 12, 1, ?4, ?5,"
        " ?6, 'openai', 'gpt-4o', ?7, ?8, 40, 0, 5, 1230000, 'meter', 1)",
        std::int64_t{1'767'614'400'000'000}, row.day, row.task, row.run, row.repo, row.issue,
        row.input, row.output);
    return unit.last_rowid();
  });
}

}  // namespace host
