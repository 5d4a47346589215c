// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher_refusal.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/result.hpp"
#include "dispatch/dispatcher_impl.hpp"

namespace host::dispatch {
namespace {

constexpr const char* kKey = "refused";

std::optional<Refusals> refusals_of(const Json& evidence) {
  const auto found = evidence.find(kKey);
  if (found == evidence.end()) return std::nullopt;
  // People may have had a hand in it, and evidence may be cut.
  const auto read = attempt([&] {
    return Refusals{parse_utc(found->at("since").get<std::string>()),
                    found->at("times").get<int>()};
  });
  return read.ok() ? std::optional(read.value()) : std::nullopt;
}

}  // namespace

Duration longer_each_time(Duration first, int before, Duration longest) {
  auto delay = first;
  for (int more = 0; more < before && delay < longest; ++more) delay *= 2;
  return std::min(delay, longest);
}

std::optional<Refusals> refusals_in(const std::vector<GateVisit>& visits) {
  for (auto visit = visits.rbegin(); visit != visits.rend(); ++visit) {
    const bool last = visit == visits.rbegin();
    if (visit->gate != visits.back().gate || (!last && visit->verdict != GateVerdict::interrupted))
      break;
    if (auto found = refusals_of(visit->evidence)) return found;
  }
  return std::nullopt;
}

bool waits_refused(const Item& item, const std::vector<GateVisit>& visits) {
  return item.at.state == ItemState::waiting && !visits.empty() &&
         visits.back().gate == item.at.gate && visits.back().verdict == GateVerdict::open &&
         refusals_in(visits).has_value();
}

Json with_refusals(Json evidence, const Refusals& refusals) {
  if (!evidence.is_object()) evidence = Json::object();
  evidence[kKey] = {{"since", format_utc(refusals.since)}, {"times", refusals.count}};
  return evidence;
}

void Dispatcher::Impl::refused(Live& live, const Error& error) {
  world_.store.run([id = live.item.id](Unit& unit) { return gate_visits(unit, id); },
                   need<std::vector<GateVisit>>(
                       live, [this, error](Live& at, const std::vector<GateVisit>& visits) {
                         judge_refusal(at, error, visits);
                       }));
}

void Dispatcher::Impl::judge_refusal(Live& live, const Error& error,
                                     const std::vector<GateVisit>& visits) {
  auto refusals = refusals_in(visits).value_or(Refusals{now(), 0});
  ++refusals.count;
  auto evidence = with_refusals(visits.empty() ? Json::object() : visits.back().evidence, refusals);
  const auto end = refusals.since + settings_.refused_for;
  if (now() >= end)
    return commit(live, Move::fail,
                  {.reason = fmt::format("refused {} times since {}: {}", refusals.count,
                                         format_utc(refusals.since), error.what()),
                   .evidence = std::move(evidence)});
  if (refusals.count == 1)
    log_.warn("item {}, {}, is refused something, and tries again until {}: {}",
              live.item.id.value(), live.item.subject(), format_utc(end), error.what());
  live.refused = true;
  const auto delay =
      longer_each_time(settings_.retry_after, refusals.count - 1, settings_.longest_refused_retry);
  wait(live,
       fmt::format("refused {} times since {}, and fails at {}: {}", refusals.count,
                   format_utc(refusals.since), format_utc(end), error.what()),
       std::min(delay, end - now()), std::move(evidence));
}

}  // namespace host::dispatch
