// SPDX-License-Identifier: Apache-2.0
//
// What there is at the forge that a playbook could take.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "dispatch/dispatcher_rules.hpp"
#include "gitea/gitea.hpp"

namespace host::dispatch {

// Those that fit some globs, as far as the token sees them. May reply at once.
using FindRepositories = std::function<void(std::vector<std::string> globs,
                                            std::function<void(std::vector<RepoName>)> reply)>;

// What one look at a repository showed.
struct FoundIssues {
  std::string repository;
  std::vector<Issue> issues;
  bool whole = false;  // all that are open; else what changed, closed ones among them
  bool pulls = false;  // pull requests are among them
};

// Reads each repository that a playbook is meant for: at first, and again after `sweep`, all that
// is open; in between what has changed. A repository that can't be read is left out, and said once.
// Loop thread.
class ForgeSearch {
 public:
  // All outlive it.
  ForgeSearch(Loop& loop, Gitea& gitea, FindRepositories find, Log log, Duration sweep);
  ~ForgeSearch();
  ForgeSearch(const ForgeSearch&) = delete;
  ForgeSearch& operator=(const ForgeSearch&) = delete;

  // Pull requests are read where a playbook takes them, and of the repositories `pulls_of`, by full
  // name. `found` is called for each repository, `done` after the last. One look at a time: what is
  // asked for meanwhile is not heard. Destroyed, it calls nothing.
  void look(std::shared_ptr<const DispatchRules> rules, std::set<std::string> pulls_of,
            std::function<void(FoundIssues)> found, std::function<void()> done);
  // The next look is at everything.
  void forget();

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host::dispatch
