// SPDX-License-Identifier: Apache-2.0
#include "tokens/usage_import.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/error.hpp"
#include "base/result.hpp"
#include "base/sha256.hpp"
#include "tokens/account_table.hpp"
#include "tokens/ledger_reads.hpp"

namespace host {
namespace {

// A clock that is a little ahead is no reason to drop a line.
constexpr Duration kAhead = std::chrono::hours(1);

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string run_of(const ReportedUsage& usage, std::string_view text, int copy) {
  if (!usage.ledger.empty()) return fmt::format("import:{}:{}", usage.ledger, usage.row);
  return "import:" + sha256_hex(fmt::format("{}\n{}", text, copy)).substr(0, 32);
}

bool is_known(Unit& unit, const std::string& run) {
  return unit.query("SELECT 1 FROM ledger WHERE run = ? AND run <> ''", run).step();
}

void add_row(Unit& unit, const ReportedUsage& usage, std::int64_t day, const std::string& run,
             const std::string& host) {
  LedgerRow row{.at = usage.at,
                .day = day,
                .host = usage.host.empty() ? host : usage.host,
                .spender = usage.spender,
                .model = usage.model,
                .usage = usage.usage,
                .cost = usage.cost,
                .source = UsageSource::reported,
                .bypassable = true};
  row.spender.run = run;
  insert_row(unit, row);
}

// Not to those of issues and runs, which never begin anew: what other programs spent before this
// host counted must not stand in anybody's way.
void add_to_accounts(Unit& unit, const ReportedUsage& usage, std::int64_t day, WallTime now) {
  const Account more{.calls = 1, .used = usage.usage, .cost_settled = usage.cost.value_or(Cost())};
  const auto model = usage.model.model.empty() ? std::nullopt : std::optional(usage.model);
  for (const auto& key : accounts_of(usage.spender, model, day))
    if (renews(key.dimension)) add_to_account(unit, key, more, now);
}

}  // namespace

ImportReport import_usage(Unit& unit, const std::vector<OfferedLine>& lines, const DayOf& day_of,
                          WallTime now, const std::string& host) {
  const auto ledger = ledger_name(unit);
  ImportReport report;
  for (const auto& line : lines) {
    const auto text = trimmed(line.text);
    if (text.empty()) continue;
    const auto read = attempt([&] { return parse_reported_usage(text); });
    if (!read.ok()) {
      report.skipped.push_back({line.number, read.error().message()});
      continue;
    }
    const auto& usage = read.value();
    if (usage.at > now + kAhead) {
      report.skipped.push_back(
          {line.number, "its time, " + format_utc(usage.at) + ", is still to come"});
      continue;
    }
    const auto run = run_of(usage, text, line.copy);
    if (usage.ledger == ledger || is_known(unit, run)) {
      ++report.already;
      continue;
    }
    const auto day = day_of(usage.at);
    add_row(unit, usage, day, run, host);
    add_to_accounts(unit, usage, day, now);
    ++report.imported;
    report.zoneless += usage.zoneless;
    report.usage += usage.usage;
  }
  return report;
}

}  // namespace host
