// SPDX-License-Identifier: Apache-2.0
#include "services/gitea_json.hpp"

#include "base/error.hpp"

namespace host {
namespace {

Json optional_time(const std::optional<WallTime>& time) {
  return time ? Json(format_utc(*time)) : Json();
}

Json to_json(const PullEnd& end) {
  return {{"branch", end.branch}, {"sha", end.sha}, {"repo", end.repo}};
}

Json to_json(const Signature& who) { return {{"name", who.name}, {"email", who.email}}; }

// Only in what was cut: all the rest is as the forge has it.
template <class T>
Json with_cut(Json json, const T& object) {
  if (object.body_cut) json["body_cut"] = true;
  return json;
}

}  // namespace

Json label_names(const std::vector<Label>& labels) {
  Json names = Json::array();
  for (const auto& label : labels) names.push_back(label.name);
  return names;
}

std::string_view name(Permission permission) {
  switch (permission) {
    case Permission::none: return "none";
    case Permission::read: return "read";
    case Permission::write: return "write";
    case Permission::admin: return "admin";
    case Permission::owner: return "owner";
  }
  throw Error(Code::internal, "no such permission");
}

Json to_json(const Repository& repo) {
  return {{"id", repo.id},
          {"full_name", repo.full_name},
          {"default_branch", repo.default_branch},
          {"archived", repo.archived},
          {"empty", repo.empty},
          {"private", repo.is_private},
          {"mirror", repo.mirror},
          {"has_issues", repo.has_issues},
          {"has_pulls", repo.has_pulls},
          {"can_push", repo.can_push},
          {"can_admin", repo.can_admin},
          {"merge_styles", repo.merge_styles},
          {"default_merge_style", repo.default_merge_style}};
}

Json to_json(const Label& label) {
  return {{"name", label.name},
          {"color", label.color},
          {"description", label.description},
          {"exclusive", label.exclusive}};
}

Json to_json(const Issue& issue) {
  Json json{{"number", issue.number},
            {"title", issue.title},
            {"body", issue.body},
            {"state", issue.state},
            {"user", issue.user},
            {"labels", label_names(issue.labels)},
            {"assignees", issue.assignees},
            {"milestone", issue.milestone},
            {"is_locked", issue.is_locked},
            {"is_pull", issue.is_pull},
            {"comments", issue.comments},
            {"html_url", issue.html_url},
            {"created_at", optional_time(issue.created_at)},
            {"updated_at", optional_time(issue.updated_at)},
            {"closed_at", optional_time(issue.closed_at)}};
  return with_cut(std::move(json), issue);
}

Json to_json(const Comment& comment) {
  return {{"id", comment.id},
          {"number", comment.number},
          {"body", comment.body},
          {"user", comment.user},
          {"html_url", comment.html_url},
          {"created_at", optional_time(comment.created_at)},
          {"updated_at", optional_time(comment.updated_at)}};
}

Json to_json(const Team& team) { return {{"id", team.id}, {"name", team.name}}; }

Json to_json(const PullRequest& pull) {
  Json json{{"number", pull.number},
            {"title", pull.title},
            {"body", pull.body},
            {"state", pull.state},
            {"user", pull.user},
            {"labels", label_names(pull.labels)},
            {"assignees", pull.assignees},
            {"milestone", pull.milestone},
            {"requested_reviewers", pull.requested_reviewers},
            {"draft", pull.draft},
            {"merged", pull.merged},
            {"mergeable", pull.mergeable},
            {"merge_commit_sha", pull.merge_commit_sha},
            {"base", to_json(pull.base)},
            {"head", to_json(pull.head)},
            {"comments", pull.comments},
            {"html_url", pull.html_url},
            {"created_at", optional_time(pull.created_at)},
            {"updated_at", optional_time(pull.updated_at)}};
  return with_cut(std::move(json), pull);
}

Json to_json(const ChangedFile& file) {
  return {{"name", file.name},
          {"previous_name", file.previous_name},
          {"status", file.status},
          {"additions", file.additions},
          {"deletions", file.deletions}};
}

Json to_json(const Commit& commit) {
  return {{"sha", commit.sha},
          {"message", commit.message},
          {"author", to_json(commit.author)},
          {"committer", to_json(commit.committer)}};
}

Json to_json(const Review& review) {
  return {{"id", review.id},
          {"user", review.user},
          {"state", review.state},
          {"body", review.body},
          {"commit_sha", review.commit_sha},
          {"official", review.official},
          {"stale", review.stale},
          {"dismissed", review.dismissed},
          {"html_url", review.html_url},
          {"submitted_at", optional_time(review.submitted_at)}};
}

Json to_json(const CommitStatus& status) {
  return {{"id", status.id},
          {"context", status.context},
          {"state", status.state},
          {"description", status.description},
          {"target_url", status.target_url}};
}

Json to_json(const CombinedStatus& combined) {
  Json all = json_list("statuses", combined.statuses);
  all["state"] = name(combined.state);
  return all;
}

}  // namespace host
