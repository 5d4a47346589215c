// SPDX-License-Identifier: Apache-2.0
#include "schedule/import.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"
#include "schedule/schedule.hpp"

namespace host {
namespace {

// Names of the old tasks, by themselves and by what scripts called them, to the task of today.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kOldNames{
    {{"heartbeat", "heartbeat"},
     {"heartbeat_heavy", "heartbeat_heavy"},
     {"gitea_issue_triage", "gitea_issue_triage"},
     {"issue_triage", "gitea_issue_triage"},
     {"triage", "gitea_issue_triage"},
     {"orphan_work_cleanup", "orphan_work_cleanup"},
     {"daily_reset", "daily_reset"},
     {"token_budget_enforcer", "token_budget_enforcer"},
     {"flush_continuity", "flush_continuity"},
     {"model_health_check", "model_health_check"}}};

constexpr std::size_t kLongestName = 64;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-';
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

class Planner {
 public:
  Planner(const std::vector<ImportTask>& tasks, std::string_view catch_up) : catch_up_(catch_up) {
    for (const auto& task : tasks) plugin_of_[task.task] = task.plugin;
  }

  ImportLine plan(const ImportEntry& entry) {
    ImportLine line{ImportLine::Verdict::left,
                    entry.where,
                    entry.label,
                    "",
                    entry.schedule,
                    entry.zone,
                    "",
                    entry.notes};
    const auto leave = [&line](std::string reason, bool wrong = false) {
      line.verdict = wrong ? ImportLine::Verdict::wrong : ImportLine::Verdict::left;
      line.reason = std::move(reason);
      return line;
    };
    if (!entry.left.empty()) return leave(entry.left, entry.wrong);
    try {
      static_cast<void>(Schedule::parse(entry.schedule, Zone::load(entry.zone)));
    } catch (const Error& error) {
      return leave(error.message() + ". " + error.next_step(), error.code() != Code::unsupported);
    }
    const auto meant = tasks_meant(entry.names);
    if (meant.empty()) return leave("no task does this: " + entry.advice);
    if (meant.size() > 1)
      return leave("it names several tasks: " + *meant.begin() + ", " + *std::next(meant.begin()));
    const std::string& task = *meant.begin();
    if (!plugin_of_.contains(task))
      return leave("its task is " + task + ", but no plugin that was found here has it");
    const auto [first, fresh] = taken_.emplace(task, &entry);
    if (!fresh)
      return leave("task " + task + " is taken over from " + first->second->where +
                   " already, and has one schedule");
    line.verdict = ImportLine::Verdict::taken;
    line.task = task;
    return line;
  }

  [[nodiscard]] std::string fragment() const {
    if (taken_.empty()) return "";
    std::map<std::string, std::vector<const std::pair<const std::string, const ImportEntry*>*>>
        by_plugin;
    for (const auto& taken : taken_) by_plugin[plugin_of_.at(taken.first)].push_back(&taken);
    std::string yaml =
        "# Schedules taken over by `timmy-host schedules import`. Merge them into host.yaml.\n"
        "defaults:\n  plugins:\n";
    for (const auto& [plugin, taken] : by_plugin) {
      yaml += "    " + quoted(plugin) + ":\n";
      const auto part = [&yaml, &jobs = taken](const std::string& key, auto value) {
        yaml += "      " + key + ":\n";
        for (const auto* one : jobs)
          yaml += "        " + quoted(one->first) + ": " + quoted(value(*one->second)) + "\n";
      };
      part("schedule", [](const ImportEntry& entry) { return entry.schedule; });
      part("zone", [](const ImportEntry& entry) { return entry.zone; });
      if (!catch_up_.empty()) part("catch_up", [this](const ImportEntry&) { return catch_up_; });
    }
    return yaml;
  }

 private:
  // A JSON string is a YAML scalar; a plain name needs no marks.
  static std::string quoted(const std::string& text) {
    const bool plain =
        !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos;
    return plain && text != "true" && text != "false" && text != "null" ? text
                                                                        : to_text(Json(text));
  }

  [[nodiscard]] std::set<std::string> tasks_meant(const std::vector<std::string>& names) const {
    std::set<std::string> meant;
    for (const auto& name : names) {
      if (plugin_of_.contains(name)) meant.insert(name);
      for (const auto& [old_name, task] : kOldNames)
        if (name == old_name) meant.emplace(task);
    }
    return meant;
  }

  std::map<std::string, std::string> plugin_of_;
  std::map<std::string, const ImportEntry*> taken_;  // by task
  std::string catch_up_;
};

}  // namespace

std::string task_name(std::string_view name) {
  name = trimmed(name);
  for (const std::string_view ending : {".py", ".sh"})
    if (name.ends_with(ending)) name.remove_suffix(ending.size());
  std::string task(name.substr(0, kLongestName));
  for (char& c : task) {
    if (c == '-' || c == ' ') c = '_';
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return task;
}

// By blanks and what separates commands, without parsing a shell: what is in a string counts too,
// as in python3 -c "tasks.heartbeat()".
std::vector<std::string> names_in_command(std::string_view command) {
  std::vector<std::string> names;
  bool redirected = false;
  while (!command.empty()) {
    const auto end = std::min(command.find_first_of(" \t\n;|&()'\"`="), command.size());
    std::string_view word = command.substr(0, end);
    command.remove_prefix(std::min(end + 1, command.size()));
    if (word.empty()) continue;
    const auto arrow = word.find_first_of("<>");
    const bool more = arrow != word.npos && (word.back() == '<' || word.back() == '>');
    if (std::exchange(redirected, more) || word.find("://") != word.npos) continue;
    word = word.substr(0, arrow);
    if (const auto slash = word.rfind('/'); slash != word.npos) word.remove_prefix(slash + 1);
    std::string_view stem = word;
    for (const std::string_view ending : {".py", ".sh"})
      if (stem.ends_with(ending)) stem.remove_suffix(ending.size());
    // tasks.heartbeat: the last part is the function.
    if (const auto dot = stem.rfind('.'); dot != stem.npos) stem.remove_prefix(dot + 1);
    if (!stem.empty() && std::all_of(stem.begin(), stem.end(), is_word))
      names.push_back(task_name(stem));
  }
  return names;
}

std::string interval_or_cron(std::string_view text) {
  text = trimmed(text);
  constexpr std::string_view kEvery = "every";
  if (!text.starts_with(kEvery) || text.size() == kEvery.size()) return std::string(text);
  std::string_view rest = text.substr(kEvery.size());
  if (rest.front() != ' ' && rest.front() != ':') return std::string(text);
  if (rest.front() == ':') rest.remove_prefix(1);
  return "every: " + std::string(trimmed(rest));
}

ImportPlan plan_import(const std::vector<ImportEntry>& entries,
                       const std::vector<ImportTask>& tasks, std::string_view catch_up) {
  Planner planner(tasks, catch_up);
  ImportPlan plan;
  for (const auto& entry : entries) plan.lines.push_back(planner.plan(entry));
  plan.fragment = planner.fragment();
  return plan;
}

}  // namespace host
