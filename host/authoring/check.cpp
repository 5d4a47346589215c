// SPDX-License-Identifier: Apache-2.0
#include "authoring/check.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <set>

#include "authoring/examination.hpp"
#include "base/error.hpp"

namespace host {
namespace {

std::vector<Check> all_checks() {
  std::vector<Check> all = file_checks();
  for (const auto* more : {&life_checks(), &run_checks()})
    all.insert(all.end(), more->begin(), more->end());
  return all;
}

bool bad(Grade grade) { return grade == Grade::fail || grade == Grade::crash; }

// The names that `pattern` is found in, and what they build on.
struct Selection {
  std::set<std::string_view> asked;
  std::set<std::string_view> needed;
};

Selection select(const std::vector<Check>& checks, const std::string& pattern) {
  const re2::RE2 wanted(pattern, re2::RE2::Quiet);
  if (!wanted.ok())
    throw Error(Code::usage, "\"" + pattern + "\" is no regular expression: " + wanted.error(),
                "See --list for the names of checks.");
  Selection selection;
  for (auto check = checks.rbegin(); check != checks.rend(); ++check) {
    const bool asked = re2::RE2::PartialMatch(check->info.name, wanted);
    if (asked) selection.asked.insert(check->info.name);
    if (!asked && !selection.needed.contains(check->info.name)) continue;
    selection.needed.insert(check->info.name);
    selection.needed.insert(check->after.begin(), check->after.end());
  }
  if (selection.asked.empty())
    throw Error(Code::usage, "no check's name has \"" + pattern + "\" in it",
                "See --list for the names of checks.");
  return selection;
}

Observation examine(const Check& check, Examination& examination) {
  try {
    return check.examine(examination);
  } catch (const Error& error) {
    return {Grade::fail, error.message(), error.next_step()};
  } catch (const std::exception& error) {
    return {Grade::fail, std::string("it could not be looked at: ") + error.what(), ""};
  }
}

// Or why it is not looked at.
Observation examine_after(const Check& check, const std::map<std::string_view, Grade>& grades,
                          Examination& examination) {
  if (examination.options().in_process && !check.unseen_in_process.empty())
    return {Grade::skip, std::string(check.unseen_in_process), ""};
  for (const auto& before : check.after) {
    const auto grade = grades.at(before);
    if (bad(grade) || grade == Grade::skip)
      return {Grade::skip, "needs " + std::string(before) + ", which did not pass", ""};
  }
  return examine(check, examination);
}

}  // namespace

std::string_view name(Grade grade) noexcept {
  switch (grade) {
    case Grade::pass: return "pass";
    case Grade::skip: return "skip";
    case Grade::warn: return "warn";
    case Grade::fail: return "fail";
    default: return "crash";
  }
}

std::vector<CheckInfo> list_checks() {
  std::vector<CheckInfo> infos;
  for (const auto& check : all_checks()) infos.push_back(check.info);
  return infos;
}

bool check_plugin(const std::filesystem::path& file, const CheckOptions& options,
                  const std::function<void(const CheckReport&)>& report) {
  const auto checks = all_checks();
  const auto selection = select(checks, options.only);
  if (!std::filesystem::exists(file))
    throw Error(Code::not_found, "there is no file \"" + file.string() + "\"",
                "Name the plugin's NAME.so.");
  Examination examination(file, options);
  std::map<std::string_view, Grade> grades;
  bool well = true;
  for (const auto& check : checks) {
    if (!selection.needed.contains(check.info.name)) continue;
    const auto start = std::chrono::steady_clock::now();
    const Observation observation = examine_after(check, grades, examination);
    grades[check.info.name] = observation.grade;
    well = well && !bad(observation.grade);
    if (!selection.asked.contains(check.info.name) && !bad(observation.grade)) continue;
    report({std::string(check.info.name), observation.grade, observation.message, observation.fix,
            std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start)});
  }
  return well;
}

}  // namespace host
