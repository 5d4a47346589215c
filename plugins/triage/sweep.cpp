// SPDX-License-Identifier: Apache-2.0
#include "sweep.hpp"

#include <algorithm>
#include <map>

#include "numbered_keys.hpp"
#include "record.hpp"

namespace triage {
namespace {

using timmy::Json;

constexpr int kDaysKept = 30;
// Of closed issues whose day is kept; what is beyond is forgotten at once, to fit into one value.
constexpr std::size_t kMostClosed = 3000;

std::string closed_key(const std::string& home) { return "closed/" + home; }

std::map<std::int64_t, int> closed_before(const timmy::State& state, const std::string& home) {
  std::map<std::int64_t, int> days;
  for (const auto& entry : state.get(closed_key(home)).value_or(Json::array()))
    days[entry.at(0).get<std::int64_t>()] = entry.at(1).get<int>();
  return days;
}

}  // namespace

void forget_closed(timmy::State state, const std::string& home, const std::set<std::int64_t>& open,
                   timmy::Time now) {
  const std::string prefix = record_key(home, 0).substr(0, record_key(home, 0).size() - 1);
  const auto recorded = numbers_after(state, prefix);
  const int today =
      static_cast<int>(std::chrono::floor<std::chrono::days>(now).time_since_epoch().count());
  const auto before = closed_before(state, home);
  Json after = Json::array();
  for (auto number = recorded.rbegin(); number != recorded.rend(); ++number) {
    if (open.contains(*number)) continue;
    const auto known = before.find(*number);
    // Not later than today, should the clock have been ahead.
    const int since = known == before.end() ? today : std::min(today, known->second);
    if (today - since > kDaysKept || after.size() >= kMostClosed)
      state.put_now(record_key(home, *number), nullptr);
    else
      after.push_back({*number, since});
  }
  if (after.empty() && before.empty()) return;
  state.put_now(closed_key(home), after.empty() ? Json() : after);
}

}  // namespace triage
