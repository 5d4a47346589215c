// SPDX-License-Identifier: Apache-2.0
//
// Schedules of others: the first byte chooses the reader, the rest is the file. Every entry comes
// to a verdict with a reason, and what is taken over is YAML with schedules that the host takes.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/json.hpp"
#include "config/document.hpp"
#include "schedule/import.hpp"
#include "schedule/schedule.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

void check(const host::ImportPlan& plan) {
  std::size_t taken = 0;
  for (const auto& line : plan.lines) {
    require(!line.where.empty());
    const bool is_taken = line.verdict == host::ImportLine::Verdict::taken;
    require(is_taken == line.reason.empty());
    if (!is_taken) continue;
    ++taken;
    require(host::Schedule::parse(line.schedule, host::Zone::load(line.zone))
                .next(host::WallTime{})
                .has_value());
  }
  require((taken == 0) == plan.fragment.empty());
  if (taken == 0) return;
  const auto settings = host::parse_yaml(plan.fragment, "fragment").value();
  std::size_t written = 0;
  for (const auto& plugin : settings["defaults"]["plugins"]) written += plugin["schedule"].size();
  require(written == taken);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto read = data[0] % 3 == 0   ? host::read_crontab
                    : data[0] % 3 == 1 ? host::read_hermes_jobs
                                       : host::read_definitions;
  check(host::plan_import(read(text, "file", "UTC"),
                          {{"heartbeat", "heartbeat"}, {"gitea_issue_triage", "triage"}}, "skip"));
  return 0;
}
