// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "workspaces/import.hpp"
#include "workspaces/import_quarantine.hpp"

namespace host::workspaces {

// What a commit's message would close or reopen at the forge once it is merged, as it says it:
// "fixes #3", "closes org/app#3", "Resolves: https://git.example.org/org/app/issues/3". Nothing:
// it would not, or only `closes`, the work's own issue in this repository (0: none).
[[nodiscard]] std::optional<std::string> closing_words(std::string_view message,
                                                       std::int64_t closes);

// Adds to `result` what is wrong with the commits' messages: words that close issues, more than 64
// KiB, or an encoding but UTF-8, in which words can't be told.
void check_messages(const Quarantine& quarantine, const std::vector<ObjectId>& commits,
                    std::int64_t closes, ImportResult& result);

}  // namespace host::workspaces
