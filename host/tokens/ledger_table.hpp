// SPDX-License-Identifier: Apache-2.0
//
// The SQL of the ledger: a row for what was used, once and for ever, and in the same unit of work
// the running totals. Store thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "store/unit.hpp"
#include "tokens/hold.hpp"

namespace host {

struct LedgerRow {
  WallTime at;  // of the wall clock, for people
  std::int64_t day = 0;
  std::string host;
  Spender spender;
  ModelName model;
  TokenUsage usage;
  std::optional<Cost> cost;
  UsageSource source = UsageSource::meter;
  bool bypassable = false;  // whoever used it could reach a model without the host, or did
};

// The row's id: ascending, never reused. Touches no account.
std::int64_t insert_row(Unit& unit, const LedgerRow& row);

// A usage in two: what fits into `most` tokens, and what is above, taken from the output first.
// Each part of them, such as cached input, is in one of the two.
struct SplitUsage {
  TokenUsage within;
  TokenUsage above;
};
[[nodiscard]] SplitUsage split_usage(const TokenUsage& usage, Tokens most);

// `usage` without what `metered` has of it already, of which it takes that off.
[[nodiscard]] TokenUsage take_off(const TokenUsage& usage, TokenUsage& metered);

}  // namespace host
