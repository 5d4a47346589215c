// SPDX-License-Identifier: Apache-2.0
#include <timmy/failure.hpp>
#include <timmy/time.hpp>

#include "descent.hpp"
#include "judgement.hpp"
#include "pair_line.hpp"
#include "report.hpp"
#include "standing.hpp"

namespace provenance {
namespace {

using timmy::Json;

Json time_json(std::optional<Instant> instant) {
  return instant ? Json(timmy::format_time(*instant)) : Json();
}

Json lineage_json(const Lineage& lineage) {
  Json all = Json::array();
  for (const auto& kin : lineage)
    all.push_back({{"session", kin.id},
                   {"source", kin.source},
                   {"user", kin.user},
                   {"started", time_json(kin.started)}});
  return all;
}

// What became of a turn that makes a pair: its line is there, or another session's like it.
void place(Json& turn, const Standing& now, const std::filesystem::path& folder,
           const PairLine& line, const std::string& session) {
  const auto found = now.index ? now.index->find(short_digest(line.content)) : std::nullopt;
  if (!found) {
    turn["verdict"] = "next_run";
    return;
  }
  const auto known = now.index->session(session);
  turn["verdict"] = known && known->key == found->session ? "emitted" : "duplicate";
  const auto* file = now.manifest.file(found->file);
  if (file != nullptr) turn["file"] = path_of(folder, *file).string();
}

}  // namespace

Json explain(const Settings& settings, SessionSource& source, const std::string& id) {
  const auto session = source.find(id);
  if (!session)
    throw timmy::Permanent("not_found", "no store that provenance reads has the session " + id);
  const auto now = Standing::of(settings.folder);
  const auto policy = ConsentPolicy::load(settings.policy);
  const Judge judge(settings, policy);
  const auto lineage =
      lineage_of(kin_of(*session), [&](const std::string& parent) -> std::optional<Kin> {
        const auto found = source.find(parent);
        return found ? std::optional(kin_of(*found)) : std::nullopt;
      });
  const auto flaw = session_flaw(*session, lineage);
  const auto turns = pairs_of(*session);
  Json answer{{"session", session->id},
              {"store", {{"kind", to_text(session->store.kind)}, {"path", session->store.path}}},
              {"model", session->model},
              {"messages", session->messages.size()},
              {"live", session->live},
              {"damaged", session->damaged},
              {"remarks", session->remarks},
              {"descent", to_text(session->descent)},
              {"lineage", lineage_json(lineage ? *lineage : Lineage{kin_of(*session)})},
              {"policy_problem", policy.problem() ? Json(*policy.problem()) : Json()},
              {"verdict", flaw.empty() ? "by_turn" : flaw},
              {"turns", Json::array()}};
  const Redactor redactor;
  // What is said of a line does not depend on it, and none is made here.
  auto key = RowKey::find(settings.folder).value_or(RowKey(std::string(64, '0')));
  Sha256 hash;
  std::optional<SessionLines> lines;
  PairLine line;
  for (const auto& pair : turns.pairs) {
    Json turn{{"turn", pair.turn},
              {"at", time_json(time_of(*session, pair))},
              {"calls", pair.steps.size()}};
    if (!flaw.empty()) {
      turn["verdict"] = flaw;
    } else if (const auto verdict = judge.judge(*session, *lineage, turns, pair);
               !verdict.reason.empty()) {
      turn["verdict"] = verdict.reason;
      turn["rule"] = verdict.decision.rule;
    } else {
      if (!lines) lines.emplace(*session, turns, redactor, key, hash, settings.filters);
      turn["rule"] = verdict.decision.rule;
      turn["consent"] = to_text(verdict.decision.consent);
      const PairFacts facts{settings.license, verdict.decision, *lineage};
      turn["verdict"] = lines->write(pair, facts, line);
      if (turn["verdict"] == "") place(turn, now, settings.folder, line, session->id);
    }
    answer["turns"].push_back(std::move(turn));
  }
  return answer;
}

}  // namespace provenance
