// SPDX-License-Identifier: Apache-2.0
#include "figures.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace budget {
namespace {

constexpr int kWeek = 7;

}  // namespace

long Figures::trend() const {
  if (week <= 0) return 0;
  const double before = static_cast<double>(week) / kWeek;
  return std::lround((static_cast<double>(yesterday) / before - 1) * 100);
}

AllFigures figures_by(const timmy::Context& ctx, const std::string& dimension) {
  std::map<std::string, Figures> all;
  AllFigures figures;
  const auto add = [&](int days, auto into) {
    const auto [totals, cut] = ctx.tokens().totals(dimension, days);
    figures.cut = figures.cut || cut;
    for (const auto& total : totals) into(all[total.name], total);
  };
  // The service tells of the last so many days together: what is older is the difference.
  add(1, [](Figures& one, const timmy::TokenTotal& total) {
    one.today = total.usage.total();
    one.cost_yesterday = -total.cost_usd;
  });
  add(2, [](Figures& one, const timmy::TokenTotal& total) {
    one.yesterday = total.usage.total() - one.today;
    one.cost_yesterday += total.cost_usd;
  });
  add(2 + kWeek, [](Figures& one, const timmy::TokenTotal& total) {
    one.week = total.usage.total() - one.today - one.yesterday;
  });
  auto& list = figures.rows;
  for (auto& [name, one] : all) {
    one.name = name;
    one.yesterday = std::max<std::int64_t>(one.yesterday, 0);
    one.week = std::max<std::int64_t>(one.week, 0);
    one.cost_yesterday = std::max(one.cost_yesterday, 0.0);
    if (one.today + one.yesterday + one.week > 0) list.push_back(one);
  }
  std::stable_sort(list.begin(), list.end(), [](const Figures& a, const Figures& b) {
    return a.yesterday + a.today > b.yesterday + b.today;
  });
  return figures;
}

std::string trend_text(const Figures& figures) {
  if (figures.week == 0) return figures.yesterday > 0 ? "new" : "";
  const long trend = figures.trend();
  return (trend > 0 ? "+" : "") + std::to_string(trend) + "%";
}

std::string grouped(std::int64_t number) {
  std::string text = std::to_string(number);
  const std::size_t first = number < 0 ? 1 : 0;
  for (std::size_t at = text.size(); at > first + 3;) text.insert(at -= 3, ",");
  return text;
}

}  // namespace budget
