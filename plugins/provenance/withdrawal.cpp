// SPDX-License-Identifier: Apache-2.0
#include "withdrawal.hpp"

namespace provenance {
namespace {

constexpr int kAtOnce = 1000;  // sessions

void judge_session(Index& index, const Judge& judge, Draft& draft, const KnownSession& session,
                   TakenOut& gone) {
  const auto lineage = lineage_of(session.kin, [&](const std::string& id) -> std::optional<Kin> {
    const auto known = index.session(id);
    return known ? std::optional(known->kin) : std::nullopt;
  });
  for (const auto& pair : index.pairs_of(session.key)) {
    const auto decision = lineage ? judge.consent(*lineage, pair.until) : Decision{};
    if (decision.consent == pair.consent && decision.rule == pair.rule) continue;
    ++(decision.granted() ? gone.changed : gone.withdrawn);
    index.remove(pair.digest);
    draft.touch(pair.file);
  }
}

}  // namespace

TakenOut take_out(Index& index, const Judge& judge, Draft& draft, Progress& progress) {
  TakenOut gone;
  std::int64_t judged = 0;
  std::int64_t key = 0;
  for (auto sessions = index.emitted_after(key, kAtOnce); !sessions.empty();
       sessions = index.emitted_after(key, kAtOnce)) {
    for (const auto& session : sessions) {
      judge_session(index, judge, draft, session, gone);
      ++judged;
      progress([&] {
        return std::to_string(judged) + " sessions with pairs judged anew, " +
               std::to_string(gone.withdrawn + gone.changed) + " pairs go";
      });
    }
    key = sessions.back().key;
  }
  return gone;
}

}  // namespace provenance
