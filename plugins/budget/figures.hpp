// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <timmy/context.hpp>
#include <vector>

namespace budget {

// How many tokens went under one name.
struct Figures {
  std::string name;
  std::int64_t today = 0;      // so far
  std::int64_t yesterday = 0;  // a whole day
  std::int64_t week = 0;       // the 7 days before that
  double cost_yesterday = 0;   // dollars

  // Of yesterday over a day of that week, in percent; 0 where there was none.
  [[nodiscard]] long trend() const;
};

struct AllFigures {
  std::vector<Figures> rows;
  bool cut = false;  // more was used than is looked at: some are missing, or too small
};

// By "day", "pipeline" or "model". Most of yesterday and today first; without those that used
// nothing in all the time.
[[nodiscard]] AllFigures figures_by(const timmy::Context& ctx, const std::string& dimension);

// "+20%", "-5%", "new".
[[nodiscard]] std::string trend_text(const Figures& figures);

// "1,234,567".
[[nodiscard]] std::string grouped(std::int64_t number);

}  // namespace budget
