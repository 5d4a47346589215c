// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <timmy/services.hpp>

#include "names.hpp"

namespace triage {

enum class Kind { issue, pull };

// An issue or a pull request as one look at the forge showed it.
struct Snapshot {
  std::string repo;  // full name
  std::int64_t number = 0;
  Kind kind = Kind::issue;
  std::string title;
  std::string body;
  bool body_cut = false;  // the body is longer than that
  std::string author;     // login
  Names labels;
  Names assignees;  // logins
  bool open = true;
  std::optional<timmy::Time> created_at;
  std::optional<timmy::Time> updated_at;
  timmy::Time taken;  // when it was asked for, by the host's clock

  [[nodiscard]] static Snapshot of(const std::string& repo, const timmy::Issue& issue,
                                   timmy::Time taken);
  [[nodiscard]] static Snapshot of(const std::string& repo, const timmy::PullRequest& pull,
                                   timmy::Time taken);

  // "org/app#12"
  [[nodiscard]] std::string name() const { return repo + "#" + std::to_string(number); }
  // By which a later look tells whether anything happened since; empty if the forge did not say.
  [[nodiscard]] std::string version() const {
    return updated_at ? timmy::format_time(*updated_at) : std::string();
  }
};

// Who chose whom last in a round robin.
struct Turn {
  std::string login;  // empty: nobody yet
  std::string issue;  // whose turn that was, until it is known to be assigned or refused
};

// What rules ask for beyond the snapshot. What is not in it was not looked for.
struct Facts {
  struct Team {
    Names members;        // logins
    std::string trouble;  // why it could not be read; empty: it was
    bool may_pass = false;
  };
  std::map<std::string, Team> teams;  // by "owner/team"
  std::optional<Names> files;         // a pull request's, by their names before and after it
  std::string files_trouble;
  std::map<std::string, Turn> turns;  // by rule
  Names exclusive;                    // labels that are, or may be: see scopes.hpp
  Names unsure;                       // those of them of which it can't be known
};

// Which of them are to be looked for.
struct Needs {
  std::vector<std::string> teams;
  bool files = false;
  bool body = false;  // all of it
  std::vector<std::string> turns;
  Names added;  // labels that may be: for which of them are exclusive
};

}  // namespace triage
