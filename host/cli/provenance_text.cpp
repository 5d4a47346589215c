// SPDX-License-Identifier: Apache-2.0
#include "cli/provenance_text.hpp"

#include <functional>
#include <ostream>
#include <sstream>

#include "base/error.hpp"
#include "cli/table.hpp"
#include "config/size.hpp"

namespace host::cli {
namespace {

std::string number(const Json& of, const char* key) {
  return std::to_string(of.at(key).get<std::int64_t>());
}

std::string size(const Json& of, const char* key) {
  return format_size(of.at(key).get<std::uint64_t>());
}

// "12 pairs", by which word.
void print_counts(std::ostream& out, const std::string& title, const std::string& header,
                  const Json& counts) {
  if (counts.empty()) return;
  Table table({header, "COUNT"});
  for (const auto& [name, count] : counts.items())
    table.add({name, std::to_string(count.get<std::int64_t>())});
  out << '\n' << title << '\n';
  table.print(out, "  ");
}

void print_problem(std::ostream& out, const Json& problem) {
  if (problem.is_string())
    out << "nothing new may be used: " << printable(problem.get<std::string>()) << '\n';
}

// A line for each of them.
void print_notes(std::ostream& out, const std::string& title, const Json& notes) {
  for (const auto& note : notes) out << title << ": " << printable(note.get<std::string>()) << '\n';
}

// All of it, or nothing.
void print_whole(std::ostream& screen, const std::function<void(std::ostream&)>& print) try {
  std::ostringstream out;
  print(out);
  screen << out.str();
} catch (const Json::exception&) {
  throw Error(Code::invalid, "the plugin's answer is none that this timmy-host knows",
              "With --json it is shown as it is; update the plugin or the host.");
}

void print_lineage(std::ostream& out, const Json& lineage) {
  out << '\n';
  Table table({"SESSION", "SOURCE", "USER", "STARTED"});
  for (const auto& kin : lineage)
    table.add({kin.at("session"), kin.at("source"), kin.at("user"),
               kin.at("started").is_null() ? "" : kin.at("started").get<std::string>()});
  table.print(out);
}

void print_turns(std::ostream& out, const Json& turns) {
  out << '\n';
  if (turns.empty()) {
    out << "It has no turns.\n";
    return;
  }
  Table table({"TURN", "AT", "CALLS", "VERDICT", "RULE", "CONSENT"});
  for (const auto& turn : turns)
    table.add({number(turn, "turn"),
               turn.at("at").is_null() ? "" : turn.at("at").get<std::string>(),
               number(turn, "calls"), turn.at("verdict"), turn.value("rule", ""),
               turn.value("consent", "")});
  table.print(out);
}

}  // namespace

void print_ingested(std::ostream& screen, const Json& result) {
  print_whole(screen, [&](std::ostream& out) {
    out << number(result, "sessions") << " sessions read, " << number(result, "changed")
        << " changed\n"
        << number(result, "emitted") << " pairs came out, " << number(result, "replaced")
        << " went, " << number(result, "waiting") << " wait for their session's end\n"
        << number(result, "pairs") << " pairs stand in " << number(result, "files") << " files\n";
    if (const Json withdrawn = result.value("withdrawn", Json()); withdrawn.is_number())
      out << withdrawn << " pairs were withdrawn\n";
    print_problem(out, result.value("policy_problem", Json()));
    print_notes(out, "not read", result.value("troubles", Json::array()));
    print_counts(out, "Turns that were rejected", "REASON", result.at("rejected"));
  });
}

void print_validated(std::ostream& screen, const Json& result) {
  print_whole(screen, [&](std::ostream& out) {
    if (result.contains("file")) out << printable(result.at("file").get<std::string>()) << ": ";
    out << number(result, "pairs") << " pairs, " << size(result, "bytes")
        << ", each with its anchor, consent, licence and hashes\n";
  });
}

void print_provenance(std::ostream& screen, const Json& report) {
  print_whole(screen, [&](std::ostream& out) {
    out << number(report, "pairs") << " pairs in " << number(report, "files") << " files, "
        << size(report, "bytes") << ", of " << number(report, "sessions") << " sessions\n  "
        << printable(report.at("folder").get<std::string>()) << ", generation "
        << number(report, "generation") << '\n';
    print_problem(out, report.at("policy").at("problem"));
    print_notes(out, "not read", report.value("troubles", Json::array()));
    if (!report.at("current").get<bool>())
      out << "policy, config or rules have changed since: the next run sees to it\n";
    print_counts(out, "Turns that were rejected", "REASON", report.at("rejected"));
    print_counts(out, "Sessions that were rejected whole", "REASON",
                 report.at("rejected_sessions"));
    print_counts(out, "Taken out of the texts", "RULE", report.at("redactions"));
    print_counts(out, "Sessions by store", "STORE", report.at("sources"));
    if (report.at("withdrawals").empty()) return;
    out << "\nWithdrawals\n";
    Table table({"AT", "WITHDRAWN", "CHANGED", "GENERATION"});
    for (const auto& each : report.at("withdrawals"))
      table.add({each.at("at"), number(each, "withdrawn"), number(each, "changed"),
                 number(each, "generation")});
    table.print(out, "  ");
    const auto shown = static_cast<std::int64_t>(report.at("withdrawals").size());
    const auto all = report.value("withdrawals_in_all", shown);
    if (all > shown) out << "  and " << all - shown << " before them, which manifest.json has\n";
  });
}

void print_session(std::ostream& screen, const Json& explanation) {
  print_whole(screen, [&](std::ostream& out) {
    const Json& store = explanation.at("store");
    out << printable(explanation.at("session").get<std::string>()) << "  "
        << number(explanation, "messages") << " messages, model "
        << printable(explanation.at("model").get<std::string>())
        << (explanation.at("live").get<bool>() ? ", still live" : "") << "\n  "
        << printable(store.at("kind").get<std::string>() + " " +
                     store.at("path").get<std::string>())
        << '\n';
    print_problem(out, explanation.at("policy_problem"));
    print_notes(out, "damaged", explanation.at("damaged"));
    print_notes(out, "odd", explanation.value("remarks", Json::array()));
    if (explanation.at("verdict") != "by_turn")
      out << "rejected whole: " << printable(explanation.at("verdict").get<std::string>()) << '\n';
    print_lineage(out, explanation.at("lineage"));
    print_turns(out, explanation.at("turns"));
  });
}

}  // namespace host::cli
