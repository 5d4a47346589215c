// SPDX-License-Identifier: Apache-2.0
//
// `quality-gate`: whether a pull request of the host's may be merged. Its gates were green on the
// very commit that is its head, nothing banned took part, and a person who may write the repository
// has approved that commit. The forge shows it as the status "timmy/quality-gate"; a branch's
// protection can ask for that.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "dispatch/playbook.hpp"
#include "dispatch/verify.hpp"
#include "gitea/gitea.hpp"
#include "tokens/banned.hpp"

namespace host::dispatch {

inline constexpr std::string_view kQualityContext = "timmy/quality-gate";

// What the host knows of its own pull request.
struct SealedWork {
  std::string repository;  // "owner/name"
  std::int64_t pull = 0;   // its number
  std::string head;        // the host's commit on top of what was verified
  std::string base;        // the branch that it is to be merged into
  bool passed = false;     // all gates
  std::vector<UsedModel> models;
  bool bypassable = false;  // the run could reach models past the meter
};

// What is known of it at the forge now.
struct QualityFacts {
  SealedWork work;
  PullRequest pull;
  std::vector<Review> reviews;                    // oldest first
  std::map<std::string, Permission> permissions;  // of the reviewers, by login as it stands there
  std::vector<CommitStatus> statuses;             // of the head, the newest of each context
  std::string own_login;
  std::vector<std::string> banned;  // what banned_models() says
};

struct QualityVerdict {
  enum class State { eligible, waiting, refused };  // waiting: for a person, or for other checks
  State state = State::waiting;
  std::vector<std::string> reasons;     // why it is not eligible; all of them
  std::vector<std::string> signed_off;  // logins whose approval counts
};
[[nodiscard]] std::string_view name(QualityVerdict::State state) noexcept;

// Of somebody's reviews the last that approves or asks for changes counts. An approval counts when
// it is of the head, neither stale nor dismissed, by somebody who may write and is neither the
// host's own user nor the pull request's author. One of them who asks for changes stands in the
// way.
[[nodiscard]] QualityVerdict judge_quality(const QualityFacts& facts);

[[nodiscard]] NewStatus quality_status(const QualityVerdict& verdict);

struct QualityLook {
  QualityVerdict verdict;
  PullRequest pull;     // as it is then
  bool merged = false;  // it is merged, by whomever
};

// Looks, sets the status, and merges where the playbook says so and it is eligible. May be called
// again at any time. Loop thread; `gitea`, `playbook` and `banned` outlive the reply. Where the
// head moved the status goes onto the new head, which is refused.
void run_quality_gate(Gitea& gitea, const Playbook& playbook, const BannedModels& banned,
                      SealedWork work, Reply<QualityLook> reply);

}  // namespace host::dispatch
