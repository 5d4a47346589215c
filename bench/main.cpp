// SPDX-License-Identifier: Apache-2.0
//
// timmy-bench [NAME ...] [--json]: measures, and prints a figure a line. A NAME is the beginning of
// figures' names ("queue"), and only those are measured; none runs all. docs/performance.md says
// what the figures mean.
#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "figure.hpp"
#include "gitea_bench.hpp"
#include "host_bench.hpp"
#include "meter_bench.hpp"
#include "provenance_bench.hpp"
#include "queue_bench.hpp"
#include "schedule_bench.hpp"
#include "sdk_bench.hpp"
#include "tokens_bench.hpp"

namespace {

struct Bench {
  std::vector<std::string> figures;
  void (*run)(const bench::Output& output);
};
const std::vector<Bench> kBenches{
    {{"queue.end_to_end", "queue.end_to_end.vs_huey", "queue.end_to_end.vs_huey_nofsync"},
     bench::end_to_end},
    {{"queue.start_latency.p50", "queue.start_latency.p99"}, bench::start_latency},
    {{"queue.enqueue_batch", "queue.enqueue_batch.vs_inserts"}, bench::enqueue_batch},
    {{"queue.growth"}, bench::growth},
    {{"schedule.lateness.p50", "schedule.lateness.p99"}, bench::schedule_lateness},
    {{"schedule.burst"}, bench::schedule_burst},
    {{"tokens.check_growth", "tokens.insert_growth"}, bench::tokens_growth},
    {{"host.idle_anon", "host.idle_pss", "host.idle_wakeups"}, bench::idle},
    {{"host.ready_100k"}, bench::ready_100k},
    {{"workers.orphan_end"}, bench::orphan_end},
    {{"catalogue.list_100"}, bench::list_100},
    {{"gitea.triage_cold", "gitea.triage_warm"}, bench::triage_requests},
    {{"meter.added_latency.p50", "meter.added_latency.p99"}, bench::meter_latency},
    {{"meter.streams", "meter.streams.memory"}, bench::meter_streams},
    {{"provenance.vs_python", "provenance.vs_parse", "provenance.pss"}, bench::provenance_ingest},
    {{"provenance.unchanged"}, bench::provenance_unchanged},
    {{"sdk.call_roundtrip"}, bench::sdk_call_roundtrip},
    {{"sdk.pooled_run"}, bench::sdk_pooled_run},
    {{"sdk.fresh_run", "sdk.fresh_run.in_a_row"}, bench::sdk_fresh_run},
    {{"sdk.header_compile", "sdk.plugin_compile"}, bench::sdk_compile},
    {{"sdk.hot_swaps", "sdk.hot_swaps.memory"}, bench::sdk_hot_swaps},
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> given(argv + 1, argv + argc);
  const bool json = std::erase(given, "--json") > 0;
  try {
    const bench::Output output(std::move(given), json);
    bool any = false;
    for (const auto& bench : kBenches) {
      if (std::none_of(bench.figures.begin(), bench.figures.end(),
                       [&](const auto& figure) { return output.wants(figure); }))
        continue;
      any = true;
      bench.run(output);
    }
    if (!any) std::cerr << "timmy-bench: no bench has that name\n";
    return any ? 0 : 64;
  } catch (...) {
    std::cerr << "timmy-bench: " << host::current_error().what() << '\n';
    return 1;
  }
}
