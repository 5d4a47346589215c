// SPDX-License-Identifier: Apache-2.0
#include "deadman/upkeep.hpp"

#include <fmt/format.h>

#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace host::deadman {
namespace {

std::set<std::string> subjects(const Settings& all) {
  std::set<std::string> found;
  for (const auto& watch : all.watches) found.insert(subject(watch));
  return found;
}

// What a person would miss if it were gone.
std::string what_is_known(const Target& target) {
  std::string text;
  const auto add = [&](const std::string& more) { text += (text.empty() ? "" : ", ") + more; };
  if (target.active) add("its flag is up");
  if (target.handed_off) add("hands are off");
  if (target.tries > 0) add(fmt::format("it was restarted {} times", target.tries));
  if (!target.telling.open.empty()) add("somebody is still to be told");
  return text;
}

// What is known of the watch leaves it; how often it was restarted stays with what that is about.
Target take_out(State& state, const std::string& key) {
  Target& old = state.targets.at(key);
  Target known = std::exchange(old, Target{.restarts = std::move(old.restarts)});
  known.restarts.clear();
  old.silence.looked = known.silence.looked;  // up to which they have aged
  // Of a watch without a restart the name alone is the key: nothing is restarted by it.
  if (old.restarts.empty() || key == known.watch) state.targets.erase(key);
  return known;
}

// `known`, of the watch; `here`, of what it restarts from now on.
Target merge(Target known, Target here) {
  // Both as of the later of the two looks: what is then taken of either has aged up to it, once.
  if (!here.silence.begins_anew(known.silence.looked))
    pass_unlooked(here, known.silence.looked);
  else if (!known.silence.begins_anew(here.silence.looked))
    pass_unlooked(known, here.silence.looked);
  known.active = known.active || here.active;
  known.handed_off = known.handed_off || here.handed_off;
  if (here.tries > known.tries) {
    known.tries = here.tries;
    known.failed = here.failed;
  }
  known.restarts = std::move(here.restarts);
  if (!known.intent) known.intent = here.intent;
  // What is told of the watch itself takes the place of what is about the same.
  auto own = std::exchange(known.telling.open, std::move(here.telling.open));
  for (auto& alert : own) {
    known.telling.raise(alert.event, std::move(alert.text));
    known.telling.open.back().then = std::move(alert.then);
  }
  return known;
}

// By which key what is known of the watch is kept, when that is another one than now.
std::string former_key(const State& state, const Watch& watch, const std::string& key,
                       const std::set<std::string>& claimed) {
  for (const auto& [other, target] : state.targets) {
    if (other == key || target.watch != watch.name) continue;
    // What another watch restarts now went over to that one, unless this one is plainly the same:
    // two watches may have swapped their names, or what they restart.
    if (!claimed.contains(other) || target.watched == lasting(watched(watch))) return other;
  }
  return {};
}

class Upkeep {
 public:
  Upkeep(State& state, const Settings& all, WallTime at) : state_(state), all_(all), at_(at) {}

  std::vector<Record> run(const Moment& now) {
    for (auto& each : carry_over(state_, all_))
      record(Event::carried_over, each.watch, std::move(each.text));
    age(now);
    forget();
    return std::move(recorded_);
  }

 private:
  void record(Event event, const std::string& target, std::string text) {
    state_.add({.at = at_, .target = target, .event = event, .text = std::move(text)});
    recorded_.push_back(state_.records.back());
  }

  // Looks let time pass for what is watched.
  void age(const Moment& now) {
    const auto last = std::exchange(state_.kept_up, now);
    const bool anew = last.boot.empty() || last.boot != now.boot || now.at < last.at;
    const auto passed = anew ? Duration::zero() : now.at - last.at;
    const auto claimed = subjects(all_);
    for (auto& [key, target] : state_.targets) {
      if (claimed.contains(key)) {
        target.unwatched.reset();
        continue;
      }
      // The first time it may have been watched until just now.
      target.unwatched = target.unwatched ? *target.unwatched + passed : Duration::zero();
      pass_unlooked(target, now);
    }
  }

  void forget() {
    std::multimap<Duration, std::string> unwatched;
    for (const auto& [key, target] : state_.targets)
      if (target.unwatched) unwatched.emplace(*target.unwatched, key);
    while (!unwatched.empty()) {
      const auto longest = std::prev(unwatched.end());
      if (longest->first < kForgottenAfter && unwatched.size() <= kMostUnwatched) return;
      forget(longest->second);
      unwatched.erase(longest);
    }
  }

  void forget(const std::string& key) {
    const Target& target = state_.targets.at(key);
    const auto known = what_is_known(target);
    record(Event::forgotten, target.watch.empty() ? key : target.watch,
           fmt::format("is named by no watch of deadman.yaml since {}, so what was known of it is "
                       "forgotten{}",
                       brief(*target.unwatched), known.empty() ? "" : ": " + known));
    state_.targets.erase(key);
  }

  State& state_;
  const Settings& all_;
  const WallTime at_;
  std::vector<Record> recorded_;
};

}  // namespace

std::vector<CarriedOver> carry_over(State& state, const Settings& all) {
  const auto claimed = subjects(all);
  // All are taken out before any is put in, as two may have swapped their places.
  std::vector<std::pair<const Watch*, Target>> moving;
  for (const auto& watch : all.watches)
    if (const auto key = former_key(state, watch, subject(watch), claimed); !key.empty())
      moving.emplace_back(&watch, take_out(state, key));
  std::vector<CarriedOver> said;
  for (auto& [watch, known] : moving) {
    Target& target = state.target(*watch);
    target = merge(std::move(known), std::move(target));
    target.unwatched.reset();
    if (const auto text = what_is_known(target); !text.empty())
      said.push_back({watch->name, "goes on as it was, with another `restart`: " + text});
  }
  return said;
}

std::vector<Record> bring_into_line(State& state, const Settings& all, const Moment& now,
                                    WallTime at) {
  return Upkeep(state, all, at).run(now);
}

}  // namespace host::deadman
