// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <timmy/services.hpp>
#include <vector>

#include "names.hpp"

namespace triage {

// Longer bodies are cut in lists, so that a list of two thousand fits into an answer however long
// people write. What needs more is read on its own.
inline constexpr int kBodyLimit = 4 * 1024;

// What `read` lists with bodies cut so, or with none where even that is too much for an answer.
template <class Read>
[[nodiscard]] auto with_bodies_cut(const Read& read) {
  try {
    return read(kBodyLimit);
  } catch (const timmy::Permanent& failure) {
    if (failure.code() != "too_large") throw;
  }
  return read(0);
}

// The open pull requests of a repository, so.
[[nodiscard]] std::vector<timmy::PullRequest> open_prs(const timmy::Gitea& gitea,
                                                       const std::string& repo);

// What a repository has, as far as is known: of one that the config names in full, all.
struct Has {
  bool issues = true;
  bool pulls = true;
  std::int64_t id = 0;  // on the forge; 0: not known
};

struct RepoOrder {
  [[nodiscard]] bool operator()(const std::string& a, const std::string& b) const {
    return lowered(a) < lowered(b);
  }
};
// By full name, in which letters of either case are the same.
using Repos = std::map<std::string, Has, RepoOrder>;

// The repositories that the config's names stand for, sorted. A name with a * is looked up among
// its owner's, by one call for an owner; archived ones are left out.
[[nodiscard]] Repos repos_of(const timmy::Gitea& gitea, const Names& names);

// Those of them that have issues, or pull requests.
[[nodiscard]] Names repos_with(const timmy::Gitea& gitea, const Names& names, bool Has::*what);

}  // namespace triage
