// SPDX-License-Identifier: Apache-2.0
#include "cli/playbooks_text.hpp"

#include <ostream>
#include <string>

#include "cli/table.hpp"

namespace host::cli {
namespace {

// "a, b", or "-".
std::string listed(const Json& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word.get<std::string>();
  return text.empty() ? "-" : text;
}

// "all of bug; one of ready, go; none of wontfix"
std::string labels_text(const Json& labels) {
  std::string text;
  const auto add = [&](const char* key, const char* words) {
    if (!labels.at(key).empty())
      text += (text.empty() ? "" : "; ") + std::string(words) + listed(labels.at(key));
  };
  add("all", "");
  add("any", "one of ");
  add("none", "not ");
  return text.empty() ? "-" : text;
}

std::string agent_text(const Json& agent) {
  std::string text = agent.value("kind", "");
  for (const char* key : {"model", "program"})
    if (agent.contains(key)) text += " " + agent[key].get<std::string>();
  return text;
}

std::string budget_text(const Json& budget) {
  std::string text = budget.at("pipeline");
  if (budget.contains("tokens_per_day")) text += ", " + budget["tokens_per_day"].dump() + " a day";
  if (budget.contains("tokens_per_run")) text += ", " + budget["tokens_per_run"].dump() + " a run";
  return text;
}

void print_problems(std::ostream& out, const Json& problems, const char* mark) {
  for (const auto& problem : problems)
    out << mark << printable(problem.at("where").get<std::string>()) << ": "
        << printable(problem.at("message").get<std::string>()) << '\n';
}

void print_lanes(std::ostream& out, const Json& lanes) {
  if (lanes.at("file") == "")
    out << "\nThere is no agent-lanes.json, so no playbook can be used.\n";
  if (!lanes.at("lanes").empty()) {
    Table table({"LANE", "AGENT", "AT ONCE", "LABELS", "PATHS", "BUDGET"});
    for (const auto& lane : lanes.at("lanes"))
      table.add({lane.at("name"), agent_text(lane.at("agent")), lane.at("concurrency").dump(),
                 listed(lane.at("labels")),
                 lane.at("paths").empty() ? "all" : listed(lane.at("paths")),
                 budget_text(lane.at("budget"))});
    out << '\n';
    table.print(out);
  }
  print_problems(out, lanes.at("problems"), "! ");
}

}  // namespace

void print_playbooks(std::ostream& out, const Json& report) {
  Table table({"PLAYBOOK", "STATE", "PRIORITY", "LANE", "REPORT", "REPOSITORIES", "LABELS"});
  for (const auto& row : report.at("playbooks")) {
    if (row.contains("lane"))
      table.add({row.at("name"), row.at("state"), row.at("priority").dump(), row.at("lane"),
                 row.at("report"), listed(row.at("repositories")), labels_text(row.at("labels"))});
    else
      table.add({row.at("name"), row.at("state"), "-", "-", "-", "-", "-"});
  }
  if (table.empty())
    out << "there are no playbooks\n";
  else
    table.print(out);
  for (const auto& row : report.at("playbooks")) {
    for (const auto& other : row.at("shadowed"))
      out << "  " << printable(row.at("file").get<std::string>()) << " counts instead of "
          << printable(other.get<std::string>()) << '\n';
    print_problems(out, row.at("problems"), "! ");
  }
  print_lanes(out, report.at("lanes"));
}

void print_playbook_check(std::ostream& out, const Json& report) {
  print_problems(out, report.at("errors"), "");
  for (const auto& warning : report.at("warnings"))
    out << "warning: " << printable(warning.get<std::string>()) << '\n';
  if (!report.at("ok").get<bool>()) return;
  for (const auto& file : report.at("checked"))
    out << printable(file.get<std::string>()) << ": ok\n";
}

void print_playbook(std::ostream& out, const Json& report) {
  out << printable(report.at("name").get<std::string>()) << ": "
      << report.at("state").get<std::string>() << ", "
      << printable(report.at("file").get<std::string>()) << '\n';
  print_problems(out, report.at("problems"), "! ");
  if (!report.contains("settings")) return;
  Table table({"SETTING", "FROM", "VALUE"});
  for (const auto& row : report.at("settings")) {
    const auto from = row.at("from").get<std::string>();
    table.add({row.at("key"), from.empty() ? "default" : from, to_text(row.at("value"))});
  }
  out << '\n';
  table.print(out);
  if (report.contains("agent"))
    out << "\nThe agent, with its lane's settings: " << printable(to_text(report.at("agent")))
        << '\n';
  out << "\nWhat the gates check:\n";
  for (const auto& rule : report.at("rules"))
    out << "  - " << printable(rule.get<std::string>()) << '\n';
  out << "\nThe prompt:\n" << printable(report.at("prompt").get<std::string>(), true) << '\n';
}

void print_playbook_choice(std::ostream& out, const Json& report) {
  const Json& item = report.at("item");
  const auto text = [&](const char* key) { return printable(item.at(key).get<std::string>()); };
  out << text("repository") << '#' << item.at("number") << " \"" << text("title")
      << "\": " << text("state") << ' ' << (item.at("kind") == "issue" ? "issue" : "pull request");
  if (item.at("author") != "") out << " by " << text("author");
  out << "; labels " << printable(listed(item.at("labels"))) << "; assigned to "
      << printable(listed(item.at("assignees"))) << "\n\n";
  Table table({"PLAYBOOK", "VERDICT", "WHY"});
  for (const auto& row : report.at("verdicts")) {
    std::string why;
    for (const auto& reason : row.at("reasons"))
      why += (why.empty() ? "" : "; ") + reason.get<std::string>();
    table.add({row.at("playbook"), row.at("verdict"), why});
  }
  if (table.empty())
    out << "there are no playbooks\n";
  else
    table.print(out);
}

}  // namespace host::cli
