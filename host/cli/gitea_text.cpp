// SPDX-License-Identifier: Apache-2.0
#include "cli/gitea_text.hpp"

#include <algorithm>
#include <ostream>
#include <utility>
#include <vector>

#include "cli/table.hpp"

namespace host::cli {
namespace {

// Characters of a title; longer ones push the columns behind them off the screen.
constexpr std::size_t kTitle = 60;
constexpr std::size_t kNamed = 10;  // labels or people in a line of counts

std::string shortened(const std::string& text) {
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool begins = (static_cast<unsigned char>(text[at]) & 0xc0) != 0x80;
    if (begins && ++characters > kTitle) return text.substr(0, at) + "...";
  }
  return text;
}

std::string joined(const Json& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name.get<std::string>();
  return text.empty() ? "-" : text;
}

std::string name_of(const Json& row) {
  return row["repo"].get<std::string>() + "#" + to_text(row["number"]);
}

std::string age_of(const Json& row, WallTime now) {
  const auto& made = row["created_at"];
  return made.is_null() ? "-" : age_text(now - parse_utc(made.get<std::string>()));
}

std::string count_text(std::size_t count, const std::string& one, const std::string& many) {
  return std::to_string(count) + " " + (count == 1 ? one : many);
}

std::size_t number(const Json& counts, const char* name) { return counts[name].get<std::size_t>(); }

// "12 issues in 3 repositories"
std::string headline(const Json& report, std::size_t rows, const std::string& one,
                     const std::string& many) {
  return count_text(rows, one, many) + " in " +
         count_text(report["repos"].size(), "repository", "repositories");
}

void print_left_out(std::ostream& out, const Json& report) {
  if (report["left_out"] != 0)
    out << to_text(report["left_out"]) << " more are not shown: --limit 0 shows all\n";
}

// "bug 12, docs 3, without 4", the most frequent first.
void print_tally(std::ostream& out, const char* title, const Json& counts, const Json& without) {
  std::vector<std::pair<std::string, std::size_t>> all;
  for (const auto& [name, count] : counts.items()) all.emplace_back(name, count);
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (std::size_t i = 0; i < std::min(kNamed, all.size()); ++i)
    text += all[i].first + " " + std::to_string(all[i].second) + ", ";
  if (all.size() > kNamed) text += std::to_string(all.size() - kNamed) + " others, ";
  out << title << ": " << printable(text) << "without " << to_text(without) << '\n';
}

std::string merge_text(const Json& pull) {
  if (pull["state"] != "open") return pull["state"];
  if (pull["draft"] == true) return "draft";
  return pull["mergeable"] == true ? "yes" : "no";
}

std::string branches(const Json& pull) {
  std::string head = pull["head"];
  const std::string from = pull["head_repo"];
  if (!from.empty() && from != pull["repo"]) head = from.substr(0, from.find('/')) + ":" + head;
  return pull["base"].get<std::string>() + "<-" + head;
}

std::string checks_text(const Json& pull) {
  if (pull["checks"].is_null()) return "?";
  return pull["checks"] == "none" ? "-" : pull["checks"].get<std::string>();
}

std::string reviews_text(const Json& reviews) {
  if (reviews.is_null()) return "?";
  std::string text;
  const auto add = [&](const char* what, const char* behind) {
    const auto count = reviews[what].size();
    if (count > 0) text += (text.empty() ? "" : ", ") + std::to_string(count) + behind;
  };
  add("approved", " approved");
  add("changes_requested", " changes requested");
  add("stale", " stale");
  add("requested", " asked");
  return text.empty() ? "-" : text;
}

}  // namespace

std::string age_text(Duration age) {
  using namespace std::chrono;
  const auto minutes = std::max<std::int64_t>(0, duration_cast<std::chrono::minutes>(age).count());
  const auto days = minutes / (24 * 60);
  if (minutes < 60) return std::to_string(minutes) + "m";
  if (days < 1) return std::to_string(minutes / 60) + "h";
  if (days < 28) return std::to_string(days) + "d";
  return days < 365 ? std::to_string(days / 7) + "w" : std::to_string(days / 365) + "y";
}

void print_pulls(std::ostream& out, const Json& report, WallTime now) {
  Table table({"PR", "TITLE", "AUTHOR", "BRANCHES", "MERGE", "CHECKS", "REVIEWS", "AGE"});
  for (const auto& pull : report["prs"])
    table.add({name_of(pull), shortened(pull["title"]), pull["author"], branches(pull),
               merge_text(pull), checks_text(pull), reviews_text(pull["reviews"]),
               age_of(pull, now)});
  if (!table.empty()) table.print(out);
  print_left_out(out, report);
  const Json& counts = report["counts"];
  const Json& shown = counts["shown"];
  const auto open = number(counts, "open"), merged = number(counts, "merged"),
             closed = number(counts, "closed");
  out << headline(report, open + merged + closed, "pull request", "pull requests") << ": " << open
      << " open, " << merged << " merged, " << closed << " closed\n";
  if (report["prs"].empty()) return;
  std::string checks;
  for (const auto& [state, count] : shown["checks"].items())
    checks += (checks.empty() ? "" : ", ") + state + " " + to_text(count);
  out << "shown: " << number(shown, "mergeable") << " mergeable, "
      << count_text(number(shown, "draft"), "draft", "drafts") << ", " << number(shown, "approved")
      << " approved, " << number(shown, "changes_requested")
      << " with changes requested; checks: " << checks << '\n';
}

void print_issues(std::ostream& out, const Json& report, WallTime now) {
  Table table({"ISSUE", "TITLE", "STATE", "LABELS", "ASSIGNEES", "AGE"});
  for (const auto& issue : report["issues"])
    table.add({name_of(issue), shortened(issue["title"]), issue["state"], joined(issue["labels"]),
               joined(issue["assignees"]), age_of(issue, now)});
  if (!table.empty()) table.print(out);
  print_left_out(out, report);
  const Json& counts = report["counts"];
  const auto open = number(counts, "open"), closed = number(counts, "closed");
  out << headline(report, open + closed, "issue", "issues") << ": " << open << " open, " << closed
      << " closed\n";
  if (open + closed == 0) return;
  print_tally(out, "labels", counts["by_label"], counts["unlabelled"]);
  print_tally(out, "assignees", counts["by_assignee"], counts["unassigned"]);
}

void print_labels(std::ostream& out, const Json& report) {
  Table table({"OWNER", "LABEL", "COLOUR", "ISSUES", "REPOS", "MISSING IN", "DIFFERS IN"});
  for (const auto& label : report["labels"]) {
    std::string differs;
    for (const auto& [repo, look] : label["differs_in"].items()) {
      const std::string color = look["color"];
      differs += (differs.empty() ? "" : ", ") + repo +
                 (color == label["color"] ? "" : " (#" + color + ")");
    }
    const bool shared = label["of_organisation"];
    table.add({label["owner"], label["name"], "#" + label["color"].get<std::string>(),
               to_text(label["issues"]),
               shared ? "organisation" : std::to_string(label["in"].size()),
               joined(label["missing_in"]), differs.empty() ? "-" : differs});
  }
  if (!table.empty()) table.print(out);
  print_left_out(out, report);
  const Json& counts = report["counts"];
  out << headline(report, number(counts, "labels"), "label", "labels");
  if (!report["labels"].empty())
    out << "; shown: " << number(counts["shown"], "consistent") << " the same everywhere, "
        << number(counts["shown"], "missing") << " missing somewhere, "
        << number(counts["shown"], "differing") << " that differ";
  out << '\n';
}

void print_failures(std::ostream& err, const Json& failed) {
  for (const auto& failure : failed) {
    const std::string what = failure["what"];
    std::string error = failure["error"];
    const std::string fix = failure["fix"];
    if (error.find(what) == std::string::npos) error = what + ": " + error;
    err << "timmy-host: " << printable(error) << (fix.empty() ? "" : "; " + printable(fix)) << '\n';
  }
}

}  // namespace host::cli
