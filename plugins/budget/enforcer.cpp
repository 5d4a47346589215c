// SPDX-License-Identifier: Apache-2.0
#include "enforcer.hpp"

#include <cmath>

namespace budget {
namespace {

using timmy::Json;

// What is noted has to fit into a value of state/1.
constexpr std::size_t kNoted = 150;
constexpr std::size_t kCauseCap = 200;

Json known(timmy::Context& ctx, const std::string& key) {
  const auto value = ctx.state().get(key);
  return value && value->is_object() ? *value : Json::object();
}

Json note_pauses(timmy::Context& ctx, const std::vector<timmy::TokenPause>& pauses) {
  const Json before = known(ctx, "pauses");
  Json now = Json::object();
  for (const auto& pause : pauses) {
    if (now.size() >= kNoted) break;
    const auto old = before.find(pause.pipeline);
    const bool same = old != before.end() && old->value("until", "") == pause.until;
    if (!same)
      ctx.log.warn("pipeline ", pause.pipeline, " pauses until ", pause.until, ": ", pause.cause);
    const auto since = !pause.since.empty() ? pause.since
                       : same               ? old->value("since", "")
                                            : timmy::format_time(ctx.now());
    now[pause.pipeline] = {
        {"cause", pause.cause.substr(0, kCauseCap)}, {"since", since}, {"until", pause.until}};
  }
  for (const auto& [pipeline, old] : before.items())
    if (!now.contains(pipeline))
      ctx.log.info("pipeline ", pipeline, " goes on; it had paused since ",
                   old.value("since", "?"));
  if (now != before) ctx.state().put("pauses", now);
  return now;
}

std::string share(double taken) { return std::to_string(std::lround(taken * 100)) + "%"; }

// Runs come and go by the thousand, and each hears of its own cap.
bool is_spoken_of(const timmy::TokenStanding& standing) { return standing.dimension != "run"; }

int note_warnings(timmy::Context& ctx, const timmy::TokenStandings& all) {
  const Json before = known(ctx, "warned");
  Json now = Json::object();
  for (const auto& standing : all.standings) {
    if (!standing.warned || !is_spoken_of(standing) || now.size() >= kNoted) continue;
    const auto key = standing.dimension + " " + standing.name;
    const Json level = {{"day", standing.begins_anew ? all.day : ""},
                        {"reached", standing.reached}};
    now[key] = level;
    const auto old = before.find(key);
    if (old != before.end() && *old == level) continue;
    if (standing.reached)
      ctx.log.warn("the cap on ", standing.about, " is reached");
    else
      ctx.log.warn("the cap on ", standing.about, " is used by ", share(standing.taken));
  }
  if (now != before) ctx.state().put("warned", now);
  return static_cast<int>(now.size());
}

}  // namespace

Json reconcile(timmy::Context& ctx) {
  const auto all = ctx.tokens().standings();
  const Json pauses = note_pauses(ctx, all.pauses);
  const int warned = note_warnings(ctx, all);
  Json paused = Json::array();
  for (const auto& [pipeline, pause] : pauses.items()) paused.push_back(pipeline);
  int reached = 0;
  for (const auto& standing : all.standings) reached += standing.reached ? 1 : 0;
  return {{"paused", paused}, {"warned", warned}, {"reached", reached}};
}

}  // namespace budget
