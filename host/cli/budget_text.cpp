// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <ostream>

#include "cli/table.hpp"
#include "cli/tokens_text.hpp"

namespace host::cli {
namespace {

std::string amount(const Json& measure, const char* unit, const char* key) {
  const auto found = measure.find(key);
  if (found == measure.end()) return "-";
  if (std::string_view(unit) == "cost_usd")
    return found->get<double>() == 0 ? "$0" : dollars_text(*found);
  return grouped(found->get<std::int64_t>());
}

std::string share(const Json& measure) {
  const auto of = [&](const char* key) { return measure.value(key, 0.0); };
  if (of("cap") <= 0) return "100%";
  return fmt::format("{:.0f}%", 100 * (of("settled") + of("held") + of("reserved")) / of("cap"));
}

std::string state_of(const Json& cap) {
  if (cap.value("reached", false)) return "reached";
  return cap.value("warned", false) ? "near" : "";
}

std::string begins_anew(const Json& cap) {
  const Json at = cap.value("begins_anew", Json());
  return at.is_string() ? at.get<std::string>() : "never";
}

// One cap may limit several things: a line for each.
void add_cap(Table& table, const std::string& about, const Json& cap) {
  for (const char* unit : {"tokens", "runs", "cost_usd"}) {
    const auto found = cap.find(unit);
    if (found == cap.end()) continue;
    const std::string what = std::string_view(unit) == "cost_usd" ? "cost" : unit;
    table.add({about, what, amount(*found, unit, "cap"), amount(*found, unit, "settled"),
               amount(*found, unit, "held"), amount(*found, unit, "reserved"),
               amount(*found, unit, "left"), share(*found), state_of(cap),
               cap.value("when_reached", ""), begins_anew(cap)});
  }
}

Table cap_table() {
  return Table({"OVER", "OF", "CAP", "SETTLED", "HELD", "RESERVED", "LEFT", "TAKEN", "STATE",
                "WHEN REACHED", "BEGINS ANEW"});
}

// "org/app#12, fixer"
std::string whose(const Json& own) {
  const Json issue = own.value("issue", Json());
  const auto playbook = own.value("playbook", "");
  std::string text = issue.is_number_integer()
                         ? own.value("repo", "") + "#" + std::to_string(issue.get<std::int64_t>())
                         : own.value("pipeline", "");
  return playbook.empty() ? text : text + ", " + playbook;
}

void print_own_caps(std::ostream& out, const Json& reply) {
  const Json caps = reply.value("own_caps", Json::array());
  if (caps.empty()) return;
  out << "Caps that open runs have of their own:\n";
  Table table({"RUN", "WHOSE", "OVER", "CAP", "SETTLED", "HELD", "RESERVED", "LEFT", "STATE",
               "BEGINS ANEW", "LIMIT"});
  for (const auto& own : caps) {
    const Json tokens = own.value("tokens", Json::object());
    table.add({own.value("run", ""), whose(own), own.value("about", ""),
               amount(tokens, "tokens", "cap"), amount(tokens, "tokens", "settled"),
               amount(tokens, "tokens", "held"), amount(tokens, "tokens", "reserved"),
               amount(tokens, "tokens", "left"), state_of(own), begins_anew(own),
               own.value("limit", "")});
  }
  table.print(out, "  ");
}

void print_pauses(std::ostream& out, const Json& reply) {
  for (const auto& pause : reply.value("pauses", Json::array()))
    out << "! pipeline " << printable(pause.value("pipeline", "")) << " is paused since "
        << pause.value("since", "") << ", until " << pause.value("until", "") << ": "
        << printable(pause.value("cause", "")) << '\n';
}

}  // namespace

void print_budget(std::ostream& out, const Json& reply) {
  if (!reply.value("budget", false)) {
    out << "There is no token_budget.json in force: no call of a model is granted.\n"
           "  Write one (docs/tokens.md shows how), and try it with timmy-host budget check.\n";
    return;
  }
  out << reply.value("day", "") << " (" << printable(reply.value("zone", "UTC"))
      << "), the next day begins at " << reply.value("until", "") << '\n';
  print_pauses(out, reply);
  auto table = cap_table();
  const Json caps = reply.value("caps", Json::array());
  for (const auto& cap : caps) add_cap(table, cap.value("about", ""), cap);
  table.print(out);
  for (const auto& cap : caps)
    if (const auto over = cap.value("overrun_tokens", std::int64_t{0}); over > 0)
      out << "! " << printable(cap.value("about", "")) << ": " << grouped(over)
          << " tokens above what had been held for their calls\n";
  print_own_caps(out, reply);
}

void print_explanation(std::ostream& out, const Json& reply) {
  const auto name = printable(reply.value("name", ""));
  if (reply.contains("task") && reply["task"] != reply["name"])
    out << "task " << printable(reply.value("task", "")) << " is of the pipeline " << name << '\n';
  const Json caps = reply.value("caps", Json::array());
  if (caps.empty()) {
    out << "No cap stands over " << reply.value("kind", "") << ' ' << name << ".\n";
  } else {
    out << "Over " << reply.value("kind", "") << ' ' << name << ":\n";
    auto table = cap_table();
    for (const auto& cap : caps) {
      auto about = cap.value("about", "");
      if (cap.value("each", false) && !cap.value("own", true))
        about = "each " + cap.value("dimension", "");
      else if (!cap.value("own", true))
        about += " (default)";
      add_cap(table, about, cap);
    }
    table.print(out, "  ");
  }
  print_own_caps(out, reply);
  const Json tightest = reply.value("tightest", Json());
  if (tightest.is_number_unsigned() && tightest < caps.size()) {
    const Json& cap = caps[tightest.get<std::size_t>()];
    out << "Tightest: " << printable(cap.value("about", "")) << ", "
        << amount(cap["tokens"], "tokens", "left") << " tokens left\n";
  }
  for (const auto& line : reply.value("refused", Json::array()))
    out << "- " << printable(line.get<std::string>()) << '\n';
}

}  // namespace host::cli
