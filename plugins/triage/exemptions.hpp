// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <timmy/services.hpp>

#include "names.hpp"

namespace triage {

// What a task leaves alone. Each name may hold a *, which stands for any characters: "*" alone is
// whatever is not empty.
struct Exemptions {
  Names repos;
  Names labels;
  Names assignees;  // logins: one of them is enough
  Names authors;    // logins
  Names milestones;

  // From the config's `exempt`.
  [[nodiscard]] static Exemptions from(const timmy::Json& config);

  [[nodiscard]] bool cover_repo(const std::string& repo) const;
  // An issue, or a pull request.
  [[nodiscard]] bool cover(const timmy::Issue& issue) const { return covers(issue); }
  [[nodiscard]] bool cover(const timmy::PullRequest& pull) const { return covers(pull); }

 private:
  template <class T>
  [[nodiscard]] bool covers(const T& issue) const;
};

}  // namespace triage
