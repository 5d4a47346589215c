// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <timmy/plugin.hpp>
#include <vector>

#include "applier.hpp"
#include "due_list.hpp"
#include "home.hpp"
#include "repos.hpp"
#include "rules.hpp"

namespace triage {

// One run of gitea_issue_triage.
class Round {
 public:
  Round(timmy::Context& ctx, const Names& repos, const Rules& rules)
      : ctx_(ctx),
        names_(repos),
        rules_(rules),
        homes_(ctx.gitea(), ctx.state()),
        applier_(ctx, rules, [&ctx] { return ctx.now(); }) {}

  // All that changed since the last round, and what is due; with `full`, all that is open. What
  // fails for one repository or issue keeps no other from its turn; at the end it is thrown as
  // "incomplete", naming each: Retryable if any of it may pass. Where one after the other fails so
  // the forge is away, and the end comes at once.
  [[nodiscard]] timmy::Json look_at_all(bool full);
  // One issue or pull request. A hint is all that an event is: what it names may be gone, closed,
  // or none of ours.
  [[nodiscard]] timmy::Json look_at_one(const std::string& repo, std::int64_t number);

 private:
  struct Repo;
  enum class Went { well, wrong, astray };  // astray: wrong in a way that may pass

  template <class Work>
  Went isolated(const std::string& what, const Work& work);
  void failed(const std::string& what, const timmy::Failure& failure);
  [[nodiscard]] bool is_away() const;
  [[nodiscard]] static bool left_alone(const Repo& repo);
  [[nodiscard]] std::map<std::string, Has> repos();
  [[nodiscard]] std::map<std::string, Has> concerned();
  void look_at(Repo& repo, Has wanted, bool full);
  void open(Repo& repo, std::int64_t id, bool full);
  void list(Repo& repo, Kind kind);
  template <class Each>
  void read_list(const Repo& repo, Kind kind, std::optional<timmy::Time> since, const Each& each);
  template <class Work>
  void look_at_issue(Repo& repo, std::int64_t number, const Work& work);
  [[nodiscard]] static bool passes_over(const Repo& repo, const Snapshot& issue);
  [[nodiscard]] DueList due_of(const Repo& repo) const;
  void look_at_due(Repo& repo, const DueList& due);
  void read_and_look(Repo& repo, std::int64_t number);
  void look(Repo& repo, Snapshot issue);
  void account(const std::string& issue, const Looked& looked);
  [[nodiscard]] bool keep_due(const Repo& repo, const DueList& before) const;
  void save(Repo& repo, const DueList& due) const;
  [[nodiscard]] timmy::Json result() const;
  [[nodiscard]] std::string summary() const;

  timmy::Context& ctx_;
  const Names& names_;
  const Rules& rules_;
  Homes homes_;
  Applier applier_;

  int repos_ = 0, read_ = 0, changed_ = 0, labelled_ = 0, left_ = 0, failed_ = 0, unread_ = 0;
  int in_a_row_ = 0;  // repositories that could not be read or written to, in a way that may pass
  bool may_pass_ = false;
  std::optional<timmy::Milliseconds> delay_;  // the longest that was asked for
  timmy::Json changes_ = timmy::Json::array();
  std::vector<std::string> failures_;
};

}  // namespace triage
