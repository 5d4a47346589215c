// SPDX-License-Identifier: Apache-2.0
//
// What a forge holds, as far as this host reads it. Fields that a server leaves out or sends as
// null are empty here.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace host {

// "owner/name".
struct RepoName {
  std::string owner;
  std::string name;
  [[nodiscard]] std::string full() const { return owner + "/" + name; }
  auto operator<=>(const RepoName&) const = default;
};
// Throws Error{usage} unless both parts are there and are names that Gitea takes: letters, digits,
// '-', '_' and '.', not "." or "..".
[[nodiscard]] RepoName parse_repo_name(std::string_view text);

// Whether the server takes them for the same: it compares logins, and owners and names of
// repositories, without case.
[[nodiscard]] bool same_name(std::string_view a, std::string_view b);

struct User {
  std::int64_t id = 0;
  std::string login;
};

struct Repository {
  std::int64_t id = 0;
  std::string full_name;  // its name now, whatever name was asked for
  std::string default_branch;
  bool archived = false;
  bool empty = false;
  bool is_private = false;
  bool has_issues = true;
  bool can_push = false;  // what the token's user may do
  bool can_admin = false;
  bool mirror = false;
  bool has_pulls = true;
  std::vector<std::string> merge_styles;  // that it allows, as MergeOrder names them
  std::string default_merge_style;
};

// Names are not unique within a repository.
struct Label {
  std::int64_t id = 0;
  std::string name;
  std::string color;  // "rrggbb"
  std::string description;
  bool exclusive = false;  // "scope/x" takes the place of every other exclusive "scope/..."
};

struct NewLabel {
  std::string name;
  std::string color = "ededed";  // "rrggbb"
  std::string description;
  bool exclusive = false;
};

struct Issue {
  std::int64_t number = 0;  // per repository; what every call takes
  std::int64_t id = 0;      // of the server
  std::string title;
  std::string body;
  std::string state;  // "open", "closed"
  std::string user;   // login
  std::vector<Label> labels;
  std::vector<std::string> assignees;  // logins
  bool is_pull = false;
  bool is_locked = false;
  std::int64_t comments = 0;
  std::string html_url;
  std::optional<WallTime> created_at;
  std::optional<WallTime> updated_at;
  std::optional<WallTime> closed_at;
  std::string repo;          // full name, as the server has it now; some replies leave it out
  std::string milestone;     // title; empty: none
  bool body_cut = false;     // `body` is only how it begins: see IssueFilter::body_limit
  std::int64_t repo_id = 0;  // of its repository, whatever that is called; as `repo`
};

// What is set is changed.
struct TextEdit {
  std::optional<std::string> title;
  std::optional<std::string> body;
};

struct Comment {
  std::int64_t id = 0;
  std::string body;
  std::string user;  // login
  std::string html_url;
  std::optional<WallTime> created_at;
  std::optional<WallTime> updated_at;
  std::int64_t number = 0;  // of the issue or pull request; 0 where the reply does not say
};

struct IssueFilter {
  std::string state = "open";  // "open", "closed", "all"
  // Updated at or after this; the server compares whole seconds. Who asks again and again takes
  // the latest updated_at that came, some seconds back, and knows what came before: an issue may
  // change in the second that was just read.
  std::optional<WallTime> since;
  std::vector<std::string> labels;  // issues that carry all of them, by exact name
  // Bodies longer than so many bytes are cut, page by page, so that how long people write does not
  // decide whether a list fits into its cap.
  std::optional<std::size_t> body_limit;
};

// What somebody may do in a repository; in ascending order.
enum class Permission { none, read, write, admin, owner };

struct Branch {
  std::string name;
  std::string sha;
  bool is_protected = false;
  bool can_push = false;  // what the token's user may do
  bool can_merge = false;
};

struct Team {
  std::int64_t id = 0;
  std::string name;
};

// What the token may be used for, whatever its user may do.
struct TokenScopes {
  std::vector<std::string> granted;  // "read:issue" ...; sorted; writing without reading is not had
  // "read:repository" and so on; having to write is having to read.
  [[nodiscard]] bool has(std::string_view scope) const;
};

}  // namespace host
