// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <timmy/services.hpp>
#include <vector>

#include "rules.hpp"

namespace triage {

// What of a repository is to be looked at; one of them at least.
struct Wanted {
  bool issues = false;
  bool pulls = false;
};

// The repositories that the config's names stand for, and some rule is about. A name with a * is
// looked up among its owner's: archived ones are left out, and what a repository does not have.
[[nodiscard]] std::map<std::string, Wanted> expand(const timmy::Gitea& gitea,
                                                   const std::vector<std::string>& names,
                                                   const Rules& rules);

}  // namespace triage
