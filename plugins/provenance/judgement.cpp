// SPDX-License-Identifier: Apache-2.0
#include "judgement.hpp"

#include <algorithm>

#include "curation.hpp"

namespace provenance {
namespace {

constexpr std::size_t kLongestLineage = 64;

// A run's agent may write any parent into its store, and what another session has lost.
bool may_descend(const Kin& kin, const Kin& parent) {
  return kin.source == parent.source || !(is_of_run(kin.source) || is_of_run(parent.source));
}

}  // namespace

std::optional<Lineage> lineage_of(
    const Kin& kin, const std::function<std::optional<Kin>(const std::string& id)>& find) {
  Lineage lineage{kin};
  while (!lineage.back().parent.empty()) {
    const auto parent = lineage.back().parent;
    const bool round = std::any_of(lineage.begin(), lineage.end(),
                                   [&](const Kin& each) { return each.id == parent; });
    if (round || lineage.size() == kLongestLineage) return std::nullopt;
    auto found = find(parent);
    if (!found || !may_descend(lineage.back(), *found)) return std::nullopt;
    lineage.push_back(std::move(*found));
  }
  return lineage;
}

std::string session_flaw(const Session& session, const std::optional<Lineage>& lineage) {
  if (!session.damaged.empty()) return "damaged";
  if (session.model.empty()) return "no_model";
  return lineage ? "" : "broken_lineage";
}

std::optional<Instant> time_of(const Session& session, const Pair& pair) {
  const auto& at = session.messages[pair.first_row].at;
  return at ? at : session.started;
}

std::optional<Instant> end_of(const Session& session, const Pair& pair) {
  const auto& rows = session.messages;
  // The context before the turn is in the pair, and a clock may have been set back since.
  const auto& last = pair.latest;
  if (rows[pair.last_row].at) return last;
  // No later than whatever comes next; where nothing says when that was, nobody knows.
  for (auto row = pair.last_row + 1; row < rows.size(); ++row)
    if (rows[row].at) return std::max(last, rows[row].at);
  return session.ended ? std::max(last, session.ended) : std::nullopt;
}

Judge::Judge(const Settings& settings, const ConsentPolicy& policy)
    : settings_(settings), policy_(policy) {}

Decision Judge::consent(const Lineage& lineage, std::optional<Instant> until) const {
  auto decision = policy_.decide(lineage, until);
  if (decision.granted() && decision.consent < settings_.least_consent)
    return {Consent::none, decision.rule, "below_least_consent"};
  return decision;
}

// Consent comes first: of what may not be used nothing else is said.
Verdict Judge::judge(const Session& session, const Lineage& lineage, const Turns& turns,
                     const Pair& pair) const {
  Verdict verdict{"", consent(lineage, end_of(session, pair))};
  if (!verdict.decision.granted())
    verdict.reason = verdict.decision.reason;
  else if (pair.flaw != Flaw::none)
    verdict.reason = to_text(pair.flaw);
  else if (!time_of(session, pair))
    verdict.reason = "no_time";
  else
    verdict.reason = curated_out(turns, pair, settings_.filters);
  return verdict;
}

}  // namespace provenance
