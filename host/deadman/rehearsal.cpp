// SPDX-License-Identifier: Apache-2.0
#include "deadman/rehearsal.hpp"

#include <unistd.h>

#include <algorithm>

#include "deadman/round.hpp"

namespace host::deadman {
namespace {

// Time that passes when it is told to.
class StageClock final : public Clock {
 public:
  [[nodiscard]] WallTime wall() const override { return WallTime(at_); }
  [[nodiscard]] MonotonicTime monotonic() const override { return MonotonicTime(at_); }
  [[nodiscard]] Duration boot() const override { return at_; }
  void advance(Duration by) { at_ += by; }

 private:
  Duration at_{};
};

class NoRunner final : public Runner {
 public:
  Ending run(const Errand&) override { return {}; }
};

}  // namespace

std::vector<Rehearsed> rehearse_death(const Settings& settings, const Watch& watch) {
  const Settings stage{.dry_run = true, .alert = settings.alert, .watches = {watch}};
  StageClock clock;
  NoRunner runner;
  State state;
  std::vector<Rehearsed> all;
  // Every look sees the same sign, the last one there was.
  const auto look = [&] {
    Round round(stage, state,
                {.clock = clock,
                 .boot = "rehearsal",
                 .runner = runner,
                 .look =
                     [](const Watch&) {
                       return Sign{Sign::Kind::there, "the last one"};
                     },
                 .keep = [](const State&) {}});
    for (auto& record : round.run()) all.push_back({clock.boot(), std::move(record)});
  };
  const Target& target = state.targets[watch.name];
  // As often as the timer looks; where pauses are of days, more coarsely.
  const auto step = std::max(std::min<Duration>(watch.rules.after / 2, std::chrono::minutes(1)),
                             watch.rules.pause / 16);
  look();
  while (watch.rules.restarts ? !target.handed_off : !target.active) {
    clock.advance(step);
    look();
  }
  return all;
}

std::vector<std::string> shortcomings(const Settings& settings, const Watch& watch,
                                      const std::optional<Sign>& sign) {
  std::vector<std::string> all;
  if (sign && sign->kind == Sign::Kind::untrusted)
    all.push_back("it can't be watched: " + sign->mark);
  else if (sign && sign->kind == Sign::Kind::missing)
    all.emplace_back("it gives no sign of life now; one that never gave any is not restarted");
  const auto check = [&](const std::string& program) {
    if (::access(program.c_str(), X_OK) != 0) all.push_back(program + " can't be run here");
  };
  if (watch.restart) {
    check(errand_of(*watch.restart, watch.name).arguments.front());
    if (!watch.restart->command.empty()) check(watch.restart->command.front());
    if (::access("/run/systemd/system", F_OK) != 0)
      all.emplace_back("systemd does not run this machine, so nothing can be restarted");
  } else {
    all.emplace_back("it has no `restart`, so it would only be flagged");
  }
  if (settings.alert.empty())
    all.emplace_back("there is no `alert`, so nobody would be told");
  else
    check(settings.alert.front());
  return all;
}

}  // namespace host::deadman
