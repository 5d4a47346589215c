// SPDX-License-Identifier: Apache-2.0
#include "pull_look.hpp"

namespace triage {
namespace {

using timmy::Json;

// How long a forge may look for conflicts before "can't be merged" is taken for its answer.
constexpr auto kLooksFor = std::chrono::minutes(2);

}  // namespace

PullLook PullWatch::look(const std::string& repo, timmy::PullRequest pull, timmy::Time taken,
                         Memory& memory) {
  PullLook look;
  look.taken = taken;
  auto& facts = look.facts;
  facts.me = me();
  facts.settled = is_settled(pull, memory);
  facts.hits = hits_in(repo, pull, memory);
  facts.reviews = ctx_.gitea().list_reviews(repo, pull.number);
  for (auto& check : ctx_.gitea().combined_status(repo, pull.head.sha).statuses) {
    if (!reviewing_.status.empty() && check.context == reviewing_.status)
      look.status = std::move(check);
    else
      facts.checks.push_back(std::move(check));
  }
  facts.pull = std::move(pull);
  for (const auto& login : reviewers_in(facts)) facts.permissions[login] = permission(repo, login);
  return look;
}

// False for a head that was not seen for long enough.
bool PullWatch::is_settled(const timmy::PullRequest& pull, Memory& memory) const {
  const auto seen = memory.time("unmergeable");
  const bool same = memory.own().value("unmergeable_head", "") == pull.head.sha;
  if (pull.mergeable || (seen && same)) {
    if (!pull.mergeable) return now_() - *seen >= kLooksFor;
    if (seen) memory.set("unmergeable", nullptr), memory.keep();
    return true;
  }
  memory.set("unmergeable", now_());
  memory.set("unmergeable_head", Json(pull.head.sha));
  memory.keep();
  return false;
}

std::vector<Hit> PullWatch::hits_in(const std::string& repo, const timmy::PullRequest& pull,
                                    Memory& memory) const {
  const auto& policy = reviewing_.policy;
  auto hits = policy.find(pull);
  if (!policy.looks_at(Place::files) && !policy.looks_at(Place::commits)) return hits;
  const auto key = pull.head.sha + " " + pull.base.branch + " " + policy.fingerprint();
  if (memory.own().value("searched", "") != key) {
    Json found = Json::array();
    const auto add = [&](const std::vector<Hit>& more) {
      for (const auto& hit : more) found.push_back(hit.to_json());
    };
    if (policy.looks_at(Place::files))
      add(policy.find(ctx_.gitea().list_pr_files(repo, pull.number)));
    if (policy.looks_at(Place::commits))
      add(policy.find(ctx_.gitea().list_pr_commits(repo, pull.number)));
    memory.set("searched", Json(key));
    memory.set("found", std::move(found));
    memory.keep();
  }
  for (const auto& hit : memory.own().value("found", Json::array())) hits.push_back(Hit::from(hit));
  return hits;
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

const std::string& PullWatch::me() {
  if (me_.empty()) me_ = ctx_.gitea().whoami().login;
  return me_;
}

}  // namespace triage
