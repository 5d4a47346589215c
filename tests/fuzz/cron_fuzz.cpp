// SPDX-License-Identifier: Apache-2.0
//
// Schedules as somebody else wrote them. The first byte chooses the zone, the next four the instant
// from which on to look, the rest is the text. Text is refused with an Error or gives instants that
// only go up and are the same however one comes to them.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/error.hpp"
#include "schedule/schedule.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const host::Schedule& schedule, host::WallTime from) {
  using namespace std::chrono_literals;
  host::WallTime at = from;
  for (int i = 0; i < 20; ++i) {
    const auto next = schedule.next(at);
    if (!next) return;
    require(*next > at);
    require(schedule.next(*next - 1us) == next);
    const auto between = at + (*next - at) / 2;
    if (between < *next) require(schedule.next(between) == next);
    at = *next;
  }
  const auto latest = schedule.latest(from, at, 3);
  require(latest.size() == 3 && latest.back() == at);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::array<host::Zone, 4> zones{host::Zone(), host::Zone::load("America/New_York"),
                                               host::Zone::load("Australia/Lord_Howe"),
                                               host::Zone::load("America/Havana")};
  if (size < 5) return 0;
  std::uint32_t start = 0;
  std::memcpy(&start, data + 1, sizeof start);
  const std::string_view text(reinterpret_cast<const char*>(data) + 5, size - 5);
  try {
    const auto schedule = host::Schedule::parse(text, zones[data[0] % zones.size()]);
    check(schedule, host::WallTime(std::chrono::seconds(start)));
  } catch (const host::Error& error) {
    require(!error.message().empty());
  }
  return 0;
}
