// SPDX-License-Identifier: Apache-2.0
//
// When schedules fire, for a peer to compare with: reads "ZONE YEAR EXPRESSION" a line and prints
// the instants of that year, as the zone has it, in minutes since the epoch.
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include "base/error.hpp"
#include "schedule/schedule.hpp"

namespace {

void print_year(const std::string& line) {
  std::istringstream words(line);
  std::string zone_name, text;
  int number = 0;
  words >> zone_name >> number >> std::ws;
  std::getline(words, text);
  const auto zone = host::Zone::load(zone_name);
  const auto schedule = host::Schedule::parse(text, zone);
  using std::chrono::sys_days, std::chrono::year;
  // A day more on either side than any zone is away from UTC.
  host::WallTime const at = sys_days(year(number) / 1 / 1) - std::chrono::days(2);
  const host::WallTime end = sys_days(year(number + 1) / 1 / 1) + std::chrono::days(2);
  std::ostringstream out;
  for (auto next = schedule.next(at); next && *next < end; next = schedule.next(*next))
    out << std::chrono::floor<std::chrono::minutes>(*next).time_since_epoch().count() << ' ';
  std::cout << out.str() << '\n';
}

}  // namespace

int main() {
  try {
    for (std::string line; std::getline(std::cin, line);) print_year(line);
  } catch (const std::exception& error) {
    std::cerr << "cron_year: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
