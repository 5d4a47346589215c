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
  std::vector<std::int64_t> blocked_by;  // numbers; while one is open this can't be closed
};

// A commit knows all its files; there are no folders, modes or dates.
struct Commit {
  std::vector<std::string> parents;
  std::map<std::string, std::string> files;  // content by name
  std::string message = "change";
  std::string author = "somebody";
};

struct Review {
  std::int64_t id = 0;
  std::string login;
  std::string state;  // "APPROVED", "REQUEST_CHANGES", "COMMENT", "PENDING"
  std::string body;
  std::string commit;
  bool official = false;
  WallTime submitted{};
};

// What a pull request has beside its issue.
struct Pull {
  std::string head;  // branches of the one repository; there are no forks
  std::string base;
  std::string last_head;  // the commit, for when the branch is gone
  std::string merge_base;
  std::vector<Review> reviews;
  std::vector<std::string> requested;  // logins
  // Reads before the server has found out whether it can be merged; see Settings::checks.
  int checks = 0;
  std::string merged_as;  // the commit; empty: not merged
  std::string merged_by;
  std::optional<WallTime> merged_at;
};

struct Status {
  std::int64_t id = 0;
  std::string login;
  std::string context;
  std::string state;
  std::string description;
  std::string target_url;
  WallTime created{};
};

struct Team {
  std::int64_t id = 0;
  std::string organisation;  // login
  std::string name;
  std::vector<std::string> members;  // logins
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
  std::map<std::int64_t, Pull> pulls;           // by the number of their issue
  std::map<std::string, Commit> commits;        // by hash
  std::map<std::string, std::string> branches;  // name to hash; none: the repository is empty
  std::map<std::string, std::vector<Status>> statuses;  // by hash, oldest first
  std::string default_branch = "main";
  std::vector<std::string> merge_styles{"merge", "rebase", "rebase-merge", "squash",
                                        "fast-forward-only"};
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
  bool newest = false;       // has the routes that came with Gitea 1.27
  // So many reads of a new pull request say that it can't be merged, and orders to merge it are
  // put off: the server looks for conflicts when it gets round to it.
  int checks = 0;
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
  std::map<std::int64_t, Team> teams;
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

  // A commit on a branch, which is made where it isn't there, from `from` or from nothing. Adds or
  // changes one file. Returns the hash.
  std::string add_commit(Repo& repo, const std::string& branch, std::string file,
                         std::string content, const std::string& from = "");
  // An open pull request, its issue included.
  Pull& add_pull(Repo& repo, std::string login, std::string title, std::string head,
                 std::string base);
  Team& add_team(std::string_view organisation, std::string name);

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

  // What it would add to its base, newest first.
  [[nodiscard]] static std::vector<std::string> commits_of(const Repo& repo, const Pull& pull);
  // What its branch is at, or was.
  [[nodiscard]] static std::string head_of(const Repo& repo, const Pull& pull);
  // The files of both, or nullopt where both changed one in different ways.
  [[nodiscard]] static std::optional<std::map<std::string, std::string>> merged_files(
      const Repo& repo, const Pull& pull);
  // Files that the head has otherwise than the base had where they parted, by name.
  [[nodiscard]] static std::map<std::string, std::string> changed_files(const Repo& repo,
                                                                        const Pull& pull);
  // A commit of what is given. Returns the hash.
  std::string store(Repo& repo, std::vector<std::string> parents,
                    std::map<std::string, std::string> files);

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
