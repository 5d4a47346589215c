// SPDX-License-Identifier: Apache-2.0
#include "deadman/target.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace host::deadman {
namespace {

// What was done lies further back by what has passed since the last look, which is returned.
Duration pass(Target& target, const Moment& now) {
  const Silence& silence = target.silence;
  const auto passed = silence.begins_anew(now) ? Duration::zero() : now.at - silence.looked.at;
  for (auto& ago : target.restarts) ago += passed;
  target.telling.pass(passed);
  target.trouble_pause = std::max(Duration::zero(), target.trouble_pause - passed);
  return passed;
}

class Judge {
 public:
  Judge(Target& target, const Rules& rules, const Moment& now)
      : target_(target), rules_(rules), now_(now) {}

  Decision take(const Sign& sign) {
    const auto passed = pass(target_, now_);
    decision_.sight = target_.silence.look(sign, now_, rules_.after);
    watch_trouble(sign, passed);
    switch (decision_.sight.life) {
      case Sight::Life::waiting:
      case Sight::Life::unsure: break;
      case Sight::Life::alive: take_life(); break;
      case Sight::Life::silent: take_silence(); break;
    }
    return std::move(decision_);
  }

 private:
  void alert(Event event, const std::string& text) {
    decision_.happenings.push_back({event, text});
    target_.telling.raise(event, text);
  }

  [[nodiscard]] std::string trouble_of(const Sign& sign) const {
    if (decision_.sight.life == Sight::Life::unsure) return sign.mark;
    return decision_.sight.life == Sight::Life::waiting ? "no sign of life was ever seen" : "";
  }

  // Told when it has stood for a while, and then not again for a while: what is there is in the
  // hands of those who are watched.
  void watch_trouble(const Sign& sign, Duration passed) {
    const auto before = std::exchange(target_.trouble, trouble_of(sign));
    if (target_.trouble.empty()) {
      target_.troubled = Duration::zero();
      if (!target_.trouble_told || may_be_dying()) return;
      target_.trouble_told = false;
      // Who is dead is told to be so.
      if (decision_.sight.life != Sight::Life::silent)
        alert(Event::watchable, "can be watched again");
      return;
    }
    if (!before.empty()) target_.troubled += std::min(passed, rules_.after / 2);
    if (target_.trouble_told || target_.troubled < rules_.after ||
        target_.trouble_pause > Duration::zero())
      return;
    target_.trouble_told = true;
    target_.trouble_pause = rules_.window;
    alert(Event::unwatchable, "can't be watched: " + target_.trouble);
  }

  // As after a stop that never ended, and is no excuse any more: good news would be out of place.
  [[nodiscard]] bool may_be_dying() const {
    return decision_.sight.life == Sight::Life::alive && !decision_.sight.beat &&
           target_.silence.silent >= rules_.after / 2;
  }

  void take_life() {
    if (!target_.active || !decision_.sight.beat) return;
    // Only time between two signs proves anything: a restarted target is not well for being young.
    if (target_.beats) target_.well += decision_.sight.since;
    target_.beats = true;
    if (target_.well < rules_.healthy_after) return;
    target_.active = false;
    target_.tries = target_.failed = 0;
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
    if (target_.tries >= rules_.max_retries ||
        restarts_within(target_, rules_.window) >= rules_.max_retries)
      return hand_off();
    decision_.restart =
        target_.restarts.empty() || target_.restarts.back() >= pause_after(rules_, target_.tries);
  }

  void hand_off() {
    target_.handed_off = true;
    alert(Event::handed_off,
          fmt::format("has given no sign of life for {} after {}; hands off until it is cleared",
                      brief(target_.silence.silent), what_was_tried()));
  }

  [[nodiscard]] std::string what_was_tried() const {
    // Some of a window's restarts may be of a death that it got over.
    const auto lately = restarts_within(target_, rules_.window);
    if (lately > target_.tries)
      return fmt::format("{} restarts within {}", lately, brief(rules_.window));
    const auto restarts = fmt::format("{} restarts", target_.tries);
    if (target_.failed == 0) return restarts;
    return restarts + (target_.failed == target_.tries
                           ? ", all of which failed"
                           : fmt::format(", {} of which failed", target_.failed));
  }

  Target& target_;
  const Rules& rules_;
  const Moment& now_;
  Decision decision_;
};

}  // namespace

Decision judge(Target& target, const Rules& rules, const Sign& sign, const Moment& now) {
  return Judge(target, rules, now).take(sign);
}

void begin_restart(Target& target, WallTime at) {
  target.restarts.push_back(Duration::zero());
  if (target.restarts.size() > kMostRetries) target.restarts.erase(target.restarts.begin());
  ++target.tries;
  target.intent = Intent{at};
  target.silence.silent = Duration::zero();
}

int restarts_within(const Target& target, Duration window) {
  return static_cast<int>(std::count_if(target.restarts.begin(), target.restarts.end(),
                                        [&](Duration ago) { return ago < window; }));
}

Duration pause_after(const Rules& rules, int tries) {
  return rules.pause * (1 << std::clamp(tries - 1, 0, 20));
}

void watch_another(Target& target, std::string watched) {
  target.watched = std::move(watched);
  target.silence = {};
  target.last_sign.reset();
  target.beats = false;
  target.well = Duration::zero();
}

void pass_unlooked(Target& target, const Moment& now) {
  (void)pass(target, now);
  // Else the next look would let the same time pass again.
  target.silence.looked = now;
}

void clear(Target& target, std::string text) {
  target.active = target.handed_off = target.beats = false;
  target.tries = target.failed = 0;
  target.restarts.clear();
  target.intent.reset();
  target.well = target.silence.silent = target.silence.excused = Duration::zero();
  // What still can't be watched is told anew when it has stood for a while.
  target.trouble_told = false;
  target.troubled = target.trouble_pause = Duration::zero();
  target.telling.open.clear();
  target.telling.raise(Event::cleared, std::move(text));
}

Target target_of_unknown_past(std::string text) {
  Target target;
  target.active = target.handed_off = true;
  target.telling.raise(Event::state_lost, std::move(text));
  return target;
}

}  // namespace host::deadman
