// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "cli/command.hpp"

namespace host::cli {

struct GivenIssue {
  std::string repository;
  std::int64_t number = 0;
};

// Declares the arguments REPO and ISSUE.
void declare_issue(options::options_description& own,
                   options::positional_options_description& positional);
// "org/app 12", or "org/app#12" as forges write it. Throws Error{usage} with `example`.
[[nodiscard]] GivenIssue issue_given(const options::variables_map& given,
                                     const std::string& example);

}  // namespace host::cli
