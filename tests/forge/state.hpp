// SPDX-License-Identifier: Apache-2.0
//
// What the forge holds: plain data that a test may read and change between two requests. Nothing
// here is checked against anything else; who changes a struct keeps it sensible.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"

namespace host::forge {

struct User {
  std::int64_t id = 0;
  std::string login;
  bool admin = false;
  bool organisation = false;
  std::vector<std::string> owners;  // of an organisation: logins
  WallTime created{};
};

struct Token {
  std::string login;
  // "all", or "read:issue", "write:repository" and so on; writing includes reading.
  std::vector<std::string> scopes;
};

struct Label {
  std::int64_t id = 0;
  std::string name;
  std::string color;  // "rrggbb"
  std::string description;
  bool exclusive = false;  // "scope/x" excludes every other "scope/..."
  bool archived = false;
};

struct Comment {
  std::int64_t id = 0;
  std::string login;
  std::string body;
  WallTime created{};
  WallTime updated{};
};

struct Issue {
  std::int64_t id = 0;
  std::int64_t number = 0;
  std::string login;
  std::string title;
  std::string body;
  bool closed = false;
  bool locked = false;
  bool pull = false;                 // a pull request, as far as issue routes show it
  std::vector<std::int64_t> labels;  // ids, of the repository or of its organisation
  std::vector<std::string> assignees;
  std::vector<Comment> comments;
  std::int64_t content_version = 0;  // grows with each change of the body
  WallTime created{};
  WallTime updated{};
  std::optional<WallTime> closed_at;
};

struct Repo {
  std::int64_t id = 0;
  std::string owner;
  std::string name;
  std::string description;
  bool hidden = false;  // private
  bool archived = false;
  bool issues_on = true;
  std::vector<std::string> writers;  // logins, beside the owners
  std::vector<Label> labels;         // ascending ids
  std::map<std::int64_t, Issue> issues;
  std::int64_t last_number = 0;
  WallTime created{};
  WallTime updated{};
  [[nodiscard]] std::string full_name() const { return owner + "/" + name; }
};

// Defaults are those of a Gitea as it comes.
struct Settings {
  std::string version = "1.26.4";
  int max_response_items = 50;
  int default_paging_num = 30;
  // The server's own zone: every time that it prints carries this offset.
  std::chrono::minutes zone{120};
  std::string root_url;      // "http://127.0.0.1:3000/"; set when the forge listens
  bool maintenance = false;  // every API route answers 503
};

enum class Access { none, read, write, admin };

class ForgeState {
 public:
  // `clock` outlives the state.
  explicit ForgeState(const Clock& clock) : clock_(&clock) {}

  Settings settings;
  std::map<std::string, User> users;    // by login in lower case; organisations too
  std::map<std::string, Token> tokens;  // by what is sent
  std::map<std::string, Repo> repos;    // by full name in lower case
  std::map<std::string, std::vector<Label>> org_labels;  // by login in lower case
  // Old names in lower case, to what they are now.
  std::map<std::string, std::string> renamed_users;
  std::map<std::string, std::string> renamed_repos;

  // Each throws Error{usage} when what it needs isn't there, or what it makes already is.
  User& add_user(std::string login, bool admin = false);
  User& add_organisation(std::string login, std::vector<std::string> owners);
  void add_token(std::string token, std::string login, std::vector<std::string> scopes = {"all"});
  Repo& add_repo(std::string_view full_name, std::string description = "");
  Label& add_label(Repo& repo, std::string name, std::string color = "ededed");
  Label& add_organisation_label(std::string_view login, std::string name);
  Issue& add_issue(Repo& repo, std::string login, std::string title, std::string body = "");
  Comment& add_comment(Repo& repo, Issue& issue, std::string login, std::string body);

  // nullptr when there is none. Names are compared as Gitea does: without case.
  [[nodiscard]] User* user(std::string_view login);
  [[nodiscard]] Repo* repo(std::string_view full_name);
  [[nodiscard]] Issue* issue(std::string_view full_name, std::int64_t number);

  // What an issue carries, in Gitea's order: by name, then id.
  [[nodiscard]] std::vector<Label> labels_of(const Repo& repo, const Issue& issue) const;
  [[nodiscard]] std::vector<std::string> label_names(std::string_view full_name,
                                                     std::int64_t number);
  // The label with this id that an issue of `repo` may carry, or nullptr.
  [[nodiscard]] const Label* label(const Repo& repo, std::int64_t id) const;
  // Any label of the server.
  [[nodiscard]] bool label_exists(std::int64_t id) const;

  // What `user` may do there; nullptr: nobody in particular.
  [[nodiscard]] Access access(const User* user, const Repo& repo) const;

  // Moves the repository and leaves a redirect behind, as a rename in the forge does.
  void rename_repo(std::string_view full_name, const std::string& name);

  // Now, in whole seconds.
  [[nodiscard]] WallTime now() const;
  // The next id; one sequence for everything is as good as Gitea's many.
  [[nodiscard]] std::int64_t next_id() { return ++last_id_; }

 private:
  const Clock* clock_;
  std::int64_t last_id_ = 0;
};

// ASCII only, as far as names go.
[[nodiscard]] std::string lower(std::string_view text);

}  // namespace host::forge
