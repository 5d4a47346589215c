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

struct User {
  std::int64_t id = 0;
  std::string login;
};

struct Repository {
  std::int64_t id = 0;
  std::string full_name;
  std::string default_branch;
  bool archived = false;
  bool empty = false;
  bool is_private = false;
  bool has_issues = true;
  bool can_push = false;  // what the token's user may do
  bool can_admin = false;
};

// Names are not unique within a repository.
struct Label {
  std::int64_t id = 0;
  std::string name;
  std::string color;  // "rrggbb"
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
};

struct Comment {
  std::int64_t id = 0;
  std::string body;
  std::string user;  // login
  std::string html_url;
  std::optional<WallTime> created_at;
};

struct IssueFilter {
  std::string state = "open";       // "open", "closed", "all"
  std::optional<WallTime> since;    // updated at or after; the server compares whole seconds
  std::vector<std::string> labels;  // issues that carry all of them, by exact name
};

}  // namespace host
