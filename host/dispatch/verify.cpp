// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "dispatch/playbook_paths.hpp"
#include "dispatch/verify_checks.hpp"
#include "dispatch/verify_commands.hpp"
#include "dispatch/verify_merge.hpp"
#include "workspaces/git_path.hpp"

namespace host::dispatch {
namespace {

using State = Check::State;

Check::State state_named(const std::string& text) {
  for (const auto state : {State::passed, State::failed, State::not_run})
    if (name(state) == text) return state;
  throw Error(Code::invalid, "\"" + text + "\" is no state of a check");
}

void add_lines(const VerifyRequest& request, const WorkFacts& work, WorkVerdict& verdict) {
  LineChecks lines(request.playbook->gates, request.redactor);
  lines.look_at_messages(work);
  lines.look_at_paths(work);
  const bool whole = for_each_added(*request.mirror, request.base, request.head,
                                    [&](const AddedLine& line) { lines.look(line); });
  for (auto& check : lines.checks(whole)) verdict.checks.push_back(std::move(check));
  verdict.notes = review_notes(work, lines.skips(), request.author);
}

}  // namespace

std::string_view name(Check::State state) noexcept {
  switch (state) {
    case State::passed: return "passed";
    case State::failed: return "failed";
    case State::not_run: return "not run";
  }
  return "failed";
}

bool WorkVerdict::passed() const {
  return !checks.empty() && std::all_of(checks.begin(), checks.end(), [](const Check& check) {
    return check.state == State::passed;
  });
}

Json to_json(const WorkVerdict& verdict) {
  Json checks = Json::array();
  for (const auto& check : verdict.checks)
    checks.push_back({{"name", check.name},
                      {"state", name(check.state)},
                      {"summary", check.summary},
                      {"evidence", check.evidence}});
  return {{"passed", verdict.passed()}, {"checks", checks}, {"notes", verdict.notes}};
}

WorkVerdict parse_verdict(const Json& json) {
  try {
    WorkVerdict verdict;
    for (const auto& each : json.at("checks"))
      verdict.checks.push_back({each.at("name"), state_named(each.at("state")), each.at("summary"),
                                each.at("evidence")});
    json.at("notes").get_to(verdict.notes);
    return verdict;
  } catch (const Json::exception& error) {
    throw Error(Code::invalid, std::string("this is no verdict: ") + error.what());
  }
}

std::vector<std::string> banned_models(const std::vector<UsedModel>& models,
                                       const BannedModels& banned) {
  std::vector<std::string> lines;
  for (const auto& used : models) {
    std::string by;
    try {
      by = banned.banning(used.provider, plain_model_name(used.model));
    } catch (const Error&) {
      by = "its name, which is none";
    }
    if (!by.empty())
      lines.push_back(fmt::format("{} at {} is banned by {}", workspaces::shown_path(used.model),
                                  used.provider, by));
  }
  return lines;
}

WorkVerdict verify_work(const VerifyRequest& request, workspaces::CagedRunner& cage) {
  const auto& gates = request.playbook->gates;
  const auto work = read_work(*request.mirror, request.base, request.head);
  WorkVerdict verdict;
  verdict.checks.push_back(check_size(work, gates.diff));
  verdict.checks.push_back(check_paths(work, gates.diff, request.lane->paths));
  verdict.checks.push_back(check_messages(work, request.repository, request.number));
  add_lines(request, work, verdict);
  if (request.banned != nullptr)
    verdict.checks.push_back(check_models(banned_models(request.models, *request.banned)));
  if (gates.clean_merge)
    verdict.checks.push_back(check_merge(*request.mirror, request.head, request.base_branch));
  for (auto& check : run_commands(request, cage)) verdict.checks.push_back(std::move(check));
  return verdict;
}

WorkVerdict verify_report(const Playbook& playbook, const std::string& report,
                          const Redactor* redactor) {
  WorkVerdict verdict;
  const bool blank = report.find_first_not_of(" \t\r\n") == std::string::npos;
  verdict.checks.push_back(
      {"report",
       blank ? State::failed : State::passed,
       blank ? "there is no report" : fmt::format("a report of {} bytes", report.size()),
       {}});
  LineChecks lines(playbook.gates, redactor);
  std::int64_t number = 0;
  for (std::size_t at = 0; at < report.size();) {
    const auto end = std::min(report.find('\n', at), report.size());
    lines.look({"", "the report", ++number, std::string_view(report).substr(at, end - at)});
    at = end + 1;
  }
  for (auto& check : lines.checks(true)) verdict.checks.push_back(std::move(check));
  return verdict;
}

WorkVerdict no_work() {
  return {{{"work", State::failed, "there is no commit on top of the base", {}}}, {}};
}

}  // namespace host::dispatch
