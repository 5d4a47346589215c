// SPDX-License-Identifier: Apache-2.0
#include "numbered_keys.hpp"

#include <charconv>

namespace triage {
namespace {

// What state().list() answers at most.
constexpr std::size_t kPage = 1000;

// Digit by digit, where they are too many for one answer.
void collect(const timmy::State& state, const std::string& prefix, std::size_t from,
             std::set<std::int64_t>& numbers) {
  const auto keys = state.list(prefix);
  for (const auto& key : keys) {
    std::int64_t number = 0;
    const auto* end = key.data() + key.size();
    const auto [rest, wrong] = std::from_chars(key.data() + from, end, number);
    if (wrong == std::errc() && rest == end) numbers.insert(number);
  }
  if (keys.size() < kPage) return;
  for (char digit = '0'; digit <= '9'; ++digit) collect(state, prefix + digit, from, numbers);
}

}  // namespace

std::set<std::int64_t> numbers_after(const timmy::State& state, const std::string& prefix) {
  std::set<std::int64_t> numbers;
  collect(state, prefix, prefix.size(), numbers);
  return numbers;
}

}  // namespace triage
