// SPDX-License-Identifier: Apache-2.0
//
// How an agent's commits come into the mirror: a bundle is read as the bytes of somebody hostile,
// its pack goes to git index-pack in a quarantine, and what its commits hold is looked at there.
// Only when nothing is wrong the objects that they need, and no others, are written into the
// mirror, and a ref of the host's own moves. git fetches no bundle itself: its own way of doing
// that checks less and knows no quarantine.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "workspaces/git_name.hpp"
#include "workspaces/mirror.hpp"

namespace host::workspaces {

struct ImportLimits {
  std::uint64_t bundle_bytes = std::uint64_t{64} << 20;
  std::uint32_t objects = 50'000;                         // in the pack
  std::uint64_t unpacked_bytes = std::uint64_t{1} << 30;  // of all of them
  std::uint64_t blob_bytes = std::uint64_t{10} << 20;     // of one file
  std::size_t commits = 200;
  std::size_t changed_paths = 5'000;   // over all commits
  std::size_t tree_paths = 1'000'000;  // of the last commit's tree, what was there before included
  Duration limit = std::chrono::minutes(5);  // for each step of git's
};

struct ImportRules {
  using Denial = std::function<std::optional<std::string>(std::string_view path)>;

  ImportLimits limits;
  // Why the work may not add, change or remove a path ("may not be touched: .gitea/workflows");
  // nothing: it may. Left empty: it may touch nothing.
  Denial denied;
  // Likewise why no symbolic link or submodule may stand there: one in place of ".gitea" brings a
  // ".gitea/workflows" of its own. Left empty: `denied` alone is asked.
  Denial denied_link;
  bool submodules = false;  // whether it may change them, or .gitmodules
  // The issue that its commit messages may close ("fixes #12"); 0: none.
  std::int64_t closes = 0;
};

struct ImportRequest {
  std::filesystem::path bundle;
  ObjectId base;       // what the work must descend from: the clone's
  std::string branch;  // its name at the host and at the forge
  // What the mirror's ref for it is, as far as this work knows (CloneRecord::imported): nothing,
  // none. Two playbooks on one issue have one branch, and neither may take the other's place. Work
  // that descends from what is there is always taken, so that an import may be done again.
  std::optional<ObjectId> expected;
  ImportRules rules;
};

// Something in the work that may not be there.
struct ImportProblem {
  std::string path;  // printable; empty: it is about a commit, or all of it
  std::string text;  // "begins with '-', like an option"
  bool operator==(const ImportProblem&) const = default;
};

struct ImportResult {
  ObjectId head;
  std::size_t commits = 0;
  std::set<std::string> changed;  // the paths that its commits touch; raw bytes
  // At most 50. Not empty: nothing was taken in. Fit for the agent to read.
  std::vector<ImportProblem> problems;
};

// Holds the mirror's lock and blocks. Throws Error{invalid} for a bundle that is not of its form or
// does not fit the base, {too_large} past a limit, {corrupt} for damaged or missing objects,
// {conflict} when the branch's ref is not as expected; in all these cases too, nothing was taken
// in.
[[nodiscard]] ImportResult import_work(const Mirror& mirror, const ImportRequest& request);

}  // namespace host::workspaces
