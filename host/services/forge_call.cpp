// SPDX-License-Identifier: Apache-2.0
#include "services/forge_call.hpp"

#include "gitea/decode.hpp"

namespace host {
namespace {

[[noreturn]] void refuse(std::string_view name, std::string_view why) {
  throw Error(Code::usage, "parameter \"" + std::string(name) + "\" must be " + std::string(why));
}

}  // namespace

void ForgeCall::note_failure(RunContext& run, const Error& error) {
  // It is there, and said when to come again.
  if (error.code() == Code::rate_limited)
    run.forge_asked_to_wait = true;
  else if (error.transient())
    run.unreachable.insert("gitea");
}

RepoName ForgeCall::repo(std::string_view grant) const {
  const auto full = text("repo");
  require_grant(*run, grant, full);
  return parse_repo_name(full);
}

std::string ForgeCall::owner_of_teams() const {
  const auto owner = text("owner");
  if (!run->grants.reaches("gitea.read", owner)) require_grant(*run, "gitea.read", owner + "/*");
  return parse_repo_name(owner + "/any").owner;
}

std::int64_t ForgeCall::number() const {
  const auto number = number_parameter(params, "number", 0);
  if (number <= 0) refuse("number", "an issue's number");
  return number;
}

std::vector<std::string> ForgeCall::texts(std::string_view name) const {
  const auto list = params.find(name);
  if (list == params.end() || !list->is_array() || list->empty())
    refuse(name, "a list of texts that is not empty");
  std::vector<std::string> all;
  for (const auto& each : *list) {
    if (!each.is_string() || each.get_ref<const std::string&>().empty())
      refuse(name, "a list of texts, none of them empty");
    all.push_back(each.get<std::string>());
  }
  return all;
}

bool ForgeCall::flag(std::string_view name, std::optional<bool> fallback) const {
  const auto given = params.find(name);
  const bool absent = given == params.end() || given->is_null();
  if (absent && fallback) return *fallback;
  if (absent || !given->is_boolean()) refuse(name, "true or false");
  return given->get<bool>();
}

std::optional<WallTime> ForgeCall::since() const {
  const auto given = params.find("since");
  if (given == params.end() || given->is_null()) return std::nullopt;
  const auto time = given->is_string() ? parse_rfc3339(given->get<std::string>()) : std::nullopt;
  if (!time) refuse("since", "a time such as 2026-01-31T12:00:00Z");
  return time;
}

}  // namespace host
