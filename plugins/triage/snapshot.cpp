// SPDX-License-Identifier: Apache-2.0
#include "snapshot.hpp"

namespace triage {
namespace {

// What issues and pull requests have in common.
template <class Object>
Snapshot common(const std::string& repo, const Object& object, timmy::Time taken) {
  Snapshot snapshot;
  snapshot.repo = repo;
  snapshot.number = object.number;
  snapshot.title = object.title;
  snapshot.body = object.body;
  snapshot.body_cut = object.body_cut;
  snapshot.author = object.user;
  snapshot.labels = object.labels;
  snapshot.assignees = object.assignees;
  snapshot.open = object.state == "open";
  snapshot.created_at = object.created_at;
  snapshot.updated_at = object.updated_at;
  snapshot.taken = taken;
  return snapshot;
}

}  // namespace

Snapshot Snapshot::of(const std::string& repo, const timmy::Issue& issue, timmy::Time taken) {
  Snapshot snapshot = common(repo, issue, taken);
  snapshot.kind = issue.raw.value("is_pull", false) ? Kind::pull : Kind::issue;
  return snapshot;
}

Snapshot Snapshot::of(const std::string& repo, const timmy::PullRequest& pull, timmy::Time taken) {
  Snapshot snapshot = common(repo, pull, taken);
  snapshot.kind = Kind::pull;
  return snapshot;
}

}  // namespace triage
