// SPDX-License-Identifier: Apache-2.0
#include "cli/deadman_text.hpp"

#include <ostream>

#include "cli/table.hpp"

namespace host::cli {
namespace {

// For a person's eye: what is run is a list, never this text.
std::string command_text(const Json& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : " ") + word.get<std::string>();
  return text;
}

// Of a rehearsal: the restart or the alert.
Json what_runs(const deadman::Rehearsed& each) {
  return each.alert.empty() ? each.record.evidence.value("command", Json::array())
                            : Json(each.alert);
}

}  // namespace

void print_json(std::ostream& out, const std::string& key,
                const std::vector<deadman::Record>& records) {
  Json rows = Json::array();
  for (const auto& record : records) rows.push_back(deadman::to_json(record));
  out << to_indented_text({{key, rows}}) << '\n';
}

void print_records(std::ostream& out, const std::vector<deadman::Record>& records) {
  Table table({"AT", "WATCH", "EVENT", "WHAT"});
  for (const auto& record : records)
    table.add({format_utc(std::chrono::floor<std::chrono::seconds>(record.at)), record.target,
               std::string(deadman::name(record.event)), record.text});
  table.print(out);
}

void print_standings(std::ostream& out, const std::vector<deadman::Standing>& standings,
                     bool dry_run, bool json) {
  if (json) {
    Json rows = Json::array();
    for (const auto& standing : standings) rows.push_back(deadman::to_json(standing));
    out << to_indented_text({{"dry_run", dry_run}, {"watches", rows}}) << '\n';
    return;
  }
  if (dry_run) out << "dry run: nothing is restarted and nobody is told\n";
  Table table({"WATCH", "STATE", "SILENT", "DEAD AFTER", "TRIES", "FLAG", "HANDS OFF", "LAST LOOK",
               "WATCHED"});
  for (const auto& each : standings) {
    table.add({each.name, each.state, deadman::brief(each.silent), format_duration(each.after),
               std::to_string(each.tries) + "/" + std::to_string(each.max_retries),
               each.active ? "up" : "-", each.handed_off ? "yes" : "-",
               each.last_look ? deadman::brief(*each.last_look) + " ago" : "-", each.watched});
  }
  table.print(out);
  for (const auto& each : standings)
    if (!each.text.empty()) out << "! " << each.name << ": " << printable(each.text) << '\n';
}

void print_rehearsal(std::ostream& out, const deadman::Watch& watch,
                     const std::vector<deadman::Rehearsed>& all,
                     const std::vector<std::string>& shortcomings, bool json) {
  if (json) {
    Json rows = Json::array();
    for (const auto& each : all)
      rows.push_back({{"after_seconds", std::chrono::duration<double>(each.after).count()},
                      {"event", deadman::name(each.record.event)},
                      {"text", each.record.text},
                      {"command", each.record.evidence.value("command", Json::array())},
                      {"alert", each.alert}});
    out << to_indented_text({{"watch", watch.name},
                             {"looked_at_by", deadman::looked_at_by(watch)},
                             {"would", rows},
                             {"dispatch", watch.dispatch ? Json{{"from", watch.dispatch->from},
                                                                {"to", watch.dispatch->to}}
                                                         : Json()},
                             {"shortcomings", shortcomings}})
        << '\n';
    return;
  }
  Table table({"AFTER", "EVENT", "WHAT", "RUNS"});
  for (const auto& each : all)
    table.add({deadman::brief(each.after), std::string(deadman::name(each.record.event)),
               each.record.text, command_text(what_runs(each))});
  table.print(out);
  if (watch.dispatch)
    out << "then a running host hands its work from lane " << watch.dispatch->from << " to lane "
        << watch.dispatch->to << '\n';
  out << "looked at by " << deadman::looked_at_by(watch) << '\n';
  for (const auto& lack : shortcomings) out << "! " << printable(lack) << '\n';
}

void print_deadman_attention(std::ostream& out, const Json& report) {
  for (const auto& line : report.value("attention", Json::array()))
    out << "! deadman: " << printable(line.get<std::string>()) << '\n';
}

}  // namespace host::cli
