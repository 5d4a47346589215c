// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
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

// Where figures go, and which ones were asked for.
class Output {
 public:
  // `names`: the beginnings of the figures that are wanted; none: all. `json`: one object a line
  // (name, value, unit, baseline, ratio, note), else for people.
  Output(std::vector<std::string> names, bool json) : names_(std::move(names)), json_(json) {}

  [[nodiscard]] bool wants(std::string_view figure) const;
  // Prints it, if it is wanted.
  void print(const Figure& figure) const;

 private:
  std::vector<std::string> names_;
  bool json_;
};

[[nodiscard]] double median(std::vector<double> values);
[[nodiscard]] double percentile(std::vector<double> values, double share);

using Seconds = std::chrono::duration<double>;

// A measurement that is taken several times; what is compared takes turns with it.
inline constexpr int kRuns = 5;

class Series {
 public:
  // Measures once more: a number, by measure().
  template <class Measure>
  void run(Measure measure) {
    const auto start = std::chrono::steady_clock::now();
    const double value = measure();
    add(value, std::chrono::steady_clock::now() - start);
  }
  // The same, measured elsewhere.
  void add(double value, Seconds took) {
    values_.push_back(value);
    took_ += took;
  }

  [[nodiscard]] double median() const { return bench::median(values_); }
  [[nodiscard]] bool empty() const { return values_.empty(); }
  // "median of 5 runs (1.8 to 2.1), 12 s in all"
  [[nodiscard]] std::string note() const;

 private:
  std::vector<double> values_;
  Seconds took_{};
};

}  // namespace bench
