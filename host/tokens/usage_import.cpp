// SPDX-License-Identifier: Apache-2.0
#include "tokens/usage_import.hpp"

#include <fmt/format.h>

#include <tuple>
#include <utility>

#include "base/error.hpp"
#include "base/result.hpp"
#include "base/sha256.hpp"
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
  const auto& [spender, used] = std::tie(usage.spender, usage.usage);
  unit.run(
      "INSERT INTO ledger(at, day, host, plugin, task, pipeline, playbook, job, attempt, run, repo,"
      " issue, provider, model, input, output, cache_read, cache_write, reasoning, cost, source,"
      " bypassable) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, NULL, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
      " ?16, ?17, ?18, ?19, ?20, 1)",
      usage.at, day, usage.host.empty() ? host : usage.host, spender.plugin, spender.task,
      spender.pipeline, spender.playbook, spender.attempt, run, spender.repo, spender.issue,
      usage.model.provider, usage.model.model, used.input.count(), used.output.count(),
      used.cache_read.count(), used.cache_write.count(), used.reasoning.count(),
      usage.cost ? std::optional(usage.cost->nano_dollars()) : std::nullopt,
      name(UsageSource::reported));
}

void add_to_account(Unit& unit, std::int64_t day, Dimension dimension, const std::string& account,
                    const ReportedUsage& usage, WallTime now) {
  const auto& used = usage.usage;
  unit.run(
      "INSERT INTO accounts(day, dimension, name, settled, calls, input, output, cache_read,"
      " cache_write, reasoning, cost_settled, updated)"
      " VALUES(?1, ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
      " ON CONFLICT(day, dimension, name) DO UPDATE SET settled = settled + excluded.settled,"
      " calls = calls + 1, input = input + excluded.input, output = output + excluded.output,"
      " cache_read = cache_read + excluded.cache_read,"
      " cache_write = cache_write + excluded.cache_write,"
      " reasoning = reasoning + excluded.reasoning,"
      " cost_settled = cost_settled + excluded.cost_settled, updated = excluded.updated",
      day, name(dimension), account, used.total().count(), used.input.count(), used.output.count(),
      used.cache_read.count(), used.cache_write.count(), used.reasoning.count(),
      usage.cost.value_or(Cost()).nano_dollars(), now);
}

// Not into those of issues and runs, which never begin anew: what other programs spent before this
// host counted must not stand in anybody's way.
void add_to_accounts(Unit& unit, const ReportedUsage& usage, std::int64_t day, WallTime now) {
  add_to_account(unit, day, Dimension::day, "", usage, now);
  if (!usage.spender.pipeline.empty())
    add_to_account(unit, day, Dimension::pipeline, usage.spender.pipeline, usage, now);
  if (!usage.spender.playbook.empty())
    add_to_account(unit, day, Dimension::playbook, usage.spender.playbook, usage, now);
  if (!usage.model.model.empty())
    add_to_account(unit, day, Dimension::model, usage.model.text(), usage, now);
}

}  // namespace

ImportReport import_usage(Unit& unit, const std::vector<ImportLine>& lines, const DayOf& day_of,
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
