// SPDX-License-Identifier: Apache-2.0
#include "tokens/usage_line.hpp"

#include <fmt/format.h>

#include <charconv>
#include <chrono>

#include "base/error.hpp"
#include "base/json.hpp"

namespace host {
namespace {

using Line = nlohmann::ordered_json;

void add_text(Line& line, const char* key, const std::string& text) {
  if (!text.empty()) line[key] = text;
}
void add_count(Line& line, const char* key, std::int64_t count) {
  if (count != 0) line[key] = count;
}

}  // namespace

std::int64_t parse_day(std::string_view text) {
  if (text.size() != 10)
    throw Error(Code::invalid, "\"" + std::string(text) + "\" is no day, expected 2026-11-29");
  return std::chrono::floor<std::chrono::days>(parse_utc(text)).time_since_epoch().count();
}

bool is_imported(const LedgerEntry& row) { return row.spender.run.starts_with("import:"); }

std::string own_line_start(std::string_view ledger) {
  return fmt::format(R"({{"ledger":"{}","id":)", ledger);
}

std::string usage_line(const LedgerEntry& row, std::string_view ledger) {
  Line line{{"ledger", ledger}, {"id", row.id}, {"timestamp", format_utc(row.at)}};
  line["day"] = day_text(row.day);
  add_text(line, "host", row.host);
  add_text(line, "plugin", row.spender.plugin);
  add_text(line, "task", row.spender.task);
  add_text(line, "pipeline", row.spender.pipeline);
  add_text(line, "playbook", row.spender.playbook);
  if (row.spender.job) line["job"] = row.spender.job->value();
  add_count(line, "attempt", row.spender.attempt);
  add_text(line, "run", row.spender.run);
  add_text(line, "repo", row.spender.repo);
  add_count(line, "issue", row.spender.issue);
  add_text(line, "provider", row.model.provider);
  add_text(line, "model", row.model.model);
  line["input_tokens"] = row.usage.input.count();
  line["output_tokens"] = row.usage.output.count();
  add_count(line, "cache_read_tokens", row.usage.cache_read.count());
  add_count(line, "cache_write_tokens", row.usage.cache_write.count());
  add_count(line, "reasoning_tokens", row.usage.reasoning.count());
  line["total_tokens"] = row.usage.total().count();
  if (row.cost) line["cost_usd"] = static_cast<double>(row.cost->nano_dollars()) / 1e9;
  line["source"] = name(row.source);
  if (row.bypassable) line["bypassable"] = true;
  return line.dump(-1, ' ', false, Line::error_handler_t::replace);
}

std::optional<std::int64_t> own_line_id(std::string_view line, std::string_view ledger) {
  const auto start = own_line_start(ledger);
  if (!line.starts_with(start) || !line.ends_with('}')) return std::nullopt;
  std::int64_t id = 0;
  const auto [end, failed] =
      std::from_chars(line.data() + start.size(), line.data() + line.size(), id);
  if (failed != std::errc{} || end == line.data() + line.size() || *end != ',') return std::nullopt;
  // One that was torn and that another program wrote on behind is no line.
  return Json::accept(line) ? std::optional(id) : std::nullopt;
}

}  // namespace host
