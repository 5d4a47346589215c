// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <string>
#include <timmy/plugin.hpp>
#include <vector>

#include "applier.hpp"
#include "due_list.hpp"
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
        applier_(ctx, rules, [&ctx] { return ctx.now(); }) {}

  // All that changed since the last round, and what is due; with `full`, all that is open. Throws
  // Permanent "incomplete" at its end, naming what can't be done.
  [[nodiscard]] timmy::Json look_at_all(bool full);
  // One issue or pull request. A hint is all that an event is: what it names may be gone, closed,
  // or none of ours.
  [[nodiscard]] timmy::Json look_at_one(const std::string& repo, std::int64_t number);

 private:
  struct Repo;

  template <class Work>
  bool isolated(const std::string& what, const Work& work);
  [[nodiscard]] std::map<std::string, Has> concerned() const;
  void look_at(const std::string& repo, Has wanted, bool full);
  void list(Repo& repo, Kind kind);
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
  Applier applier_;

  int repos_ = 0, read_ = 0, changed_ = 0, labelled_ = 0, left_ = 0, failed_ = 0;
  timmy::Json changes_ = timmy::Json::array();
  std::vector<std::string> failures_;
};

}  // namespace triage
