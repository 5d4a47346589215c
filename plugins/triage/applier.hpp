// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <timmy/plugin.hpp>
#include <vector>

#include "cap_watch.hpp"
#include "facts.hpp"
#include "outcome.hpp"

namespace triage {

// When to look again for the next run to do so, however soon it comes: not in the next second.
[[nodiscard]] timmy::Time at_once(timmy::Time now);

// What became of one look at an issue.
struct Looked {
  timmy::Json change = timmy::Json::object();  // what was done, by kind; empty: nothing
  bool asked = false;                          // the forge answered, for this one
  bool left = false;                           // there is more to do, for the next run
  bool failed = false;                         // some of it can't be done as things are
  bool refused = false;                        // some write was, for good
  bool may_pass = false;                       // with nobody changing anything
  std::vector<std::string> failures;           // why, as far as this run has not said so before
  std::optional<timmy::Time> due;              // when to look again, though nobody changes it
  // Labels that were left out though they may replace none: that can't be known.
  Names unsure;

  // Not later than that.
  void look_again(timmy::Time when);
};

// Decides about issues and carries it out, for one run. A person's word counts more than any rule:
// see record.hpp for how an end at any instant keeps that.
class Applier {
 public:
  using Clock = std::function<timmy::Time()>;

  // `clock`: the host's; see Context::now().
  Applier(timmy::Context& ctx, const Rules& rules, CapWatch& watch, Clock clock)
      : ctx_(ctx),
        rules_(rules),
        watch_(watch),
        clock_(std::move(clock)),
        facts_(ctx.gitea(), ctx.state()) {}

  // What can't be done does not keep the rest from being done, but for closing, which comes after
  // all else. `home`: of its repository, see Homes. Throws what may pass (the forge is away), and
  // Permanent where the issue can't be read or its record not be kept.
  [[nodiscard]] Looked look(Snapshot issue, const std::string& home);

  // Whether this run writes nothing any more: it made as many writes as it may, ends soon, or is
  // held by the watch.
  [[nodiscard]] bool stopped() const;
  // Whether it would write, but for the watch.
  [[nodiscard]] bool held() const { return held_; }
  // To be called before another repository's issues are looked at.
  void next_repository() { refusals_ = 0; }

 private:
  struct Task;

  [[nodiscard]] Outcome decide_on(Task& task);
  void tell_unjudged(Looked& looked, const Outcome& outcome, const Facts& facts);
  void tell_unsure(Task& task, const std::vector<Clash>& clashes);
  void read_again(Task& task) const;
  [[nodiscard]] bool old(const Snapshot& issue) const;
  void plan(Task& task, const Outcome& outcome);
  void carry_out(Task& task);
  void leave(Task& task) const;
  void send_first(Task& task);
  void refused(Task& task, const timmy::Permanent& failure);
  void fail_first(Task& task, const timmy::Permanent& failure);
  [[nodiscard]] bool set_aside(Task& task);
  [[nodiscard]] bool leave_out(Task& task);
  [[nodiscard]] bool pass_on(Task& task, Step& step);
  [[nodiscard]] bool is_bad(const Task& task, const Step& step, const timmy::Permanent& failure);
  [[nodiscard]] bool known_bad(const Task& task, Step::What what, const std::string& name) const;
  void note(Task& task, const Step& step) const;
  void take_back(Task& task, const Step& rest);
  [[nodiscard]] static timmy::Json whole_record(const Task& task);
  void save_now(Task& task) const;
  void forget_rehearsal(Task& task);
  void end(Task& task);

  timmy::Context& ctx_;
  const Rules& rules_;
  CapWatch& watch_;
  Clock clock_;
  FactFinder facts_;
  bool capped_ = false, held_ = false;
  bool rehearsed_ = false;          // it is a dry run
  int refusals_ = 0;                // of writes to this repository, one after the other
  std::set<std::string> bad_;       // "org/app label x": what this run found not to exist
  std::set<std::string> unjudged_;  // rules that this run has said it of
  std::set<std::string> unsure_;    // repositories likewise
};

}  // namespace triage
