// SPDX-License-Identifier: Apache-2.0
//
// The objects of the API, field by field as Gitea 1.26 prints them.
#include <algorithm>

#include "forge/reply.hpp"

namespace host::forge {
namespace {

constexpr const char* kNever = "0001-01-01T00:00:00Z";

WallTime epoch() { return {}; }

std::string api(const ForgeState& state, const Repo& repo) {
  return state.settings.root_url + "api/v1/repos/" + repo.full_name();
}

bool allows(const Repo& repo, const std::string& style) {
  return std::find(repo.merge_styles.begin(), repo.merge_styles.end(), style) !=
         repo.merge_styles.end();
}

Json owner_json(const ForgeState& state, const std::string& login) {
  const auto at = state.users.find(lower(login));
  return at == state.users.end() ? Json(nullptr) : user_json(state, at->second);
}

}  // namespace

Json user_json(const ForgeState& state, const User& user) {
  return {{"id", user.id},
          {"login", user.login},
          {"login_name", ""},
          {"source_id", 0},
          {"full_name", ""},
          {"email", user.organisation ? "" : lower(user.login) + "@noreply.localhost"},
          {"avatar_url", state.settings.root_url + "avatars/" + lower(user.login)},
          {"html_url", state.settings.root_url + user.login},
          {"language", ""},
          {"is_admin", user.admin},
          {"last_login", format_time(state, epoch())},
          {"created", format_time(state, user.created)},
          {"restricted", false},
          {"active", true},
          {"prohibit_login", false},
          {"location", ""},
          {"website", ""},
          {"description", ""},
          {"visibility", "public"},
          {"followers_count", 0},
          {"following_count", 0},
          {"starred_repos_count", 0},
          {"username", user.login}};
}

Json organisation_json(const ForgeState& state, const User& user) {
  return {{"id", user.id},
          {"name", user.login},
          {"full_name", ""},
          {"email", ""},
          {"avatar_url", state.settings.root_url + "avatars/" + lower(user.login)},
          {"description", ""},
          {"website", ""},
          {"location", ""},
          {"visibility", "public"},
          {"repo_admin_change_team_access", false},
          {"username", user.login}};
}

Json repo_json(const ForgeState& state, const Repo& repo, const User* doer) {
  const auto access = state.access(doer, repo);
  const auto html = state.settings.root_url + repo.full_name();
  std::int64_t open = 0, open_pulls = 0;
  for (const auto& [number, issue] : repo.issues)
    if (!issue.closed) ++(issue.pull ? open_pulls : open);
  Json json = {{"id", repo.id},
               {"owner", owner_json(state, repo.owner)},
               {"name", repo.name},
               {"full_name", repo.full_name()},
               {"description", repo.description},
               {"empty", repo.branches.empty()},
               {"private", repo.hidden},
               {"fork", false},
               {"template", false},
               {"mirror", false},
               {"size", 24},
               {"language", ""},
               {"languages_url", api(state, repo) + "/languages"},
               {"html_url", html},
               {"url", api(state, repo)},
               {"link", ""},
               {"ssh_url", "git@localhost:" + repo.full_name() + ".git"},
               {"clone_url", html + ".git"},
               {"original_url", ""},
               {"website", ""},
               {"stars_count", 0},
               {"forks_count", 0},
               {"watchers_count", 1},
               {"branch_count", repo.branches.size()},
               {"open_issues_count", open},
               {"open_pr_counter", open_pulls},
               {"release_counter", 0},
               {"default_branch", repo.default_branch},
               {"archived", repo.archived},
               {"created_at", format_time(state, repo.created)},
               {"updated_at", format_time(state, repo.updated)},
               {"archived_at", format_time(state, repo.archived ? repo.updated : epoch())}};
  json["permissions"] = {{"admin", access == Access::admin},
                         {"push", access >= Access::write},
                         {"pull", access >= Access::read}};
  json["has_code"] = json["has_wiki"] = json["has_pull_requests"] = json["has_projects"] = true;
  json["has_issues"] = repo.issues_on;
  if (repo.issues_on)
    json["internal_tracker"] = {{"enable_time_tracker", true},
                                {"allow_only_contributors_to_track_time", true},
                                {"enable_issue_dependencies", true}};
  json["has_releases"] = true;
  json["has_packages"] = json["has_actions"] = json["ignore_whitespace_conflicts"] = false;
  json["projects_mode"] = "all";
  for (const auto& [field, style] : kStyleFields) json[field] = allows(repo, style);
  json["allow_rebase_update"] = json["default_allow_maintainer_edit"] = true;
  json["allow_manual_merge"] = json["autodetect_manual_merge"] = false;
  json["default_delete_branch_after_merge"] = json["internal"] = false;
  json["default_merge_style"] = "merge";
  json["avatar_url"] = json["mirror_interval"] = "";
  json["object_format_name"] = "sha1";
  json["mirror_updated"] = kNever;
  json["topics"] = json["licenses"] = Json::array();
  return json;
}

Json label_json(const ForgeState& state, const Repo* repo, const std::string& owner,
                const Label& label) {
  const auto base = repo ? api(state, *repo) : state.settings.root_url + "api/v1/orgs/" + owner;
  return {{"id", label.id},
          {"name", label.name},
          {"exclusive", label.exclusive},
          {"is_archived", label.archived},
          {"color", label.color},
          {"description", label.description},
          {"url", base + "/labels/" + std::to_string(label.id)}};
}

Json labels_json(const ForgeState& state, const Repo& repo, const Issue& issue) {
  Json all = Json::array();
  for (const auto& label : state.labels_of(repo, issue)) {
    bool own = false;
    for (const auto& mine : repo.labels) own = own || mine.id == label.id;
    all.push_back(label_json(state, own ? &repo : nullptr, repo.owner, label));
  }
  return all;
}

Json issue_json(const ForgeState& state, const Repo& repo, const Issue& issue) {
  const auto path = "/issues/" + std::to_string(issue.number);
  const auto html = state.settings.root_url + repo.full_name() +
                    (issue.pull ? "/pulls/" + std::to_string(issue.number) : path);
  Json assignees = nullptr;  // never an empty array
  for (const auto& login : issue.assignees) assignees.push_back(owner_json(state, login));
  Json pull = nullptr;
  if (issue.pull) {
    const auto at = repo.pulls.find(issue.number);
    const bool merged = at != repo.pulls.end() && !at->second.merged_as.empty();
    pull = {{"merged", merged},
            {"merged_at", merged ? Json(format_time(state, *at->second.merged_at)) : Json()},
            {"draft", is_draft(issue)},
            {"html_url", html}};
  }
  return {
      {"id", issue.id},
      {"url", api(state, repo) + path},
      {"html_url", html},
      {"number", issue.number},
      {"user", owner_json(state, issue.login)},
      {"original_author", ""},
      {"original_author_id", 0},
      {"title", issue.title},
      {"body", issue.body},
      {"ref", ""},
      {"assets", Json::array()},
      {"labels", labels_json(state, repo, issue)},
      {"milestone", nullptr},
      {"assignee", assignees.is_null() ? Json(nullptr) : assignees[0]},
      {"assignees", assignees},
      {"state", issue.closed ? "closed" : "open"},
      {"is_locked", issue.locked},
      {"comments", issue.comments.size()},
      {"created_at", format_time(state, issue.created)},
      {"updated_at", format_time(state, issue.updated)},
      {"closed_at", issue.closed_at ? Json(format_time(state, *issue.closed_at)) : Json(nullptr)},
      {"due_date", nullptr},
      {"time_estimate", 0},
      {"pull_request", pull},
      {"repository",
       {{"id", repo.id},
        {"name", repo.name},
        {"owner", repo.owner},
        {"full_name", repo.full_name()}}},
      {"pin_order", 0},
      {"content_version", issue.content_version}};
}

Json comment_json(const ForgeState& state, const Repo& repo, const Issue& issue,
                  const Comment& comment) {
  const auto html = state.settings.root_url + repo.full_name() +
                    (issue.pull ? "/pulls/" : "/issues/") + std::to_string(issue.number);
  return {{"id", comment.id},
          {"html_url", html + "#issuecomment-" + std::to_string(comment.id)},
          {"pull_request_url", issue.pull ? html : ""},
          {"issue_url", issue.pull ? "" : html},
          {"user", owner_json(state, comment.login)},
          {"original_author", ""},
          {"original_author_id", 0},
          {"body", comment.body},
          {"assets", Json::array()},
          {"created_at", format_time(state, comment.created)},
          {"updated_at", format_time(state, comment.updated)}};
}

}  // namespace host::forge
