// SPDX-License-Identifier: Apache-2.0
#include "tokens/ledger_table.hpp"

#include <algorithm>

namespace host {
namespace {

constexpr Tokens positive(Tokens tokens) { return std::max(tokens, Tokens()); }

// Takes as much of `from` as there is in `off`.
Tokens taken_off(Tokens from, Tokens& off) {
  const auto common = std::min(from, off);
  off -= common;
  return from - common;
}

}  // namespace

std::int64_t insert_row(Unit& unit, const LedgerRow& row) {
  const auto& spender = row.spender;
  unit.run(
      "INSERT INTO ledger(at, day, host, plugin, task, pipeline, playbook, job, attempt, run, "
      "repo, issue, provider, model, input, output, cache_read, cache_write, reasoning, cost, "
      "source, bypassable) "
      "VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      row.at, row.day, row.host, spender.plugin, spender.task, spender.pipeline, spender.playbook,
      spender.job, spender.attempt, spender.run, spender.repo, spender.issue, row.model.provider,
      row.model.model, row.usage.input.count(), row.usage.output.count(),
      row.usage.cache_read.count(), row.usage.cache_write.count(), row.usage.reasoning.count(),
      row.cost ? std::optional(row.cost->nano_dollars()) : std::nullopt, name(row.source),
      row.bypassable);
  return unit.last_rowid();
}

SplitUsage split_usage(const TokenUsage& usage, Tokens most) {
  SplitUsage split;
  const auto excess = positive(usage.total() - most);
  auto& above = split.above;
  above.output = std::min(excess, usage.output);
  above.input = excess - above.output;
  // Of what is left in each, the parts stay below as far as they fit.
  above.reasoning = positive(usage.reasoning - (usage.output - above.output));
  const auto input = usage.input - above.input;
  above.cache_read = positive(usage.cache_read - input);
  above.cache_write = positive(usage.cache_write - (input - (usage.cache_read - above.cache_read)));
  split.within = {usage.input - above.input, usage.output - above.output,
                  usage.cache_read - above.cache_read, usage.cache_write - above.cache_write,
                  usage.reasoning - above.reasoning};
  return split;
}

TokenUsage take_off(const TokenUsage& usage, TokenUsage& metered) {
  TokenUsage rest;
  rest.input = taken_off(usage.input, metered.input);
  rest.output = taken_off(usage.output, metered.output);
  rest.cache_read = std::min(taken_off(usage.cache_read, metered.cache_read), rest.input);
  rest.cache_write =
      std::min(taken_off(usage.cache_write, metered.cache_write), rest.input - rest.cache_read);
  rest.reasoning = std::min(taken_off(usage.reasoning, metered.reasoning), rest.output);
  return rest;
}

}  // namespace host
