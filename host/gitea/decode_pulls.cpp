// SPDX-License-Identifier: Apache-2.0
#include "gitea/decode_pulls.hpp"

#include "gitea/decode.hpp"
#include "gitea/fields.hpp"

namespace host {

using fields::find;
using fields::flag;
using fields::number;
using fields::text;
using fields::time;

namespace {

PullEnd decode_end(const Json& json, const char* field) {
  PullEnd end;
  const Json* value = find(json, field);
  if (value == nullptr) return end;
  // Once the branch is deleted `ref` is "refs/pull/N/head", and `label` keeps the name; what was
  // pushed without a branch has no label.
  end.branch = text(*value, "label");
  if (end.branch.empty()) end.branch = text(*value, "ref");
  end.sha = text(*value, "sha");
  if (const Json* repo = find(*value, "repo")) end.repo = text(*repo, "full_name");
  return end;
}

}  // namespace

PullRequest decode_pull(const Json& json) {
  PullRequest pull;
  pull.number = number(json, "number");
  if (pull.number <= 0) throw Error(Code::invalid, "the pull request has no number");
  pull.id = number(json, "id");
  pull.title = text(json, "title");
  pull.body = text(json, "body");
  pull.state = text(json, "state");
  pull.user = fields::login(json, "user");
  if (const Json* labels = find(json, "labels")) pull.labels = decode_labels(*labels);
  pull.assignees = fields::logins(json, "assignees");
  pull.requested_reviewers = fields::logins(json, "requested_reviewers");
  pull.draft = flag(json, "draft");
  pull.merged = flag(json, "merged");
  pull.mergeable = flag(json, "mergeable");
  pull.merge_commit_sha = text(json, "merge_commit_sha");
  pull.base = decode_end(json, "base");
  pull.head = decode_end(json, "head");
  pull.html_url = text(json, "html_url");
  pull.comments = number(json, "comments");
  pull.created_at = time(json, "created_at");
  pull.updated_at = time(json, "updated_at");
  if (const Json* milestone = find(json, "milestone")) pull.milestone = text(*milestone, "title");
  pull.body_cut = flag(json, "body_cut");
  return pull;
}

Commit decode_commit(const Json& json) {
  Commit commit;
  commit.sha = text(json, "sha");
  if (commit.sha.empty()) throw Error(Code::invalid, "the commit has no sha");
  const Json* said = find(json, "commit");
  if (said == nullptr) return commit;
  commit.message = text(*said, "message");
  for (const auto& [field, who] :
       {std::pair("author", &commit.author), std::pair("committer", &commit.committer)})
    if (const Json* signature = find(*said, field))
      *who = {text(*signature, "name"), text(*signature, "email")};
  return commit;
}

ChangedFile decode_file(const Json& json) {
  ChangedFile file;
  file.name = text(json, "filename");
  if (file.name.empty()) throw Error(Code::invalid, "the changed file has no name");
  file.previous_name = text(json, "previous_filename");
  file.status = text(json, "status");
  file.additions = number(json, "additions");
  file.deletions = number(json, "deletions");
  return file;
}

Review decode_review(const Json& json) {
  Review review;
  review.id = number(json, "id");
  if (review.id <= 0) throw Error(Code::invalid, "the review has no id");
  review.user = fields::login(json, "user");
  review.state = text(json, "state");
  review.body = text(json, "body");
  review.commit_sha = text(json, "commit_id");
  review.official = flag(json, "official");
  review.stale = flag(json, "stale");
  review.dismissed = flag(json, "dismissed");
  review.html_url = text(json, "html_url");
  review.submitted_at = time(json, "submitted_at");
  return review;
}

CommitStatus decode_status(const Json& json) {
  CommitStatus status;
  status.id = number(json, "id");
  status.context = text(json, "context");
  status.state = text(json, "status");  // "state" is that of all together
  status.description = text(json, "description");
  status.target_url = text(json, "target_url");
  return status;
}

}  // namespace host
