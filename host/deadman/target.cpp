// SPDX-License-Identifier: Apache-2.0
#include "deadman/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace host::deadman {
namespace {

constexpr std::array<std::string_view, 12> kNames{
    "died",    "restarting",  "restarted", "restart_failed", "restart_unknown", "handed_off",
    "healthy", "unwatchable", "watchable", "cleared",        "alert_failed",    "state_lost"};

class Judge {
 public:
  Judge(Target& target, const Rules& rules, const Moment& now)
      : target_(target), rules_(rules), now_(now) {}

  Decision take(const Sign& sign) {
    // How long ago the restarts of another boot were, nobody can say: as if they were now.
    if (target_.silence.begins_anew(now_))
      std::fill(target_.restarts.begin(), target_.restarts.end(), now_.at);
    decision_.sight = target_.silence.look(sign, now_, rules_.after);
    watch_trouble(sign);
    switch (decision_.sight.life) {
      case Sight::Life::waiting:
      case Sight::Life::unsure: break;
      case Sight::Life::alive: take_life(); break;
      case Sight::Life::silent: take_silence(); break;
    }
    return std::move(decision_);
  }

 private:
  void tell(Event event, const std::string& text) { decision_.happenings.push_back({event, text}); }
  void alert(Event event, const std::string& text) {
    tell(event, text);
    target_.alert = Alert{event, text};
  }

  void watch_trouble(const Sign& sign) {
    const bool unsure = decision_.sight.life == Sight::Life::unsure;
    if (unsure && target_.trouble != sign.mark)
      alert(Event::unwatchable, "can't be watched: " + sign.mark);
    else if (!unsure && !target_.trouble.empty())
      tell(Event::watchable, "can be watched again");
    target_.trouble = unsure ? sign.mark : "";
  }

  void take_life() {
    if (!target_.active || !decision_.sight.beat) return;
    // Only time between two signs proves anything: a restarted target is not well for being young.
    if (target_.beats) target_.well += decision_.sight.since;
    target_.beats = true;
    if (target_.well < rules_.healthy_after) return;
    target_.active = false;
    target_.tries = 0;
    alert(Event::healthy, "has given signs of life for " + brief(target_.well));
  }

  void take_silence() {
    target_.beats = false;
    target_.well = Duration::zero();
    if (!target_.active) {
      target_.active = true;
      alert(Event::died, "has given no sign of life for " + brief(target_.silence.silent) +
                             (target_.handed_off ? "; hands are off until it is cleared" : ""));
    }
    if (!rules_.restarts || target_.handed_off) return;
    std::erase_if(target_.restarts, [&](Duration each) { return now_.at - each >= rules_.window; });
    if (target_.tries >= rules_.max_retries ||
        static_cast<int>(target_.restarts.size()) >= rules_.max_retries)
      return hand_off();
    decision_.restart = target_.restarts.empty() ||
                        now_.at - target_.restarts.back() >= pause_after(rules_, target_.tries);
  }

  void hand_off() {
    target_.handed_off = true;
    // Some of a window's restarts may be of a death that it got over.
    const auto lately = static_cast<int>(target_.restarts.size());
    const auto restarts = lately > target_.tries
                              ? fmt::format("{} restarts within {}", lately, brief(rules_.window))
                              : fmt::format("{} restarts", target_.tries);
    alert(Event::handed_off,
          fmt::format("has given no sign of life for {} after {}; hands off until "
                      "it is cleared",
                      brief(target_.silence.silent), restarts));
  }

  Target& target_;
  const Rules& rules_;
  const Moment& now_;
  Decision decision_;
};

}  // namespace

std::string_view name(Event event) noexcept { return kNames.at(static_cast<std::size_t>(event)); }

Decision judge(Target& target, const Rules& rules, const Sign& sign, const Moment& now) {
  return Judge(target, rules, now).take(sign);
}

void begin_restart(Target& target, const Moment& now, WallTime at) {
  target.restarts.push_back(now.at);
  ++target.tries;
  target.intent = Intent{at};
  target.silence.silent = Duration::zero();
}

Duration pause_after(const Rules& rules, int tries) {
  return rules.pause * (1 << std::clamp(tries - 1, 0, 20));
}

void clear(Target& target) {
  target.active = target.handed_off = target.beats = false;
  target.tries = 0;
  target.restarts.clear();
  target.well = target.silence.silent = Duration::zero();
  target.alert.reset();
}

Target target_of_unknown_past() {
  Target target;
  target.active = target.handed_off = true;
  return target;
}

}  // namespace host::deadman
