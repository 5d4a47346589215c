// SPDX-License-Identifier: Apache-2.0
#include "session_intake.hpp"

#include <filesystem>

#include "clean_text.hpp"
#include "descent.hpp"
#include "redaction_rules.hpp"

namespace provenance {
namespace {

// By kind and folder: a file's own name, or a run's, says of which session it is.
std::string store_text(const Store& store, const Redactor& redactor) {
  auto folder = std::filesystem::path(store.path).parent_path();
  if (folder.parent_path().filename() == "runs") folder = folder.parent_path();
  std::string redacted;
  RedactionCounts counts(redaction_rules().size());
  const auto text = cleaned(folder.string());
  return std::string(to_text(store.kind)) + " " +
         (redactor.redact(text, redacted, counts) ? redacted : text);
}

std::string number_of(std::optional<Instant> instant) {
  return instant ? std::to_string(instant->time_since_epoch().count()) : "";
}

// All that decides what is made of a session. The digest is of its own row and its messages; what
// it is to its parent stands in the parent's row, and what its row lacks another store may say. One
// that nobody writes any longer may have one turn more than when somebody did.
std::string state_of(const Session& session, Sha256& hash) {
  std::string said;
  for (const auto& part : {std::string(to_text(session.descent)), session.parent, session.source,
                           session.user, session.provider, session.model, session.chat,
                           number_of(session.started), number_of(session.ended)})
    said += std::to_string(part.size()) + ":" + part;
  return session.digest + " " + hash.of(said) + (session.live ? " live" : "");
}

bool same_kin(const Kin& a, const Kin& b) {
  return a.parent == b.parent && a.source == b.source && a.user == b.user &&
         a.started == b.started && a.direct == b.direct;
}

}  // namespace

void SessionIntake::take(const Session& session) {
  ++seen_.sessions;
  it_.progress([&] {
    return std::to_string(seen_.sessions) + " sessions read, " + std::to_string(seen_.emitted) +
           " pairs";
  });
  const auto known = it_.index.session(session.id);
  const auto state = state_of(session, hash_);
  if (known && known->digest == state) return;
  if (known && known->seen == it_.generation && !known->digest.empty())
    return;  // handed over twice
  ++seen_.changed;
  const Kin kin = kin_of(session);
  if (known && !same_kin(known->kin, kin)) seen_.kin_changed = true;
  if (!known && it_.index.is_missed(session.id)) seen_.found_missed = true;

  const auto ancestors = lineage(kin);
  const auto flaw = session_flaw(session, ancestors);
  const auto key = it_.index.put_session(kin, state, flaw, store_text(session.store, it_.redactor));
  before_.clear();
  if (known)
    for (auto& pair : it_.index.pairs_of(key)) before_.emplace(pair.digest, pair);

  const auto turns = pairs_of(session);
  Counts rejected;
  if (flaw.empty()) {
    make_pairs(session, *ancestors, turns, key, rejected);
  } else {
    ++seen_.rejected_sessions[flaw];
    if (!turns.pairs.empty()) rejected[flaw] = static_cast<std::int64_t>(turns.pairs.size());
  }
  // A policy that can't be read allows nothing new, and takes nothing back.
  if (!it_.policy.problem())
    for (const auto& [digest, pair] : before_) remove(pair);
  it_.index.put_rejections(key, rejected);
  for (const auto& [reason, turns_of_it] : rejected) seen_.rejected[reason] += turns_of_it;
}

// Ancestors that the reading has not come to are asked for, and kept for those that follow.
std::optional<Lineage> SessionIntake::lineage(const Kin& kin) {
  return lineage_of(kin, [&](const std::string& id) -> std::optional<Kin> {
    if (const auto known = it_.index.session(id)) return known->kin;
    const auto found = it_.source.find(id);
    if (!found) return std::nullopt;
    // Others may have waited for it, and once it is in the index nobody sees that.
    if (it_.index.is_missed(id)) seen_.found_missed = true;
    const Kin parent = kin_of(*found);
    (void)it_.index.put_session(parent, "", "", store_text(found->store, it_.redactor));
    return parent;
  });
}

void SessionIntake::make_pairs(const Session& session, const Lineage& lineage, const Turns& turns,
                               std::int64_t key, Counts& rejected) {
  std::optional<SessionLines> lines;  // nothing is written of a session that nobody allowed
  for (const auto& pair : turns.pairs) {
    auto verdict = it_.judge.judge(session, lineage, turns, pair);
    if (verdict.reason == to_text(Flaw::live)) {
      ++seen_.waiting;
      continue;
    }
    if (verdict.reason.empty()) {
      if (!lines) lines.emplace(session, turns, it_.redactor, it_.key, hash_, it_.settings.filters);
      const PairFacts facts{it_.settings.license, verdict.decision, lineage};
      verdict.reason = lines->write(pair, facts, line_);
      if (verdict.reason.empty()) {
        put(session, pair, verdict.decision, key, rejected);
        continue;
      }
    }
    ++rejected[verdict.reason];
  }
}

void SessionIntake::put(const Session& session, const Pair& pair, const Decision& decision,
                        std::int64_t key, Counts& rejected) {
  IndexedPair fresh{short_digest(line_.content), short_digest(line_.id), key,          0,
                    end_of(session, pair),       decision.consent,       decision.rule};
  if (const auto old = before_.find(fresh.digest); old != before_.end()) {
    const bool same = old->second.id == fresh.id;
    if (!same)
      remove(old->second);
    else if (old->second.until != fresh.until)
      it_.index.put_until(fresh.digest, fresh.until);
    before_.erase(old);
    if (same) return;
  }
  if (it_.index.find(fresh.digest)) {
    ++rejected["duplicate"];
    return;
  }
  fresh.file = it_.draft.add(line_.text, line_.redactions);
  it_.index.add(fresh);
  ++seen_.emitted;
}

void SessionIntake::remove(const IndexedPair& pair) {
  it_.index.remove(pair.digest);
  it_.draft.touch(pair.file);
  ++seen_.removed;
}

}  // namespace provenance
