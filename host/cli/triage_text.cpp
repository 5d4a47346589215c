// SPDX-License-Identifier: Apache-2.0
#include "cli/triage_text.hpp"

#include <ostream>
#include <sstream>

#include "base/error.hpp"
#include "cli/table.hpp"

namespace host::cli {
namespace {

std::string listed(const Json& names, const std::string& none) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text.empty() ? none : text;
}

void print_issue(std::ostream& out, const Json& issue) {
  out << printable(issue.value("repo", "") + "#" + to_text(issue.at("number"))) << "  "
      << printable(issue.value("title", "")) << "\n  "
      << printable(issue.value("kind", "") + ", " + issue.value("state", "") + ", by " +
                   issue.value("author", "") + ", " + issue.value("age", ""))
      << "\n  labels: " << printable(listed(issue.at("labels"), "none"))
      << "\n  assigned to: " << printable(listed(issue.at("assignees"), "nobody")) << '\n';
}

// Of a rule that matches all its conditions; else those that keep it from it.
void print_rules(std::ostream& out, const Json& rules) {
  Table table({"RULE", "MATCHES", "CONDITION", "WANTED", "FOUND"});
  for (const auto& rule : rules) {
    const auto matches = rule.value("matches", "");
    bool first = true;
    for (const auto& condition : rule.at("conditions")) {
      if (condition.at("holds") == "yes" && matches != "yes") continue;
      table.add({first ? rule.value("rule", "") : "", first ? matches : "",
                 condition.value("condition", ""), condition.value("wanted", ""),
                 condition.value("value", "")});
      first = false;
    }
  }
  out << '\n';
  if (table.empty())
    out << "There are no rules.\n";
  else
    table.print(out);
}

std::string step_text(const Json& step) {
  const auto what = step.value("do", "");
  const auto names = listed(step.value("names", Json::array()), "");
  if (what == "assign")
    return "assign it to " + names + (step.contains("turn") ? ", whose turn it is" : "");
  if (what == "label") return "add " + names;
  if (what == "unlabel") return "take off " + names;
  if (what == "comment") return "comment";
  return what == "close" ? "close it" : what + " " + names;
}

void print_steps(std::ostream& out, const Json& explanation) {
  const Json& steps = explanation.at("steps");
  if (steps.empty()) {
    out << "\nThe next round changes nothing.\n";
    return;
  }
  out << (explanation.value("resumed", false)
              ? "\nThe next round, which goes on with what an earlier one began, will\n"
              : "\nThe next round will\n");
  for (const auto& step : steps) {
    out << "  " << printable(step_text(step) + "  (" + listed(step.at("rules"), "no rule") + ")")
        << '\n';
    std::istringstream lines(step.value("text", ""));
    for (std::string line; std::getline(lines, line);) out << "    | " << printable(line) << '\n';
  }
}

}  // namespace

void print_triage(std::ostream& screen, const Json& explanation) try {
  std::ostringstream out;
  print_issue(out, explanation.at("issue"));
  for (const auto& hindrance : explanation.at("hindrances"))
    out << "  not looked at: " << printable(hindrance.get<std::string>()) << '\n';
  print_rules(out, explanation.at("rules"));
  print_steps(out, explanation);
  const Json& held = explanation.at("held_back");
  if (!held.empty()) out << "\nHeld back, since a person decided otherwise\n";
  for (const auto& each : held)
    out << "  " << printable(each.value("what", "")) << "  ("
        << printable(each.value("rule", "") + "): " + each.value("why", "")) << '\n';
  const Json left_out = explanation.value("left_out", Json::array());
  if (!left_out.empty()) out << "\nLeft out, since labels of one scope exclude each other\n";
  for (const auto& each : left_out)
    out << "  " << printable(each.value("what", "")) << "  ("
        << printable(listed(each.at("rules"), "no rule") + "): " + each.value("why", "")) << '\n';
  if (explanation.at("due").is_string())
    out << "\nAt " << printable(explanation.at("due").get<std::string>())
        << " it is old enough for a rule that matches but for that.\n";
  screen << out.str();
} catch (const Json::exception&) {
  throw Error(Code::invalid, "the plugin's answer is no explanation that this timmy-host knows",
              "With --json it is shown as it is; update the plugin or the host.");
}

}  // namespace host::cli
