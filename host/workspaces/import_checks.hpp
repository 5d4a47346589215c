// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "workspaces/import.hpp"
#include "workspaces/import_changes.hpp"
#include "workspaces/import_quarantine.hpp"

namespace host::workspaces {

// Notes what is wrong, once, up to 50 things.
void add_problem(ImportResult& result, std::string_view path, std::string text);

// The commits from `head` down to `base`, newest first. Each must have come with the bundle and
// have a parent: what is in the mirror but not behind the base is no part of this work. Throws
// Error{invalid}, {too_large} past limits.commits.
[[nodiscard]] std::vector<ObjectId> check_history(const Quarantine& quarantine,
                                                  const NewObjects& objects, const ObjectId& head,
                                                  const ObjectId& base, const ImportLimits& limits);

// What those commits change, each against each of its parents, so that nothing that comes and goes
// again, or comes by a merge, is missed. Throws Error{too_large} past limits.changed_paths.
[[nodiscard]] std::vector<TreeChange> changes_of(const Quarantine& quarantine,
                                                 const std::vector<ObjectId>& commits,
                                                 const ImportLimits& limits);

// Adds what is wrong with the changes to `result`, and the paths that they touch. Throws
// Error{too_large} when their files are larger together than limits.unpacked_bytes: each path
// counts, also those that name the same content, for each is a file to whoever checks it out.
void check_changes(const Quarantine& quarantine, const std::vector<TreeChange>& changes,
                   const ImportRules& rules, ImportResult& result);

// Adds the paths that were added where another has the same letters in another case.
void check_case(const Quarantine& quarantine, const std::vector<TreeChange>& changes,
                const ImportLimits& limits, ImportResult& result);

}  // namespace host::workspaces
