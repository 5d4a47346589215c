// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <timmy/plugin.hpp>
#include <utility>
#include <vector>

#include "applier.hpp"
#include "cap_watch.hpp"
#include "due_list.hpp"
#include "home.hpp"
#include "repos.hpp"
#include "rules.hpp"
#include "tally.hpp"

namespace triage {

// One run of gitea_issue_triage.
class Round {
 public:
  Round(timmy::Context& ctx, const Names& repos, const Rules& rules, CapWatch watch)
      : ctx_(ctx),
        names_(repos),
        rules_(rules),
        homes_(ctx.gitea(), ctx.state()),
        tally_(ctx),
        watch_(std::move(watch)),
        applier_(ctx, rules, watch_, [&ctx] { return ctx.now(); }) {}

  // All that changed since the last round, and what is due; with `full`, all that is open. What
  // fails for one repository or issue keeps no other from its turn; at the end it is thrown as
  // "incomplete", naming each: Retryable if any of it may pass. Where one after the other fails so
  // the forge is away, and the end comes at once. So it does, in peace, between two repositories
  // when the run's time is nearly up: the next begins with the one that this did not come to.
  [[nodiscard]] timmy::Json look_at_all(bool full);
  // One issue or pull request. A hint is all that an event is: what it names may be gone, closed,
  // or none of ours.
  [[nodiscard]] timmy::Json look_at_one(const std::string& repo, std::int64_t number);

 private:
  struct Repo;

  [[nodiscard]] bool is_away() const;
  [[nodiscard]] bool has_time() const;
  [[nodiscard]] static bool left_alone(const Repo& repo);
  [[nodiscard]] Repos repos();
  [[nodiscard]] Repos concerned();
  void look_at(Repo& repo, Has wanted, bool full);
  void leave_out(Repo& repo);
  void open(Repo& repo, std::int64_t id, bool full);
  void list(Repo& repo, Kind kind);
  template <class Each>
  void read_list(const Repo& repo, Kind kind, std::optional<timmy::Time> since, const Each& each);
  void look_at_issue(Repo& repo, std::int64_t number, const std::function<void()>& work);
  [[nodiscard]] static bool passes_over(const Repo& repo, const Snapshot& issue);
  [[nodiscard]] DueList due_of(const Repo& repo) const;
  void look_at_due(Repo& repo, const DueList& due);
  void read_and_look(Repo& repo, std::int64_t number);
  void look(Repo& repo, Snapshot issue);
  [[nodiscard]] bool proves_archived(Repo& repo, const Looked& looked);
  [[nodiscard]] bool keep_due(const Repo& repo, const DueList& before) const;
  void save(Repo& repo, const DueList& due) const;
  [[nodiscard]] timmy::Json result() const;

  timmy::Context& ctx_;
  const Names& names_;
  const Rules& rules_;
  Homes homes_;
  Tally tally_;
  CapWatch watch_;
  Applier applier_;
  bool any_full_ = false;  // all that is open was looked at somewhere
  int in_a_row_ = 0;  // repositories that could not be read or written to, in a way that may pass
};

}  // namespace triage
