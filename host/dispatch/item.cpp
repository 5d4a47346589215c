// SPDX-License-Identifier: Apache-2.0
#include "dispatch/item.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <utility>

#include "base/error.hpp"
#include "base/utf8.hpp"

namespace host::dispatch {
namespace {

constexpr std::array kGates = {
    std::pair{Gate::intake, std::string_view("intake")},
    std::pair{Gate::triage, std::string_view("triage")},
    std::pair{Gate::route, std::string_view("route")},
    std::pair{Gate::track, std::string_view("track")},
    std::pair{Gate::verify, std::string_view("verify")},
    std::pair{Gate::report, std::string_view("report")},
};

constexpr std::array kStates = {
    std::pair{ItemState::waiting, std::string_view("waiting")},
    std::pair{ItemState::running, std::string_view("running")},
    std::pair{ItemState::done, std::string_view("done")},
    std::pair{ItemState::declined, std::string_view("declined")},
    std::pair{ItemState::failed, std::string_view("failed")},
    std::pair{ItemState::stopped, std::string_view("stopped")},
};

constexpr std::array kMoves = {
    std::pair{Move::begin, std::string_view("begin")},
    std::pair{Move::wait, std::string_view("wait")},
    std::pair{Move::interrupt, std::string_view("interrupt")},
    std::pair{Move::pass, std::string_view("pass")},
    std::pair{Move::send_back, std::string_view("send back")},
    std::pair{Move::decline, std::string_view("decline")},
    std::pair{Move::fail, std::string_view("fail")},
    std::pair{Move::stop, std::string_view("stop")},
    std::pair{Move::reopen, std::string_view("reopen")},
};

constexpr std::array kVerdicts = {
    std::pair{GateVerdict::open, std::string_view("open")},
    std::pair{GateVerdict::passed, std::string_view("passed")},
    std::pair{GateVerdict::sent_back, std::string_view("sent back")},
    std::pair{GateVerdict::interrupted, std::string_view("interrupted")},
    std::pair{GateVerdict::declined, std::string_view("declined")},
    std::pair{GateVerdict::failed, std::string_view("failed")},
    std::pair{GateVerdict::stopped, std::string_view("stopped")},
};

template <class Table, class T>
std::string_view name_in(const Table& table, T value) noexcept {
  for (const auto& [each, text] : table)
    if (each == value) return text;
  return "unknown";
}

template <class Table>
auto parse_in(const Table& table, std::string_view text, const char* what) {
  std::string known;
  for (const auto& [value, name] : table) {
    if (name == text) return value;
    known += (known.empty() ? "" : ", ") + std::string(name);
  }
  throw Error(Code::invalid, fmt::format("\"{}\" is no {}", text, what),
              fmt::format("Use one of: {}.", known));
}

// The commits that would be judged or reported are there from this gate on.
bool before_agent(Gate gate) { return gate < Gate::track; }

}  // namespace

std::string_view name(Gate gate) noexcept { return name_in(kGates, gate); }
std::string_view name(ItemState state) noexcept { return name_in(kStates, state); }
std::string_view name(Move move) noexcept { return name_in(kMoves, move); }
std::string_view name(GateVerdict verdict) noexcept { return name_in(kVerdicts, verdict); }

Gate parse_gate(std::string_view text) { return parse_in(kGates, text, "gate"); }
ItemState parse_item_state(std::string_view text) {
  return parse_in(kStates, text, "state of an item");
}
GateVerdict parse_gate_verdict(std::string_view text) {
  return parse_in(kVerdicts, text, "verdict of a gate");
}

std::optional<Position> after(Position from, Move move) noexcept {
  const auto [gate, state] = from;
  const auto here = [&, gate = gate](ItemState next) { return Position{gate, next}; };
  const bool running = state == ItemState::running;
  const bool live = running || state == ItemState::waiting;
  switch (move) {
    case Move::begin:
      if (state == ItemState::waiting) return here(ItemState::running);
      break;
    case Move::wait:
      if (live) return here(ItemState::waiting);
      break;
    case Move::interrupt:
      if (running) return here(ItemState::waiting);
      break;
    case Move::pass:
      if (!running) break;
      if (gate == Gate::report) return here(ItemState::done);
      return Position{static_cast<Gate>(static_cast<int>(gate) + 1), ItemState::waiting};
    case Move::send_back:
      if (running && !before_agent(gate)) return Position{Gate::track, ItemState::waiting};
      break;
    case Move::decline:
      if (live && before_agent(gate)) return here(ItemState::declined);
      break;
    case Move::fail:
      if (live) return here(ItemState::failed);
      break;
    case Move::stop:
      if (live) return here(ItemState::stopped);
      break;
    case Move::reopen:
      if (!live && state != ItemState::done) return Position{Gate::intake, ItemState::waiting};
      break;
  }
  return std::nullopt;
}

std::optional<GateVerdict> verdict_of(Move move) noexcept {
  switch (move) {
    case Move::begin:
    case Move::wait:
    case Move::reopen: return std::nullopt;
    case Move::interrupt: return GateVerdict::interrupted;
    case Move::pass: return GateVerdict::passed;
    case Move::send_back: return GateVerdict::sent_back;
    case Move::decline: return GateVerdict::declined;
    case Move::fail: return GateVerdict::failed;
    case Move::stop: return GateVerdict::stopped;
  }
  return std::nullopt;
}

std::string Item::subject() const { return fmt::format("{}#{}", repository, number); }

std::string run_prefix(ItemId item) { return fmt::format("d{}.", item.value()); }

std::string run_name(ItemId item, int run) { return run_prefix(item) + std::to_string(run); }

std::optional<ItemId> item_of_run(std::string_view run) {
  const auto dot = run.find('.');
  if (dot == std::string_view::npos || !run.starts_with('d')) return std::nullopt;
  const auto number = [](std::string_view text) -> std::optional<std::int64_t> {
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 1) return std::nullopt;
    return value;
  };
  const auto item = number(run.substr(1, dot - 1));
  if (!item || !number(run.substr(dot + 1))) return std::nullopt;
  return ItemId(*item);
}

namespace {

constexpr std::size_t kTextKept = 1'000;  // of each text, where evidence is cut
constexpr std::size_t kListKept = 50;     // of each list and map

// What later gates go by, see item.hpp.
bool is_gone_by(const std::string& key) { return key == kRunEvidence || key == kVerdictEvidence; }

Json cut_down(const Json& value, int depth) {
  if (value.is_string()) {
    auto text = value.get<std::string>();
    if (cut_text(text, kTextKept)) text += "...";
    return text;
  }
  if (value.is_array()) {
    Json kept = Json::array();
    for (const auto& each : value) {
      if (kept.size() == kListKept || depth == 0) break;
      kept.push_back(cut_down(each, depth - 1));
    }
    return kept;
  }
  if (value.is_object()) {
    Json kept = Json::object();
    for (const auto& [key, each] : value.items()) {
      if (kept.size() == kListKept || depth == 0) break;
      kept[key] = cut_down(each, depth - 1);
    }
    return kept;
  }
  return value;
}

Json cut_all_but_gone_by(const Json& evidence, int depth) {
  Json kept = Json::object();
  for (const auto& [key, each] : evidence.items())
    kept[key] = is_gone_by(key) ? each : cut_down(each, depth);
  return kept;
}

// What a verdict's checks show is for people: what they found is in their other words.
void cut_shown(Json& evidence, std::size_t most) {
  const auto verdict = evidence.find(kVerdictEvidence);
  if (verdict == evidence.end() || !verdict->is_object() || !verdict->contains("checks")) return;
  for (auto& check : (*verdict)["checks"]) {
    const auto shown = check.is_object() ? check.find("evidence") : check.end();
    if (shown == check.end() || !shown->is_string()) continue;
    auto text = shown->get<std::string>();
    if (cut_text(text, most)) *shown = text + "...";
  }
}

}  // namespace

Json bounded_evidence(Json evidence) {
  if (!evidence.is_object()) evidence = Json{{"value", std::move(evidence)}};
  const auto fits = [](const Json& kept) { return to_text(kept).size() <= kEvidenceBytes; };
  if (fits(evidence)) return evidence;
  evidence["cut"] = true;
  for (int depth = 3; depth >= 0; --depth)
    if (auto kept = cut_all_but_gone_by(evidence, depth); fits(kept)) return kept;
  for (const std::size_t most : {1'000, 100, 0})
    if (cut_shown(evidence, most); fits(evidence)) return evidence;
  for (int depth = 3; depth >= 0; --depth) {
    Json kept = Json::object();
    for (const auto& [key, each] : evidence.items()) {
      kept[key] = cut_down(each, depth);
      if (is_gone_by(key)) kept[key] = Json{{"cut", true}, {"part", std::move(kept[key])}};
    }
    if (fits(kept)) return kept;
  }
  Json nothing{{"cut", true}};
  for (const char* key : {kRunEvidence, kVerdictEvidence})
    if (evidence.contains(key)) nothing[key] = {{"cut", true}};
  return nothing;
}

std::optional<Json> whole_evidence(const GateVisit& visit, const char* key) {
  const auto found = visit.evidence.find(key);
  if (found == visit.evidence.end()) return std::nullopt;
  if (found->is_object() && found->value("cut", false))
    throw Error(Code::too_large,
                fmt::format("what gate {} found (\"{}\") is larger than {} bytes, and was not kept "
                            "whole",
                            name(visit.gate), key, kEvidenceBytes),
                "Have the work done again in smaller parts.");
  return *found;
}

namespace {

Json time_or_null(const std::optional<WallTime>& time) {
  return time ? Json(format_utc(*time)) : Json();
}
Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

}  // namespace

Json to_json(const Item& item) {
  return {{"id", item.id.value()},
          {"repository", item.repository},
          {"number", item.number},
          {"kind", item.is_pull ? "pull-request" : "issue"},
          {"title", item.title},
          {"playbook", item.playbook},
          {"source", item.source},
          {"lane", text_or_null(item.lane)},
          {"gate", name(item.at.gate)},
          {"state", name(item.at.state)},
          {"reason", text_or_null(item.reason)},
          {"due", item.at.state == ItemState::waiting ? Json(format_utc(item.due)) : Json()},
          {"run", text_or_null(item.run)},
          {"runs", item.runs},
          {"attempts", item.attempts},
          {"interruptions", item.interruptions},
          {"rate_limits", item.rate_limits},
          {"tokens", item.tokens},
          {"branch", text_or_null(item.branch)},
          {"base_branch", text_or_null(item.base_branch)},
          {"base", text_or_null(item.base)},
          {"head", text_or_null(item.head)},
          {"sealed", text_or_null(item.sealed)},
          {"pushed", text_or_null(item.pushed)},
          {"pull", item.pull == 0 ? Json() : Json(item.pull)},
          {"created", format_utc(item.created)},
          {"updated", format_utc(item.updated)},
          {"ended", time_or_null(item.ended)}};
}

Json to_json(const GateVisit& visit) {
  return {{"gate", name(visit.gate)},
          {"verdict", name(visit.verdict)},
          {"reason", text_or_null(visit.reason)},
          {"began", format_utc(visit.began)},
          {"ended", time_or_null(visit.ended)},
          {"evidence", visit.evidence}};
}

}  // namespace host::dispatch
