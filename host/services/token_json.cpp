// SPDX-License-Identifier: Apache-2.0
#include "services/token_json.hpp"

#include "tokens/usage_line.hpp"

namespace host {
namespace {

double dollars(Cost cost) { return static_cast<double>(cost.nano_dollars()) / 1e9; }

}  // namespace

Json row_json(const LedgerEntry& row, std::string_view ledger) {
  return Json::parse(usage_line(row, ledger));
}

Json total_json(const AccountTotal& total) {
  return {{"name", total.name},
          {"input_tokens", total.usage.input.count()},
          {"output_tokens", total.usage.output.count()},
          {"cache_read_tokens", total.usage.cache_read.count()},
          {"cache_write_tokens", total.usage.cache_write.count()},
          {"reasoning_tokens", total.usage.reasoning.count()},
          {"total_tokens", total.usage.total().count()},
          {"overrun_tokens", total.overrun.count()},
          {"held_tokens", total.held.count()},
          {"reserved_tokens", total.reserved.count()},
          {"calls", total.calls},
          {"runs", total.runs},
          {"cost_usd", dollars(total.cost)}};
}

Json totals_json(const std::vector<AccountTotal>& totals) {
  Json rows = Json::array();
  for (const auto& total : totals) rows.push_back(total_json(total));
  return rows;
}

Json standing_json(const Standing& standing) {
  Json json{{"dimension", name(standing.dimension)},
            {"name", standing.name},
            {"about", describe(standing.dimension, standing.name)},
            {"when_reached", name(standing.cap.when)},
            {"warn_at", standing.cap.warn_at},
            {"taken", share_taken(standing)},
            {"warned", standing.warned()},
            {"reached", standing.reached()},
            {"overrun_tokens", standing.overrun.count()},
            {"begins_anew", standing.reset ? Json(format_utc(*standing.reset)) : Json()}};
  if (standing.cap.tokens)
    json["tokens"] = {{"cap", standing.cap.tokens->count()},
                      {"settled", standing.settled.count()},
                      {"held", standing.held.count()},
                      {"reserved", standing.reserved.count()},
                      {"left", standing.left().count()}};
  if (standing.cap.runs)
    json["runs"] = {{"cap", *standing.cap.runs},
                    {"settled", standing.runs},
                    {"left", std::max<std::int64_t>(*standing.cap.runs - standing.runs, 0)}};
  if (standing.cap.cost)
    json["cost_usd"] = {
        {"cap", dollars(*standing.cap.cost)},
        {"settled", dollars(standing.cost_settled)},
        {"held", dollars(standing.cost_held)},
        {"left", dollars(std::max(
                     Cost(), *standing.cap.cost - standing.cost_settled - standing.cost_held))}};
  return json;
}

Json own_standings_json(const std::vector<OwnStanding>& standings) {
  Json rows = Json::array();
  for (const auto& own : standings) {
    Json row = standing_json(own.standing);
    const auto& who = own.spender;
    row.update({{"run", who.run},
                {"pipeline", who.pipeline},
                {"playbook", who.playbook},
                {"repo", who.repo},
                {"issue", who.issue > 0 ? Json(who.issue) : Json()},
                {"limit", own.what}});
    rows.push_back(std::move(row));
  }
  return rows;
}

Json pauses_json(const std::map<std::string, PipelinePause>& pauses) {
  Json rows = Json::array();
  for (const auto& [pipeline, pause] : pauses)
    rows.push_back({{"pipeline", pipeline},
                    {"cause", pause.cause},
                    {"since", format_utc(pause.since)},
                    {"until", format_utc(pause.until)}});
  return rows;
}

Json explanation_json(const Explanation& explanation) {
  Json caps = Json::array();
  for (const auto& cap : explanation.caps) {
    caps.push_back(standing_json(cap.standing));
    caps.back()["own"] = cap.own;
    caps.back()["each"] = cap.each;
  }
  return {{"caps", std::move(caps)},
          {"own_caps", own_standings_json(explanation.own)},
          {"tightest", explanation.tightest ? Json(*explanation.tightest) : Json()},
          {"refused", explanation.refused}};
}

Json import_json(const ImportReport& report) {
  Json skipped = Json::array();
  for (const auto& line : report.skipped)
    skipped.push_back({{"line", line.number}, {"why", line.why}});
  return {{"imported", report.imported},
          {"already", report.already},
          {"zoneless", report.zoneless},
          {"input_tokens", report.usage.input.count()},
          {"output_tokens", report.usage.output.count()},
          {"total_tokens", report.usage.total().count()},
          {"skipped", std::move(skipped)}};
}

}  // namespace host
