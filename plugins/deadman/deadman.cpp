// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <timmy/plugin.hpp>

#include "alert.hpp"
#include "work.hpp"

namespace deadman {

using timmy::Json;

// In the plugin's state: the watch of work at which was begun to look last.
constexpr const char* kTurn = "turn";
// There too: in how many runs in a row each watch was found that nobody has looked at lately.
constexpr const char* kUnlooked = "unlooked";
// After a pause of the host this run may come before the one that looks: that is nobody's worry.
constexpr int kRunsUntold = 2;

// One run over all watches. What fails for one keeps no other from its turn.
class Round {
 public:
  Round(const timmy::Context& ctx, timmy::Watches watches)
      : ctx_(ctx), watches_(std::move(watches)) {}

  // At what needs no forge. A run of its own, and no call in it goes to the forge: a slow one would
  // hold up restarts, since the next run waits for the end of this one.
  Json look_without_the_forge() {
    for (auto& watch : watches_.all)
      if (!is_seen_at_the_forge(watch)) look_at(watch);
    look_again();
    return result();
  }

  // The rest: work that is seen there alone, and an issue for each watch that needs a person.
  Json ask_the_forge(const std::string& repository) {
    const Alerts alerts(repository, watches_.host, watches_.dry_run);
    const auto tell = [&](const timmy::Watch& watch) {
      guarded("the issue about " + watch.name, [&] { alerts.bring_up_to_date(ctx_, watch); });
    };
    // It looks at none of these: who paused the task that does works on the agent, and a look here
    // would restart that under their hands, and hide that nobody looks.
    const auto unlooked = count_unlooked();
    for (const auto& watch : watches_.all)
      if (!is_seen_at_the_forge(watch) && !is_held_back(unlooked, watch)) tell(watch);
    // Looking takes long: what one look led to does not wait for the others.
    for (auto* const watch : in_turn()) {
      note_turn(*watch);
      look_at(*watch);
      tell(*watch);
    }
    look_again();
    guarded("issues of watches that are no more", [&] { alerts.close_others(ctx_, watches_.all); });
    return result();
  }

 private:
  static bool is_seen_at_the_forge(const timmy::Watch& watch) { return watch.kind == "work"; }

  // Kept over runs, as each is a new process. None is counted any further than matters.
  [[nodiscard]] Json count_unlooked() const {
    const auto before = ctx_.state().get(kUnlooked).value_or(Json::object());
    Json counts = Json::object();
    for (const auto& watch : watches_.all)
      if (!is_seen_at_the_forge(watch) && watch.state == "unlooked")
        counts[watch.name] = std::min(before.value(watch.name, 0), kRunsUntold) + 1;
    if (counts != before) ctx_.state().put_now(kUnlooked, counts.empty() ? Json() : counts);
    return counts;
  }
  static bool is_held_back(const Json& unlooked, const timmy::Watch& watch) {
    const auto runs = unlooked.value(watch.name, 0);
    return runs > 0 && runs <= kRunsUntold;
  }

  // Those of work, in their order, after the one at which the last run began to look last: one that
  // took all the time that a run has must not take that of the others each time.
  [[nodiscard]] std::vector<timmy::Watch*> in_turn() {
    std::vector<timmy::Watch*> work;
    for (auto& watch : watches_.all)
      if (is_seen_at_the_forge(watch)) work.push_back(&watch);
    if (work.size() < 2) return work;
    const auto last = ctx_.state().get(kTurn).value_or("").get<std::string>();
    const auto next = std::find_if(work.begin(), work.end(),
                                   [&](const auto* watch) { return watch->name > last; });
    std::rotate(work.begin(), next, work.end());
    several_ = true;
    return work;
  }
  void note_turn(const timmy::Watch& watch) const {
    if (several_) ctx_.state().put_now(kTurn, watch.name);
  }

  void look_at(timmy::Watch& watch) {
    ctx_.throw_if_cancelled();
    guarded(watch.name, [&] {
      try {
        look(watch);
      } catch (const timmy::Failure& failure) {
        // `deadman --once` is at work, or others' looks are.
        if (failure.status() != TIMMY_RETRYABLE || !of_a_look(failure)) throw;
        busy_.push_back(&watch);
      }
    });
  }

  void look(timmy::Watch& watch) {
    if (!is_seen_at_the_forge(watch)) return take(watch, ctx_.process().look(watch.name));
    if (const auto sign = look_at_work(ctx_, watch))
      take(watch, ctx_.process().look(watch.name, *sign));
    else
      skipped_.push_back(watch.name);
  }

  // Once more at what another deadman was at work at: it looks each minute at the same second, and
  // what nobody else looks at would be missed each time.
  void look_again() {
    for (auto* const watch : std::exchange(busy_, {})) look_at(*watch);
    for (const auto* const watch : busy_) skipped_.push_back(watch->name);
  }

  void take(timmy::Watch& watch, timmy::Watch looked) {
    for (const auto& record : looked.records) {
      happened_.push_back(looked.name + " " + record.text);
      if (record.event == "died" && !looked.withheld.empty()) ctx_.log.warn(looked.withheld);
    }
    watch = std::move(looked);
  }

  template <class Work>
  void guarded(const std::string& what, Work work) {
    try {
      work();
    } catch (const timmy::Cancelled&) {
      throw;
    } catch (const timmy::Failure& failure) {
      problems_ += (problems_.empty() ? "" : "; ") + what + ": " + failure.what();
      may_pass_ = may_pass_ || failure.status() == TIMMY_RETRYABLE;
    }
  }

  static bool of_a_look(const timmy::Failure& failure) {
    return std::string_view(failure.what()).starts_with("process/1.look:");
  }

  [[nodiscard]] Json result() const {
    if (!problems_.empty() && may_pass_) throw timmy::Retryable("incomplete", problems_);
    if (!problems_.empty()) throw timmy::Permanent("incomplete", problems_);
    Json active = Json::array();
    Json handed_off = Json::array();
    for (const auto& watch : watches_.all) {
      if (watch.active) active.push_back(watch.name);
      if (watch.handed_off) handed_off.push_back(watch.name);
    }
    return {{"watches", watches_.all.size()},
            {"deadman_active", active},
            {"handed_off", handed_off},
            {"happened", happened_},
            {"skipped", skipped_},
            {"dry_run", watches_.dry_run}};
  }

  const timmy::Context& ctx_;
  timmy::Watches watches_;
  std::vector<std::string> happened_;
  std::vector<std::string> skipped_;
  std::vector<timmy::Watch*> busy_;  // to be looked at again
  std::string problems_;
  bool may_pass_ = false;
  bool several_ = false;  // watches of work
};

class Deadman {
 public:
  explicit Deadman(const Json& config)
      : repository_(config.at("alert").at("repository").get<std::string>()) {}

  Json look(const timmy::Job&, timmy::Context& ctx) {
    return over_all(ctx, [](Round& round) { return round.look_without_the_forge(); });
  }
  Json ask_the_forge(const timmy::Job&, timmy::Context& ctx) {
    return over_all(ctx, [&](Round& round) { return round.ask_the_forge(repository_); });
  }

 private:
  template <class Work>
  static Json over_all(const timmy::Context& ctx, Work work) {
    timmy::Watches watches;
    try {
      watches = ctx.process().watches();
    } catch (const timmy::Permanent& failure) {
      if (failure.code() != "not_found") throw;
      return {{"skipped", failure.what()}};
    }
    Round round(ctx, std::move(watches));
    return work(round);
  }

  std::string repository_;
};

}  // namespace deadman

using deadman::Deadman;
TIMMY_PLUGIN(Deadman, {"deadman_switch", &Deadman::look},
             {"deadman_forge", &Deadman::ask_the_forge})
