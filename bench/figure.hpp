// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace bench {

// A line of output. Names are stable: whoever compares two versions goes by them.
struct Figure {
  std::string name;  // "queue.end_to_end"
  double value = 0;
  std::string unit;                // "jobs/s"
  std::optional<double> baseline;  // the same unit, measured in the same run
  std::string note;
};

// Prints it as one JSON object a line (name, value, unit, baseline, ratio, note), or for people.
void print(const Figure& figure, bool json);

[[nodiscard]] double median(std::vector<double> values);
[[nodiscard]] double percentile(std::vector<double> values, double share);

using Seconds = std::chrono::duration<double>;

}  // namespace bench
