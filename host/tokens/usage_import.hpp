// SPDX-License-Identifier: Apache-2.0
//
// Takes in what other programs wrote into a token_usage.jsonl. They agree on little, so that much
// is understood; what is not is counted and told. What was imported is in the totals of its own
// day, and no cap but that day's sees it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "store/unit.hpp"
#include "tokens/spender.hpp"
#include "tokens/usage.hpp"

namespace host {

// What a line says that was used.
struct ReportedUsage {
  WallTime at;
  bool zoneless = false;  // its time names no zone, and was taken for UTC
  std::string host;
  Spender spender;  // without job and run
  ModelName model;
  TokenUsage usage;
  std::optional<Cost> cost;
  std::string ledger;  // of another timmy-host's line, with the id of its row
  std::int64_t row = 0;
};
// Keys: task or name; timestamp, ts, time, at, created_at or date; input_tokens or prompt_tokens;
// output_tokens or completion_tokens; total_tokens or tokens where these are missing; and those of
// usage_line.hpp. Times: RFC 3339 with or without zone, seconds and fraction, a date alone, or a
// number of seconds, milliseconds or microseconds since 1970. Throws Error{invalid} with what is
// wrong with it.
[[nodiscard]] ReportedUsage parse_reported_usage(std::string_view line);
// The time alone, as there. Second: whether it named its zone.
[[nodiscard]] std::pair<WallTime, bool> parse_any_time(std::string_view text);

struct OfferedLine {
  std::int64_t number = 0;  // in the file, from 1
  std::string text;
  int copy = 1;  // how many lines of the file, up to this one, are the same
};
struct ImportReport {
  std::int64_t imported = 0;
  std::int64_t already = 0;   // imported before, or this host's own
  std::int64_t zoneless = 0;  // of those imported
  TokenUsage usage;           // of those imported
  struct Skipped {
    std::int64_t number = 0;
    std::string why;
  };
  std::vector<Skipped> skipped;
};

// The day that an instant belongs to, since 1970-01-01. Any thread.
using DayOf = std::function<std::int64_t(WallTime)>;

// A line is known again by its text and by which of several same lines it is, in whatever file: the
// row's run is "import:" and a hash of both, so a file can be imported again after it has grown.
// Nothing is imported from the future of `now`. `host` for lines that name none. Store thread.
[[nodiscard]] ImportReport import_usage(Unit& unit, const std::vector<OfferedLine>& lines,
                                        const DayOf& day_of, WallTime now, const std::string& host);

}  // namespace host
