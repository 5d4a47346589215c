// SPDX-License-Identifier: Apache-2.0
#include "forecast.hpp"

namespace budget {
namespace {

// A rate of less than this says nothing about a day.
constexpr auto kTooEarly = std::chrono::hours(1);

// "2026-01-06 00:00 UTC"
std::string minute(timmy::Time time) {
  std::string text = timmy::format_time(time).substr(0, 16);
  text[10] = ' ';
  return text + " UTC";
}

}  // namespace

std::optional<timmy::Time> runs_out(const timmy::TokenStanding& standing, timmy::Time now) {
  if (!standing.tokens || !standing.begins_anew || standing.reached) return std::nullopt;
  const auto passed = now - (*standing.begins_anew - std::chrono::days(1));
  if (passed < kTooEarly || standing.tokens->settled <= 0) return std::nullopt;
  const double rate =
      static_cast<double>(standing.tokens->settled) / static_cast<double>(passed.count());
  const double lasts = static_cast<double>(standing.tokens->left) / rate;
  if (lasts >= static_cast<double>((*standing.begins_anew - now).count())) return std::nullopt;
  return now + timmy::Time::duration(static_cast<std::int64_t>(lasts));
}

std::string forecast(const timmy::TokenStanding& standing, timmy::Time now) {
  if (standing.reached)
    return standing.begins_anew ? "used up, begins anew at " + minute(*standing.begins_anew)
                                : "used up";
  if (const auto at = runs_out(standing, now)) return "runs out at " + minute(*at);
  return standing.begins_anew ? "lasts" : "";
}

}  // namespace budget
