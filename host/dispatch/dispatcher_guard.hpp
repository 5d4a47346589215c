// SPDX-License-Identifier: Apache-2.0
//
// The duplicate guard: what the forge shows of others' work on an issue. It is asked at intake,
// before an agent starts, and before a pull request is opened; the claim in the store keeps this
// host's own items apart.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.hpp"
#include "base/result.hpp"
#include "dispatch/item.hpp"
#include "gitea/gitea.hpp"

namespace host::dispatch {

// Whether a pull request's text names that issue of its own repository: "#12", "org/app#12", or the
// issue's page. "#123" and "other/app#12" do not.
[[nodiscard]] bool names_issue(std::string_view text, std::string_view repository,
                               std::int64_t number);

struct GuardFacts {
  std::vector<PullRequest> pulls;  // open ones, and others that changed since the issue was made
  std::optional<Branch> branch;    // the item's, at the forge
};

struct GuardVerdict {
  std::vector<std::string> reasons;  // why not; empty: the way is free
  // The open one that this item opened, or that its host's user did from the item's own commits:
  // what a host that was killed may have left.
  std::optional<PullRequest> own;
  Json evidence = Json::object();
};

// A merged pull request, and a branch that somebody else put there, stand in the way as an open one
// does; where a person ordered the work, who has seen them, merged ones don't. A branch that is as
// this host pushed it, or is about to, is its own.
[[nodiscard]] GuardVerdict judge(const Item& item, const std::string& branch,
                                 const GuardFacts& facts);

// Asks the forge. `since`: when the issue was made; what nobody touched since then can't name it.
void ask_guard_facts(Gitea& gitea, const Item& item, const std::string& branch,
                     std::optional<WallTime> since, Reply<GuardFacts> reply);

}  // namespace host::dispatch
