// SPDX-License-Identifier: Apache-2.0
//
// The objects around pull requests, field by field as Gitea 1.26 prints them.
#include "forge/reply.hpp"

namespace host::forge {
namespace {

Json person(const ForgeState& state, const std::string& login) {
  const auto at = state.users.find(lower(login));
  return at == state.users.end() ? Json(nullptr) : user_json(state, at->second);
}

Json people(const ForgeState& state, const std::vector<std::string>& logins) {
  Json all = Json::array();
  for (const auto& login : logins) all.push_back(person(state, login));
  return all;
}

std::string html(const ForgeState& state, const Repo& repo, const Issue& issue) {
  return state.settings.root_url + repo.full_name() + "/pulls/" + std::to_string(issue.number);
}

}  // namespace

bool is_draft(const Issue& issue) {
  const auto title = lower(issue.title);
  return title.starts_with("wip:") || title.starts_with("[wip]");
}

Json pull_json(const ForgeState& state, const Repo& repo, const Issue& issue, const Pull& pull,
               const User* doer) {
  const auto url = html(state, repo, issue);
  const auto as_issue = issue_json(state, repo, issue);
  const auto about = repo_json(state, repo, doer);
  const bool merged = !pull.merged_as.empty(), there = repo.branches.contains(pull.head);
  const auto base = repo.branches.find(pull.base);
  const bool mergeable =
      !merged && pull.checks == 0 && !is_draft(issue) && ForgeState::merged_files(repo, pull);
  Json json = {{"id", issue.id + 1'000'000},
               {"url", url},
               {"number", issue.number},
               {"requested_reviewers", people(state, pull.requested)},
               {"requested_reviewers_teams", Json::array()},
               {"draft", is_draft(issue)},
               {"html_url", url},
               {"diff_url", url + ".diff"},
               {"patch_url", url + ".patch"},
               {"mergeable", mergeable},
               {"merged", merged},
               {"merged_at", merged ? Json(format_time(state, *pull.merged_at)) : Json()},
               {"merge_commit_sha", merged ? Json(pull.merged_as) : Json()},
               {"merged_by", merged ? person(state, pull.merged_by) : Json()},
               {"allow_maintainer_edit", true},
               {"merge_base", pull.merge_base}};
  json["base"] = {{"label", pull.base},
                  {"ref", pull.base},
                  {"sha", base == repo.branches.end() ? "" : base->second},
                  {"repo_id", repo.id},
                  {"repo", about}};
  json["head"] = {
      {"label", pull.head},
      {"ref", there ? pull.head : "refs/pull/" + std::to_string(issue.number) + "/head"},
      {"sha", ForgeState::head_of(repo, pull)},
      {"repo_id", repo.id},
      {"repo", about}};
  for (const auto* field : {"user", "title", "body", "labels", "milestone", "assignee", "state",
                            "is_locked", "comments", "due_date", "created_at", "updated_at",
                            "closed_at", "pin_order", "content_version"})
    json[field] = as_issue.at(field);
  json["assignees"] = people(state, issue.assignees);  // here it is an array always
  return json;
}

Json review_json(const ForgeState& state, const Repo& repo, const Issue& issue, const Pull& pull,
                 const Review& review) {
  const auto url = html(state, repo, issue);
  return {{"id", review.id},
          {"user", person(state, review.login)},
          {"team", nullptr},
          {"state", review.state},
          {"body", review.body},
          {"commit_id", review.commit},
          {"stale", review.commit != ForgeState::head_of(repo, pull)},
          {"official", review.official},
          {"dismissed", false},
          {"comments_count", 0},
          {"submitted_at", format_time(state, review.submitted)},
          {"updated_at", format_time(state, review.submitted)},
          {"html_url", url + "#issuecomment-" + std::to_string(review.id)},
          {"pull_request_url", url}};
}

Json status_json(const ForgeState& state, const Repo& repo, const std::string& hash,
                 const Status& status) {
  return {
      {"id", status.id},
      {"status", status.state},
      {"target_url", status.target_url},
      {"description", status.description},
      {"url", state.settings.root_url + "api/v1/repos/" + repo.full_name() + "/statuses/" + hash},
      {"context", status.context},
      {"creator", person(state, status.login)},
      {"created_at", format_time(state, status.created)},
      {"updated_at", format_time(state, status.created)}};
}

Json branch_json(const ForgeState& state, const Repo& repo, const std::string& name,
                 const std::string& hash, const User* doer) {
  const bool writes = state.access(doer, repo) >= Access::write;
  return {{"name", name},
          {"commit",
           {{"id", hash},
            {"message", ""},
            {"url", state.settings.root_url + repo.full_name() + "/commit/" + hash}}},
          {"protected", false},
          {"required_approvals", 0},
          {"enable_status_check", false},
          {"status_check_contexts", Json::array()},
          {"user_can_push", writes},
          {"user_can_merge", writes},
          {"effective_branch_protection_name", ""}};
}

Json team_json(const ForgeState& state, const Team& team) {
  const auto at = state.users.find(lower(team.organisation));
  return {{"id", team.id},
          {"name", team.name},
          {"description", ""},
          {"organization", at == state.users.end() ? Json() : organisation_json(state, at->second)},
          {"includes_all_repositories", false},
          {"permission", team.name == "Owners" ? "owner" : "none"},
          {"units", Json::array()},
          {"can_create_org_repo", false}};
}

}  // namespace host::forge
