// SPDX-License-Identifier: Apache-2.0
#include "deadman/telling.hpp"

#include <algorithm>

namespace host::deadman {
namespace {

// After one less the pause has grown to its longest, and one may be put off.
constexpr std::size_t kGoes = 8;
constexpr Duration kFirstPause = std::chrono::minutes(1);
constexpr Duration kLongestPause = std::chrono::hours(1);
constexpr Duration kForgotten = std::chrono::hours(8);
constexpr int kGoesOfADay = 24;

// Events with one opposite are about the same.
Event subject(Event event) {
  if (event == Event::healthy) return Event::died;
  return event == Event::watchable ? Event::unwatchable : event;
}

bool is_news(Event event) {
  return event == Event::healthy || event == Event::watchable || event == Event::cleared;
}

}  // namespace

void Telling::raise(Event event, std::string text) {
  std::erase_if(open, [&](const Alert& each) { return subject(each.event) == subject(event); });
  open.push_back({event, std::move(text), ""});
}

Alert* Telling::find(Event event) {
  const auto found = std::find_if(open.begin(), open.end(),
                                  [&](const Alert& each) { return each.event == event; });
  return found == open.end() ? nullptr : &*found;
}

void Telling::drop_news() {
  std::erase_if(open, [](const Alert& each) { return is_news(each.event); });
}

void Telling::pass(Duration time) {
  for (auto& ago : goes) ago += time;
}

bool Telling::is_due() const {
  if (open.empty()) return false;
  const auto lately =
      std::count_if(goes.begin(), goes.end(), [](Duration ago) { return ago < kForgotten; });
  if (lately == 0) return true;
  return goes.back() >= std::min(kLongestPause, kFirstPause * (1 << (lately - 1)));
}

void Telling::begin() {
  goes.push_back(Duration::zero());
  if (goes.size() > kGoes) goes.erase(goes.begin());
}

void Telling::told() {
  open.erase(open.begin());
  failures = 0;
}

void Telling::put_off() { goes.pop_back(); }

bool Telling::failed(WallTime now) {
  if (failures == 0) failing_since = now;
  return failures++ % kGoesOfADay == 0;
}

}  // namespace host::deadman
