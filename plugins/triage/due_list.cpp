// SPDX-License-Identifier: Apache-2.0
#include "due_list.hpp"

#include <algorithm>

namespace triage {
namespace {

std::int64_t seconds(timmy::Time time) {
  return std::chrono::ceil<std::chrono::seconds>(time).time_since_epoch().count();
}

}  // namespace

DueList DueList::from(const timmy::Json& json) {
  DueList list;
  if (!json.is_array()) return list;
  for (const auto& entry : json)
    if (entry.is_array() && entry.size() == 2 && entry[0].is_number_integer() &&
        entry[1].is_number_integer())
      list.due_[entry[0].get<std::int64_t>()] = entry[1].get<Seconds>();
  return list;
}

timmy::Json DueList::to_json() const {
  auto json = timmy::Json::array();
  for (const auto& [number, when] : due_) json.push_back({number, when});
  return json;
}

void DueList::set(std::int64_t number, std::optional<timmy::Time> when) {
  if (when)
    due_[number] = seconds(*when);
  else
    due_.erase(number);
}

std::vector<std::pair<DueList::Seconds, std::int64_t>> DueList::by_time() const {
  std::vector<std::pair<Seconds, std::int64_t>> all;
  for (const auto& [number, when] : due_) all.emplace_back(when, number);
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<std::int64_t> DueList::ripe(timmy::Time now) const {
  std::vector<std::int64_t> numbers;
  for (const auto& [when, number] : by_time())
    if (when <= std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count())
      numbers.push_back(number);
  return numbers;
}

bool DueList::fit(timmy::Time now) {
  if (due_.size() <= kMost) return true;
  const auto all = by_time();
  const bool whole = all[kMost].first > seconds(now);
  for (std::size_t i = kMost; i < all.size(); ++i) due_.erase(all[i].second);
  return whole;
}

}  // namespace triage
