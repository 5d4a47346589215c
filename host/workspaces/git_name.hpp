// SPDX-License-Identifier: Apache-2.0
//
// The names that git goes by: objects, branches, and what the host calls its own.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace host::workspaces {

// The name of an object: 40 lower-case hexadecimal digits. Repositories with SHA-256 names are
// refused: git 2.39 calls them experimental.
class ObjectId {
 public:
  [[nodiscard]] static std::optional<ObjectId> parse(std::string_view text);
  [[nodiscard]] const std::string& text() const { return text_; }
  auto operator<=>(const ObjectId&) const = default;

 private:
  explicit ObjectId(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

// What an agent works on.
struct WorkItem {
  std::string repository;   // "owner/name", as the forge has it
  std::int64_t number = 0;  // the issue's
  std::string playbook;
  std::int64_t repository_id = 0;  // the forge's, for good, whatever its name; 0: not known
  bool operator==(const WorkItem&) const = default;
};

// Throws Error{invalid} when `name` is no branch that git would take (git-check-ref-format), begins
// with '-', or is longer than 200 bytes. `what` names it in the error: "the base branch".
void check_branch(std::string_view name, std::string_view what);

// "timmy/issue-12". It derives from what is claimed, the repository and the number, and not from
// the playbook: so two runs on one issue can't both push, whatever else went wrong.
[[nodiscard]] std::string branch_of(const WorkItem& item);

// A name for the item's folder: "repo-7-12-bug-fixer-0f3a9c1d2b4e". Within [A-Za-z0-9._-], and of
// its own for each item by the digest at its end. It goes by the repository's id: a repository that
// is renamed or transferred keeps its folders, and another one that takes its name has its own.
// Where the id is not known, by the name: "owner-name-12-bug-fixer-0f3a9c1d2b4e".
[[nodiscard]] std::string folder_name(const WorkItem& item);
// The same for a repository: "repo-7", or "owner-name-0f3a9c1d2b4e".
[[nodiscard]] std::string folder_name(std::string_view repository, std::int64_t id);

}  // namespace host::workspaces
