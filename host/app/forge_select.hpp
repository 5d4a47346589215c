// SPDX-License-Identifier: Apache-2.0
//
// Which repositories a question is about.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gitea/gitea.hpp"

namespace host {

// What could not be read, and why.
struct ForgeFailure {
  std::string what;  // "org/app", "org/*"
  Error error;
};

struct Selected {
  RepoName name;
  // Whether they are switched on, as far as the list of repositories said.
  bool has_issues = true;
  bool has_pulls = true;
};

struct Selection {
  std::vector<Selected> repos;  // sorted, each once, both without case
  std::vector<ForgeFailure> failed;
};

// Of `names`: "org/app" is itself, whether it exists or not; "org/*" and "*/app" are what fits of
// what the owner has, or of what the token's user owns or works in ('*' as in grants, without
// case). With `owner`, a name may be without one, and no name at all means all that the owner has.
// Without both: all that the token's user owns or works in. Found, not named, are only repositories
// that are not archived. A pattern that can't be looked up, or fits nothing, is a failure. Throws
// Error{usage} on a name that is none. The reply may come at once.
void select_repos(Gitea& gitea, const std::vector<std::string>& names, const std::string& owner,
                  std::function<void(Selection)> reply);

}  // namespace host
