// SPDX-License-Identifier: Apache-2.0
//
// What `timmy-forge --seed` holds: an organisation with three repositories, and issues as people
// write them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "forge/state.hpp"

namespace host::forge {

inline constexpr const char* kSampleUser = "timmy";  // the bot: owner of the organisation
inline constexpr const char* kSampleOrganisation = "demo";
inline constexpr const char* kSampleRepo = "demo/app";

struct SampleIssue {
  std::string repo;
  std::int64_t number = 0;
  std::string title;
  std::string body;
  std::string login;
  std::vector<std::string> carries;   // labels from the start
  std::vector<std::string> expected;  // what triage should leave on it, sorted
};

// In order of their numbers. Which words lead to which label:
//   bug            crash, fails, error
//   documentation  docs, typo, readme
//   enhancement    feature, support for, would be nice
//   question       how do, how can, or a title that ends in '?'
[[nodiscard]] const std::vector<SampleIssue>& sample_issues();

// Fills an empty state. The bot's token is the caller's to add.
void seed(ForgeState& state);

// The code of kSampleRepo, as a bare repository in `root`: a readme with the word that issue 2 is
// about, and `.timmy/verify`, which passes once the word is right. Made anew if it is there. Throws
// Error.
void seed_git(ForgeState& state, const std::filesystem::path& root);

}  // namespace host::forge
