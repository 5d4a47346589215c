// SPDX-License-Identifier: Apache-2.0
//
// What the admin API tells of tokens and budgets, and the import of what others counted. Loop
// thread. All answer JSON as docs/admin-api.md has it, and throw Error{usage} for a wrong request.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "http/server.hpp"
#include "tokens/ledger.hpp"

namespace host {

class Meter;
class Store;

// Where the answers come from. Nothing is owned.
struct TokenSources {
  Store* store = nullptr;
  Ledger* ledger = nullptr;
  // The wall clock.
  const Clock* clock = nullptr;
  std::string host_name;
  // The pipeline of a task; nullopt: no plugin here has such a task.
  std::function<std::optional<std::string>(const std::string& task)> pipeline_of;
  // How token_usage.jsonl stands: {"through", "trouble"}.
  std::function<Json()> export_state;
  // Rows were added.
  std::function<void()> rows_added;
  // Throws Error{unavailable} with the reason while there is none.
  std::function<Meter&()> meter;
  // As Meter::runs(); none where there is no meter.
  std::function<std::vector<OpenRun>()> open_runs;
};

// GET /v1/tokens/today, /top?by=&days=&limit=, /show?job=|run=|issue=&limit=, /rows?after=&limit=,
// and /v1/budget, /v1/budget/explain?of=. Throws Error{not_found} for any other.
void read_tokens(const TokenSources& sources, const ServerRequest& request, Reply<Json> done);

// For GET /v1/status, without a look at the store: {"budget", "until", "pauses", "export"}.
[[nodiscard]] Json tokens_status(const TokenSources& sources);

// POST /v1/tokens/accept-clock: {"day", "until", "shift_seconds"}, the last by how much the clock
// had been set.
void accept_clock(const TokenSources& sources, Reply<Json> done);

// POST /v1/tokens/import {"lines": [{"line", "text", "copy"?}]}, at most 1,000: all that can be
// read, in one transaction.
void import_tokens(const TokenSources& sources, const Json& request, Reply<Json> done);

}  // namespace host
