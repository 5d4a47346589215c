// SPDX-License-Identifier: Apache-2.0
//
// timmy-bench [NAME ...] [--json]: measures, and prints a figure a line. A NAME is the beginning of
// figures' names ("queue"); none runs all. docs/performance.md says what the figures mean.
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "host_bench.hpp"
#include "queue_bench.hpp"
#include "schedule_bench.hpp"
#include "sdk_bench.hpp"

namespace {

struct Bench {
  const char* name;
  void (*run)(bool json);
};
constexpr Bench kBenches[] = {
    {"queue.end_to_end", bench::end_to_end},
    {"queue.start_latency", bench::start_latency},
    {"queue.enqueue_batch", bench::enqueue_batch},
    {"queue.growth", bench::growth},
    {"schedule.lateness", bench::schedule_lateness},
    {"schedule.burst", bench::schedule_burst},
    {"host.idle", bench::idle},
    {"host.ready_100k", bench::ready_100k},
    {"catalogue.list_100", bench::list_100},
    {"sdk.call_roundtrip", bench::sdk_call_roundtrip},
    {"sdk.pooled_run", bench::sdk_pooled_run},
    {"sdk.fresh_run", bench::sdk_fresh_run},
    {"sdk.header_compile", bench::sdk_header_compile},
    {"sdk.hot_swaps", bench::sdk_hot_swaps},
};

bool wanted(const std::string& name, const std::vector<std::string>& given) {
  return given.empty() || std::any_of(given.begin(), given.end(), [&](const std::string& prefix) {
           return name.starts_with(prefix) || prefix.starts_with(name);
         });
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> given(argv + 1, argv + argc);
  const bool json = std::erase(given, "--json") > 0;
  try {
    bool any = false;
    for (const auto& bench : kBenches) {
      if (!wanted(bench.name, given)) continue;
      any = true;
      bench.run(json);
    }
    if (!any) std::cerr << "timmy-bench: no bench has that name\n";
    return any ? 0 : 64;
  } catch (...) {
    std::cerr << "timmy-bench: " << host::current_error().what() << '\n';
    return 1;
  }
}
