// SPDX-License-Identifier: Apache-2.0
#include "figure.hpp"

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

namespace bench {

void print(const Figure& figure, bool json) {
  std::optional<double> ratio;
  if (figure.baseline && *figure.baseline != 0) ratio = figure.value / *figure.baseline;
  if (json) {
    nlohmann::json line{{"name", figure.name}, {"value", figure.value}, {"unit", figure.unit},
                        {"baseline", nullptr}, {"ratio", nullptr},      {"note", figure.note}};
    if (figure.baseline) line["baseline"] = *figure.baseline;
    if (ratio) line["ratio"] = *ratio;
    std::cout << line.dump() << std::endl;
    return;
  }
  std::cout << figure.name << ": " << figure.value << ' ' << figure.unit;
  if (ratio) std::cout << " (" << *ratio << " of " << *figure.baseline << ")";
  std::cout << (figure.note.empty() ? "" : "; " + figure.note) << std::endl;
}

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(values.size())));
  return values.at(rank == 0 ? 0 : rank - 1);
}

double median(std::vector<double> values) { return percentile(std::move(values), 0.5); }

}  // namespace bench
