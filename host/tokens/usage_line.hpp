// SPDX-License-Identifier: Apache-2.0
//
// A row of the ledger as a line of token_usage.jsonl, which docs/tokens.md describes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tokens/day.hpp"
#include "tokens/ledger_reads.hpp"

namespace host {

// The other way than day_text(). Throws Error{invalid}.
[[nodiscard]] std::int64_t parse_day(std::string_view text);

// Whether the row was taken in from such a file, where it stands already.
[[nodiscard]] bool is_imported(const LedgerEntry& row);

// One JSON object without its line feed; what is empty is left out. It begins with the ledger and
// the id, so that the first bytes of a line that was torn still tell whose it is. `ledger` is
// ledger_name()'s.
[[nodiscard]] std::string usage_line(const LedgerEntry& row, std::string_view ledger);

// The id of a whole line of this ledger's; nullopt: it is another's, or no line of this form.
[[nodiscard]] std::optional<std::int64_t> own_line_id(std::string_view line,
                                                      std::string_view ledger);

// The beginning of each line of this ledger's: {"ledger":"0123456789abcdef","id":
[[nodiscard]] std::string own_line_start(std::string_view ledger);

}  // namespace host
