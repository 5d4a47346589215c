// SPDX-License-Identifier: Apache-2.0
#include "pull_look.hpp"

#include <tuple>

namespace triage {
namespace {

using timmy::Json;

// How long a forge may look for conflicts before "can't be merged" is taken for its answer.
constexpr auto kLooksFor = std::chrono::minutes(2);

}  // namespace

bool is_as_it_was(const timmy::PullRequest& then, const timmy::PullRequest& now) {
  const auto facts = [](const timmy::PullRequest& pull) {
    return std::tie(pull.head.sha, pull.base.branch, pull.updated_at, pull.state, pull.draft,
                    pull.mergeable, pull.title, pull.body, pull.user, pull.labels);
  };
  return facts(then) == facts(now);
}

PullLook PullWatch::look(const std::string& repo, timmy::PullRequest pull, timmy::Time taken,
                         Memory& memory) {
  PullLook look;
  look.taken = taken;
  auto& facts = look.facts;
  facts.me = me();
  facts.pull = std::move(pull);
  // First, since it may find another head.
  const Json found = found_in(repo, look, memory);
  facts.hits = reviewing_.policy.find(facts.pull);
  for (const auto& hit : found) facts.hits.push_back(Hit::from(hit));
  facts.settled = is_settled(facts.pull, memory);
  facts.reviews = ctx_.gitea().list_reviews(repo, facts.pull.number);
  for (auto& check : ctx_.gitea().combined_status(repo, facts.pull.head.sha).statuses) {
    if (!reviewing_.status.empty() && check.context == reviewing_.status)
      look.status = std::move(check);
    else
      facts.checks.push_back(std::move(check));
  }
  for (const auto& login : reviewers_in(facts)) facts.permissions[login] = permission(repo, login);
  return look;
}

// False for a head that was not seen for long enough.
bool PullWatch::is_settled(const timmy::PullRequest& pull, Memory& memory) const {
  const auto seen = memory.time("unmergeable");
  // One from a clock that was ahead is none.
  const bool past = seen && *seen <= now_();
  const bool same = memory.own().value("unmergeable_head", "") == pull.head.sha;
  if (pull.mergeable || (past && same)) {
    if (!pull.mergeable) return now_() - *seen >= kLooksFor;
    if (seen) memory.set("unmergeable", nullptr), memory.keep();
    return true;
  }
  memory.set("unmergeable", now_());
  memory.set("unmergeable_head", Json(pull.head.sha));
  memory.keep();
  return false;
}

// The forge lists the files and commits of whatever head and base there are when it is asked. What
// is found is of those of the look only if they are the same afterwards.
Json PullWatch::found_in(const std::string& repo, PullLook& look, Memory& memory) const {
  const auto& policy = reviewing_.policy;
  if (!policy.looks_at(Place::files) && !policy.looks_at(Place::commits)) return Json::array();
  auto& pull = look.facts.pull;
  constexpr int kMost = 3;
  for (int tries = 0; tries < kMost; ++tries) {
    const auto key = pull.head.sha + " " + pull.base.branch + " " + policy.fingerprint();
    if (memory.own().value("searched", "") == key)
      return memory.own().value("found", Json::array());
    Json found = search(repo, pull.number);
    const auto at = now_();
    auto again = ctx_.gitea().get_pr(repo, pull.number);
    // Also when it was updated: it may have been away and come back.
    const bool same = again.head.sha == pull.head.sha && again.base.branch == pull.base.branch &&
                      again.updated_at == pull.updated_at;
    pull = std::move(again);
    look.taken = at;
    if (!same) continue;
    memory.set("searched", Json(key));
    memory.set("found", found);
    memory.keep();
    return found;
  }
  throw timmy::Retryable("slow", repo + "#" + std::to_string(pull.number) +
                                     ": it changes faster than it can be looked at");
}

Json PullWatch::search(const std::string& repo, std::int64_t number) const {
  const auto& policy = reviewing_.policy;
  Json found = Json::array();
  const auto add = [&](const std::vector<Hit>& hits) {
    for (const auto& hit : hits) found.push_back(hit.to_json());
  };
  if (policy.looks_at(Place::files)) add(policy.find(ctx_.gitea().list_pr_files(repo, number)));
  if (policy.looks_at(Place::commits)) add(policy.find(ctx_.gitea().list_pr_commits(repo, number)));
  return found;
}

const std::string& PullWatch::permission(const std::string& repo, const std::string& login) {
  auto [known, unknown] = permissions_.try_emplace({repo, login});
  if (!unknown) return known->second;
  try {
    known->second = ctx_.gitea().user_permission(repo, login);
  } catch (const timmy::Permanent& failure) {
    // Who is gone may do nothing; what may not be asked stays unknown.
    if (failure.code() == "not_found")
      known->second = "none";
    else if (failure.code() != "denied")
      throw;
  }
  return known->second;
}

}  // namespace triage
