// SPDX-License-Identifier: Apache-2.0
#include "sweep.hpp"

#include <charconv>
#include <map>
#include <vector>

#include "record.hpp"

namespace triage {
namespace {

using timmy::Json;

constexpr int kDaysKept = 30;
// Of closed issues whose day is kept; what is beyond is forgotten at once, to fit into one value.
constexpr std::size_t kMostClosed = 3000;
// What state().list() answers at most.
constexpr std::size_t kPage = 1000;

std::string closed_key(const std::string& repo) { return "closed/" + repo; }

// The numbers after `prefix`, of keys that begin with it: digit by digit, where they are too many
// for one answer.
void collect(const timmy::State& state, const std::string& prefix, std::size_t from,
             std::set<std::int64_t>& numbers) {
  const auto keys = state.list(prefix);
  for (const auto& key : keys) {
    std::int64_t number = 0;
    const auto* end = key.data() + key.size();
    if (std::from_chars(key.data() + from, end, number).ptr == end) numbers.insert(number);
  }
  if (keys.size() < kPage) return;
  for (char digit = '0'; digit <= '9'; ++digit) collect(state, prefix + digit, from, numbers);
}

std::map<std::int64_t, int> closed_before(const timmy::State& state, const std::string& repo) {
  std::map<std::int64_t, int> days;
  for (const auto& entry : state.get(closed_key(repo)).value_or(Json::array()))
    days[entry.at(0).get<std::int64_t>()] = entry.at(1).get<int>();
  return days;
}

}  // namespace

void forget_closed(timmy::State state, const std::string& repo, const std::set<std::int64_t>& open,
                   timmy::Time now) {
  const std::string prefix = record_key(repo, 0).substr(0, record_key(repo, 0).size() - 1);
  std::set<std::int64_t> recorded;
  collect(state, prefix, prefix.size(), recorded);
  const int today =
      static_cast<int>(std::chrono::floor<std::chrono::days>(now).time_since_epoch().count());
  const auto before = closed_before(state, repo);
  Json after = Json::array();
  for (auto number = recorded.rbegin(); number != recorded.rend(); ++number) {
    if (open.contains(*number)) continue;
    const auto known = before.find(*number);
    const int since = known == before.end() ? today : known->second;
    if (today - since > kDaysKept || after.size() >= kMostClosed)
      state.put_now(record_key(repo, *number), nullptr);
    else
      after.push_back({*number, since});
  }
  if (after.empty() && before.empty()) return;
  state.put_now(closed_key(repo), after.empty() ? Json() : after);
}

}  // namespace triage
