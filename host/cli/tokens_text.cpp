// SPDX-License-Identifier: Apache-2.0
#include "cli/tokens_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ostream>

#include "cli/table.hpp"

namespace host::cli {
namespace {

constexpr std::size_t kSkippedShown = 20;

constexpr std::array kColumns{"id",
                              "timestamp",
                              "day",
                              "host",
                              "plugin",
                              "task",
                              "pipeline",
                              "playbook",
                              "job",
                              "attempt",
                              "run",
                              "repo",
                              "issue",
                              "provider",
                              "model",
                              "input_tokens",
                              "output_tokens",
                              "cache_read_tokens",
                              "cache_write_tokens",
                              "reasoning_tokens",
                              "total_tokens",
                              "cost_usd",
                              "source",
                              "bypassable",
                              "ledger"};

std::int64_t count(const Json& of, const char* key) { return of.value(key, std::int64_t{0}); }

std::string tokens_text(const Json& of, const char* key) { return grouped(count(of, key)); }

// "1 call", "1,200 calls"
std::string several(std::int64_t number, const char* what) {
  return grouped(number) + " " + what + (number == 1 ? "" : "s");
}

void print_totals(std::ostream& out, const std::string& what, const Json& totals) {
  if (totals.empty()) return;
  Table table({what, "TOKENS", "INPUT", "CACHED", "OUTPUT", "CALLS", "RUNS", "COST"});
  for (const auto& total : totals) {
    const auto name = total.value("name", "");
    table.add({name.empty() ? "all" : name, tokens_text(total, "total_tokens"),
               tokens_text(total, "input_tokens"), tokens_text(total, "cache_read_tokens"),
               tokens_text(total, "output_tokens"), tokens_text(total, "calls"),
               tokens_text(total, "runs"), dollars_text(total.value("cost_usd", Json()))});
  }
  table.print(out);
}

std::string total_text(const Json& total) {
  std::string text = several(count(total, "total_tokens"), "token") + " in " +
                     several(count(total, "calls"), "call");
  if (const auto runs = count(total, "runs"); runs > 0) text += " of " + several(runs, "run");
  if (total.value("cost_usd", 0.0) > 0) text += ", " + dollars_text(total["cost_usd"]);
  if (const auto open = count(total, "held_tokens") + count(total, "reserved_tokens"); open > 0)
    text += "; " + grouped(open) + " more held or reserved";
  if (const auto over = count(total, "overrun_tokens"); over > 0)
    text += "; " + grouped(over) + " of them above what was held";
  return text;
}

void print_pauses(std::ostream& out, const Json& pauses) {
  for (const auto& pause : pauses)
    out << "! pipeline " << printable(pause.value("pipeline", "")) << " is paused until "
        << pause.value("until", "") << ": " << printable(pause.value("cause", "")) << '\n';
}

std::string upper(std::string text) {
  for (auto& letter : text)
    if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  return text;
}

std::string csv_cell(const Json& row, const char* key) {
  const auto found = row.find(key);
  if (found == row.end() || found->is_null()) return {};
  if (!found->is_string()) return to_text(*found);
  auto text = found->get<std::string>();
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2)
    text.insert(at, 1, '"');
  return '"' + text + '"';
}

}  // namespace

std::string grouped(std::int64_t count) {
  auto digits = std::to_string(count);
  for (auto at = std::ssize(digits) - 3; at > (count < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

std::string dollars_text(const Json& amount) {
  if (!amount.is_number() || amount.get<double>() == 0) return "-";
  const auto dollars = amount.get<double>();
  return fmt::format("${:.{}f}", dollars, dollars < 0.01 ? 6 : dollars < 1 ? 4 : 2);
}

void print_today(std::ostream& out, const Json& reply) {
  out << reply.value("day", "") << " (" << printable(reply.value("zone", "UTC")) << "), until "
      << reply.value("until", "") << '\n'
      << total_text(reply.value("total", Json::object())) << '\n';
  print_pauses(out, reply.value("pauses", Json::array()));
  const Json written = reply.value("export", Json());
  if (const auto trouble = written.is_object() ? written.value("trouble", "") : "";
      !trouble.empty())
    out << "! token_usage.jsonl waits: " << printable(trouble) << '\n';
  for (const auto& [key, what] :
       {std::pair{"pipelines", "PIPELINE"}, {"playbooks", "PLAYBOOK"}, {"models", "MODEL"}}) {
    const Json totals = reply.value(key, Json::array());
    if (!totals.empty()) out << '\n';
    print_totals(out, what, totals);
  }
}

void print_top(std::ostream& out, const Json& reply) {
  const Json totals = reply.value("totals", Json::array());
  const auto by = reply.value("by", "");
  if (totals.empty())
    out << "nothing was spent from " << reply.value("from", "") << " to " << reply.value("to", "")
        << '\n';
  print_totals(out, upper(by), totals);
  if (!reply.value("cut", false)) return;
  out << (by == "issue" || by == "run"
              ? "Only those among the newest 20,000 calls are listed.\n"
              : "There is more in these days than was looked at: name fewer of them.\n");
}

void print_rows(std::ostream& out, const Json& reply) {
  out << total_text(reply.value("total", Json::object())) << '\n';
  const Json rows = reply.value("rows", Json::array());
  if (rows.empty()) return;
  Table table({"ID", "AT", "TASK", "RUN", "MODEL", "INPUT", "OUTPUT", "COST", "SOURCE"});
  for (const auto& row : rows) {
    const auto provider = row.value("provider", "");
    table.add({to_text(row.value("id", Json())), row.value("timestamp", "").substr(0, 19),
               row.value("task", ""), row.value("run", ""),
               (provider.empty() ? "" : provider + "/") + row.value("model", ""),
               tokens_text(row, "input_tokens"), tokens_text(row, "output_tokens"),
               dollars_text(row.value("cost_usd", Json())),
               row.value("source", "") + (row.value("bypassable", false) ? " (bypassable)" : "")});
  }
  table.print(out);
  if (reply.value("more", false)) out << "There are older ones: --limit N shows more.\n";
}

void print_import(std::ostream& out, const Json& report) {
  out << "imported " << several(count(report, "imported"), "line") << " with "
      << several(count(report, "total_tokens"), "token") << '\n';
  if (const auto known = count(report, "already"); known > 0)
    out << several(known, "line") << " left, which this ledger has already\n";
  if (const auto zoneless = count(report, "zoneless"); zoneless > 0)
    out << several(zoneless, "time") << " without a zone, taken for UTC\n";
  const Json skipped = report.value("skipped", Json::array());
  if (skipped.empty()) return;
  out << several(static_cast<std::int64_t>(skipped.size()), "line") << " skipped:\n";
  for (std::size_t i = 0; i < std::min(skipped.size(), kSkippedShown); ++i)
    out << "  line " << skipped[i]["line"] << ": " << printable(skipped[i].value("why", ""))
        << '\n';
  if (skipped.size() > kSkippedShown)
    out << "  and " << skipped.size() - kSkippedShown << " more; --json has all\n";
}

std::string csv_header() {
  std::string line;
  for (const auto* column : kColumns) line += (line.empty() ? "" : ",") + std::string(column);
  return line;
}

std::string csv_line(const Json& row) {
  std::string line;
  bool first = true;
  for (const auto* column : kColumns) {
    line += (std::exchange(first, false) ? "" : ",") + csv_cell(row, column);
  }
  return line;
}

}  // namespace host::cli
