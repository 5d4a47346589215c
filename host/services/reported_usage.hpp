// SPDX-License-Identifier: Apache-2.0
//
// What a task says that it used: the numbers in its result, and those of tokens/1.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "tokens/hold.hpp"
#include "tokens/spender.hpp"

namespace host {

struct RunContext;

// On whose account a run's tokens go. The ledger names it by its job and its lease: "12.3".
[[nodiscard]] Spender spender_of(const RunContext& run);

// Of {"input_tokens", "output_tokens", "cache_read_tokens"?, "cache_write_tokens"?,
// "reasoning_tokens"?, "provider"?, "model"?}; a model "openai/gpt-4o" is both. Throws Error{usage}
// naming what is no whole number from 0 to kMostTokensOfACall, or no name.
[[nodiscard]] Report parse_report(const Json& said);

// Of a run's result, as text: nothing unless it is an object with input_tokens or output_tokens. A
// number that is none counts as zero: the run is over, and nobody is there to be told.
[[nodiscard]] std::optional<Report> reported_usage(std::string_view result);

}  // namespace host
