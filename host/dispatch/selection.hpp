// SPDX-License-Identifier: Apache-2.0
//
// Which playbook takes an item, and why the others do not. A function of facts and files alone: the
// same answer for `playbooks explain` as for the host.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dispatch/lanes.hpp"
#include "dispatch/playbook.hpp"

namespace host::dispatch {

// What is known of an issue or pull request.
struct ItemFacts {
  std::string repository;  // "owner/name"
  std::int64_t number = 0;
  std::string title;
  std::vector<std::string> labels;
  std::string author;  // login
  bool open = true;
  std::vector<std::string> assignees;  // logins
  bool is_pull = false;
  std::string own_login;           // of the host's user; empty: not known
  std::int64_t repository_id = 0;  // the forge's; 0: not known
};

// A playbook as host.yaml has it.
struct OfferedPlaybook {
  const Playbook* playbook;  // outlives the choice
  bool enabled = false;
  std::vector<std::string> repositories;  // globs, instead of the playbook's own; empty: those
};

struct PlaybookVerdict {
  enum class Kind {
    chosen,     // takes the item
    outranked,  // would, but another comes first
    skipped,    // does not fit
  };
  std::string playbook;
  Kind kind = Kind::skipped;
  std::vector<std::string> reasons;  // why; of a skipped one everything that stands in the way
  std::string lane;                  // where it would go; empty when skipped
};
// "chosen", "outranked", "skipped".
[[nodiscard]] std::string_view name(PlaybookVerdict::Kind kind) noexcept;

// A verdict on each, in the order in which they come: by priority, the lower number first, then by
// name. The first that fits is chosen. Its lane is the first by name that one of the item's labels
// brings it to, else the playbook's own. Labels are compared exactly, logins and repositories
// without case, as the forge does.
[[nodiscard]] std::vector<PlaybookVerdict> choose_playbook(
    const ItemFacts& facts, const std::vector<OfferedPlaybook>& offered, const Lanes& lanes);

// Whether `glob` ("org/*", "*") is a repository's name: '*' is any text without a slash.
[[nodiscard]] bool repository_matches(std::string_view glob, std::string_view repository);

// Facts as JSON: repository, number, title, labels, author, state, assignees, kind, own_login.
// Throws ConfigError with every problem, each with its place. `file` is the name for positions.
[[nodiscard]] ItemFacts parse_facts(std::string_view text, const std::string& file);
[[nodiscard]] Json to_json(const ItemFacts& facts);

}  // namespace host::dispatch
