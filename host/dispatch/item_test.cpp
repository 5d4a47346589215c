// SPDX-License-Identifier: Apache-2.0
#include "dispatch/item.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/error.hpp"

namespace host::dispatch {
namespace {

constexpr Gate kGates[] = {Gate::intake, Gate::triage, Gate::route,
                           Gate::track,  Gate::verify, Gate::report};
constexpr ItemState kStates[] = {ItemState::waiting,  ItemState::running, ItemState::done,
                                 ItemState::declined, ItemState::failed,  ItemState::stopped};
constexpr Move kMoves[] = {Move::begin,   Move::wait, Move::interrupt, Move::pass,  Move::send_back,
                           Move::decline, Move::fail, Move::stop,      Move::reopen};

Position next_gate(Position from) {
  return {static_cast<Gate>(static_cast<int>(from.gate) + 1), ItemState::waiting};
}

// The rules, written once more: from where each move may be made, and where it leads.
std::optional<Position> expected(Position from, Move move) {
  const auto [gate, state] = from;
  const bool waiting = state == ItemState::waiting, running = state == ItemState::running;
  const bool early = gate == Gate::intake || gate == Gate::triage || gate == Gate::route;
  if (move == Move::begin && waiting) return Position{gate, ItemState::running};
  if (move == Move::wait && (waiting || running)) return Position{gate, ItemState::waiting};
  if (move == Move::interrupt && running) return Position{gate, ItemState::waiting};
  if (move == Move::pass && running)
    return gate == Gate::report ? Position{gate, ItemState::done} : next_gate(from);
  if (move == Move::send_back && running && !early)
    return Position{Gate::track, ItemState::waiting};
  if (move == Move::decline && early && (waiting || running))
    return Position{gate, ItemState::declined};
  if (move == Move::fail && (waiting || running)) return Position{gate, ItemState::failed};
  if (move == Move::stop && (waiting || running)) return Position{gate, ItemState::stopped};
  const bool again =
      state == ItemState::declined || state == ItemState::failed || state == ItemState::stopped;
  if (move == Move::reopen && again) return Position{Gate::intake, ItemState::waiting};
  return std::nullopt;
}

TEST(Item, EachMoveIsAllowedJustWhereTheRulesSay) {
  for (const auto gate : kGates)
    for (const auto state : kStates)
      for (const auto move : kMoves)
        EXPECT_EQ(after({gate, state}, move), expected({gate, state}, move))
            << name(gate) << ", " << name(state) << ": " << name(move);
}

TEST(Item, PassesSixGatesAndIsDone) {
  Position at;
  std::vector<Gate> passed;
  while (!has_ended(at.state)) {
    at = after(at, Move::begin).value();
    passed.push_back(at.gate);
    at = after(at, Move::pass).value();
  }
  EXPECT_EQ(passed, std::vector<Gate>(std::begin(kGates), std::end(kGates)));
  EXPECT_EQ(at.state, ItemState::done);
}

TEST(Item, CanEndFromWhereverItIs) {
  for (const auto gate : kGates)
    for (const auto state : {ItemState::waiting, ItemState::running})
      for (const auto move : {Move::fail, Move::stop})
        EXPECT_TRUE(has_ended(after({gate, state}, move).value().state));
}

TEST(Item, IsNeverTakenUpAgainOnceItIsDone) {
  for (const auto gate : kGates)
    for (const auto move : kMoves) EXPECT_FALSE(after({gate, ItemState::done}, move));
}

TEST(Item, NamesAreReadBack) {
  for (const auto gate : kGates) EXPECT_EQ(parse_gate(name(gate)), gate);
  for (const auto state : kStates) EXPECT_EQ(parse_item_state(name(state)), state);
  for (const auto move : kMoves) {
    const auto verdict = verdict_of(move).value_or(GateVerdict::open);
    EXPECT_EQ(parse_gate_verdict(name(verdict)), verdict);
  }
  EXPECT_THROW((void)parse_gate("inatke"), Error);
}

TEST(Item, ARunIsNamedByItsItem) {
  EXPECT_EQ(run_name(ItemId(12), 3), "d12.3");
  EXPECT_EQ(item_of_run("d12.3"), ItemId(12));
  for (const char* text : {"", "12", "12.", ".3", "x.3", "12.x", "12.3x", "0.1", "-1.1"})
    EXPECT_FALSE(item_of_run(text)) << text;
}

TEST(Item, EvidenceIsBounded) {
  const Json small{{"a", 1}};
  EXPECT_EQ(bounded_evidence(small), small);
  const Json long_text = bounded_evidence({{"text", std::string(200'000, 'x')}, {"n", 7}});
  EXPECT_LE(to_text(long_text).size(), kEvidenceBytes);
  EXPECT_EQ(long_text.at("n"), 7);
  EXPECT_EQ(long_text.at("cut"), true);
  Json wide = Json::object();
  for (int i = 0; i < 60; ++i) {
    Json list = Json::array();
    for (int k = 0; k < 60; ++k) list.push_back(std::string(2'000, 'y'));
    wide["key" + std::to_string(i)] = list;
  }
  EXPECT_LE(to_text(bounded_evidence(wide)).size(), kEvidenceBytes);
  EXPECT_TRUE(bounded_evidence(Json(std::string(100, 'x'))).is_object());
}

GateVisit visit_with(Gate gate, Json evidence) {
  GateVisit visit;
  visit.gate = gate;
  visit.evidence = bounded_evidence(std::move(evidence));
  return visit;
}

TEST(Evidence, WhatLaterGatesGoByStaysWhole) {
  const Json run{{"report", std::string(16'000, 'r')}, {"facts", {{"bypassable", true}}}};
  const Json paths = Json(std::vector<std::string>(200, std::string(1'000, '"')));
  const auto track = visit_with(Gate::track, {{"run", run}, {"work", {{"changed", paths}}}});
  EXPECT_LE(to_text(track.evidence).size(), kEvidenceBytes);
  EXPECT_EQ(track.evidence.at("cut"), true);
  EXPECT_EQ(whole_evidence(track, kRunEvidence), run);

  Json checks = Json::array();
  for (int i = 0; i < 100; ++i)
    checks.push_back({{"name", "command " + std::to_string(i)},
                      {"state", i == 99 ? "failed" : "passed"},
                      {"summary", "ended"},
                      {"evidence", std::string(4'096, 'e')}});
  const auto verify =
      visit_with(Gate::verify, {{"verdict", {{"checks", checks}, {"notes", Json::array()}}}});
  EXPECT_LE(to_text(verify.evidence).size(), kEvidenceBytes);
  const auto verdict = whole_evidence(verify, kVerdictEvidence).value();
  ASSERT_EQ(verdict.at("checks").size(), 100U);
  EXPECT_EQ(verdict.at("checks").at(99).at("state"), "failed");
}

TEST(Evidence, WhatCouldNotBeKeptWholeIsNotGoneBy) {
  const auto visit = visit_with(
      Gate::track,
      {{"run", {{"report", std::string(70'000, 'r')}, {"facts", {{"bypassable", true}}}}}});
  EXPECT_LE(to_text(visit.evidence).size(), kEvidenceBytes);
  try {
    (void)whole_evidence(visit, kRunEvidence);
    ADD_FAILURE() << "it was taken for whole";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::too_large);
  }
  EXPECT_FALSE(whole_evidence(visit, kVerdictEvidence));
}

}  // namespace
}  // namespace host::dispatch
