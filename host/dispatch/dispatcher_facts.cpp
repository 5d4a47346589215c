// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher_facts.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace host::dispatch {
namespace {

constexpr std::array kEnds = {
    std::pair{RunEnd::exited, std::string_view("exited")},
    std::pair{RunEnd::rate_limited, std::string_view("rate limited")},
    std::pair{RunEnd::not_usable, std::string_view("not usable")},
    std::pair{RunEnd::crashed, std::string_view("crashed")},
    std::pair{RunEnd::deadline, std::string_view("deadline")},
    std::pair{RunEnd::stalled, std::string_view("stalled")},
    std::pair{RunEnd::budget, std::string_view("budget")},
    std::pair{RunEnd::limit, std::string_view("limit")},
    std::pair{RunEnd::cancelled, std::string_view("cancelled")},
    std::pair{RunEnd::interrupted, std::string_view("interrupted")},
    std::pair{RunEnd::not_started, std::string_view("not started")},
};

constexpr std::size_t kPathsKept = 200;  // of what changed

RunEnd end_named(std::string_view text) {
  for (const auto& [end, name] : kEnds)
    if (name == text) return end;
  return RunEnd::not_started;
}

}  // namespace

std::string_view name(RunEnd end) noexcept {
  for (const auto& [each, text] : kEnds)
    if (each == end) return text;
  return "not started";
}

Json to_json(const RunFacts& facts) {
  Json json{{"run", facts.run},       {"how", name(facts.how)}, {"status", facts.status},
            {"reason", facts.reason}, {"tokens", facts.tokens}, {"refused", facts.refused},
            {"report", facts.report}, {"facts", facts.evidence}};
  if (facts.renews) json["renews"] = format_utc(*facts.renews);
  return json;
}

Json to_json(const ImportedWork& work) {
  Json changed = work.changed;
  if (changed.size() > kPathsKept) changed.erase(changed.begin() + kPathsKept, changed.end());
  return {{"head", work.head},
          {"commits", work.commits},
          {"changed", std::move(changed)},
          {"paths", work.changed.size()},
          {"problems", work.problems}};
}

RunFacts run_facts_from(const Json& json) {
  RunFacts facts;
  facts.run = json.value("run", "");
  facts.how = end_named(json.value("how", ""));
  facts.status = json.value("status", 0);
  facts.reason = json.value("reason", "");
  facts.tokens = json.value("tokens", std::int64_t{0});
  facts.refused = json.value("refused", "");
  facts.report = json.value("report", "");
  if (const auto renews = json.value("renews", ""); !renews.empty())
    facts.renews = parse_utc(renews);
  facts.evidence = json.value("facts", Json::object());
  return facts;
}

namespace {

// Of the last visit to the gate that has it.
std::optional<Json> last_evidence(const std::vector<GateVisit>& visits, Gate gate,
                                  const char* key) {
  const auto last = std::find_if(visits.rbegin(), visits.rend(), [&](const GateVisit& visit) {
    return visit.gate == gate && visit.evidence.contains(key);
  });
  return last == visits.rend() ? std::nullopt : whole_evidence(*last, key);
}

}  // namespace

RunFacts last_run(const std::vector<GateVisit>& visits) {
  const auto found = last_evidence(visits, Gate::track, kRunEvidence);
  return found ? run_facts_from(*found) : RunFacts{};
}

WorkVerdict last_verdict(const std::vector<GateVisit>& visits) {
  const auto found = last_evidence(visits, Gate::verify, kVerdictEvidence);
  return found ? parse_verdict(*found) : WorkVerdict{};
}

}  // namespace host::dispatch
