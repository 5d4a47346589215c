// SPDX-License-Identifier: Apache-2.0
#include "departed.hpp"

#include <algorithm>
#include <map>
#include <string>

#include "glob.hpp"

namespace triage {
namespace {

constexpr int kDaysKept = 30;
constexpr std::size_t kMostKeys = 1000;
// What state().list() answers at most.
constexpr std::size_t kPage = 1000;

// Letter by letter, where they are too many for one answer. All are lowered.
void collect(const timmy::State& state, const std::string& prefix, Names& all) {
  constexpr const char* kLetters = "-./0123456789_abcdefghijklmnopqrstuvwxyz";
  const auto keys = state.list(prefix);
  if (keys.size() < kPage) return void(all.insert(all.end(), keys.begin(), keys.end()));
  if (keys.front() == prefix) all.push_back(prefix);
  for (const char* letter = kLetters; *letter != '\0'; ++letter)
    collect(state, prefix + *letter, all);
}

// The keys under which names stand for homes, by home: see Homes.
std::map<std::string, Names> names_by_home(const timmy::State& state) {
  Names keys;
  collect(state, "id/", keys);
  std::map<std::string, Names> homes;
  for (const auto& key : keys)
    if (const auto id = state.get(key); id && id->is_number_integer())
      homes[std::to_string(id->get<std::int64_t>())].push_back(key);
  return homes;
}

// Takes away what is kept under a home, but for how it is found. False: not all of it yet.
bool forget(const timmy::State& state, const std::string& home, std::size_t& budget) {
  const auto drop = [&](const std::string& key) {
    if (budget == 0) return false;
    --budget;
    state.put_now(key, nullptr);
    return true;
  };
  for (const char* numbered : {"record/", "orphans/", "stale/", "reviews/"})
    for (;;) {
      const auto keys = state.list(numbered + home + "#");
      for (const auto& key : keys)
        if (!drop(key)) return false;
      if (keys.empty()) break;
    }
  for (const char* single : {"seen/", "due/", "closed/"})
    if (state.get(single + home) && !drop(single + home)) return false;
  return true;
}

}  // namespace

void forget_departed(timmy::State state, const Names& repos, timmy::Time now) {
  const int today =
      static_cast<int>(std::chrono::floor<std::chrono::days>(now).time_since_epoch().count());
  std::size_t budget = kMostKeys;
  for (const auto& [home, keys] : names_by_home(state)) {
    const bool covered = std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
      return covers_repo(repos, key.substr(std::string("id/").size()));
    });
    const auto left_key = "left/" + home;
    const auto since = state.get(left_key);
    if (covered) {
      if (since) state.put_now(left_key, nullptr);
      continue;
    }
    // Not later than today, should the clock have been ahead.
    if (!since || !since->is_number_integer() || since->get<int>() > today) {
      state.put_now(left_key, today);
      continue;
    }
    if (today - since->get<int>() <= kDaysKept) continue;
    if (!forget(state, home, budget)) return;
    for (const auto& key : keys) state.put_now(key, nullptr);
    state.put_now(left_key, nullptr);
  }
}

}  // namespace triage
