// SPDX-License-Identifier: Apache-2.0
#include "figure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <nlohmann/json.hpp>

namespace bench {

bool Output::wants(std::string_view figure) const {
  return names_.empty() || std::any_of(names_.begin(), names_.end(),
                                       [&](const auto& name) { return figure.starts_with(name); });
}

void Output::print(const Figure& figure) const {
  if (!wants(figure.name)) return;
  std::optional<double> ratio;
  if (figure.baseline && *figure.baseline != 0) ratio = figure.value / *figure.baseline;
  if (json_) {
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

std::string Series::note() const {
  const auto [least, most] = std::minmax_element(values_.begin(), values_.end());
  return fmt::format("median of {} runs ({:.4g} to {:.4g}), {:.0f} s in all", values_.size(),
                     *least, *most, took_.count());
}

double median(std::vector<double> values) { return percentile(std::move(values), 0.5); }

}  // namespace bench
