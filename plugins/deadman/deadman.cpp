// SPDX-License-Identifier: Apache-2.0
#include <timmy/plugin.hpp>

#include "alert.hpp"
#include "work.hpp"

namespace deadman {

using timmy::Json;

// One run over all watches. What fails for one keeps no other from its turn.
class Round {
 public:
  Round(const timmy::Context& ctx, timmy::Watches watches)
      : ctx_(ctx), watches_(std::move(watches)) {}

  Json run(const std::string& repository) {
    const Alerts alerts(repository, watches_.host);
    const auto tell = [&](const timmy::Watch& watch) {
      guarded("the issue about " + watch.name, [&] { alerts.bring_up_to_date(ctx_, watch); });
    };
    // What needs no forge comes first, so that a slow one holds up no restart.
    for (auto& watch : watches_.all)
      if (watch.kind != "work") look_at(watch);
    for (const auto& watch : watches_.all)
      if (watch.kind != "work") tell(watch);
    // At work looking takes long: what one led to does not wait for the others.
    for (auto& watch : watches_.all) {
      if (watch.kind != "work") continue;
      look_at(watch);
      tell(watch);
    }
    look_again(tell);
    guarded("issues of watches that are no more", [&] { alerts.close_others(ctx_, watches_.all); });
    return result();
  }

 private:
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
    if (watch.kind != "work") return take(watch, ctx_.process().look(watch.name));
    if (const auto sign = look_at_work(ctx_, watch))
      take(watch, ctx_.process().look(watch.name, *sign));
    else
      skipped_.push_back(watch.name);
  }

  // Once more at what another deadman was at work at: it looks each minute at the same second, and
  // what nobody else looks at would be missed each time.
  template <class Tell>
  void look_again(Tell tell) {
    const auto busy = std::exchange(busy_, {});
    for (auto* const watch : busy) {
      look_at(*watch);
      tell(*watch);
    }
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
};

class Deadman {
 public:
  explicit Deadman(const Json& config)
      : repository_(config.at("alert").at("repository").get<std::string>()) {}

  Json run(const timmy::Job&, timmy::Context& ctx) {
    timmy::Watches watches;
    try {
      watches = ctx.process().watches();
    } catch (const timmy::Permanent& failure) {
      if (failure.code() != "not_found") throw;
      return {{"skipped", failure.what()}};
    }
    return Round(ctx, std::move(watches)).run(repository_);
  }

 private:
  std::string repository_;
};

}  // namespace deadman

using deadman::Deadman;
TIMMY_PLUGIN(Deadman, {"deadman_switch", &Deadman::run})
