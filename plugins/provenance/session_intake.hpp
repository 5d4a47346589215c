// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

#include "index.hpp"
#include "judgement.hpp"
#include "output.hpp"
#include "pair_line.hpp"
#include "progress.hpp"
#include "redaction.hpp"
#include "source.hpp"

namespace provenance {

// Makes the pairs of one session after the other, and sees to it that just these are in index and
// draft: what came of a session before and does not now goes.
class SessionIntake {
 public:
  struct Needs {  // all outlive it
    const Settings& settings;
    const ConsentPolicy& policy;
    const Judge& judge;
    const Redactor& redactor;
    RowKey& key;
    SessionSource& source;
    Index& index;
    Draft& draft;
    std::int64_t generation;
    Progress& progress;
  };
  explicit SessionIntake(Needs needs) : it_(needs) {}

  void take(const Session& session);

  struct Seen {
    std::int64_t sessions = 0, changed = 0, emitted = 0, removed = 0, waiting = 0;
    std::map<std::string, std::int64_t> rejected;           // turns, by reason
    std::map<std::string, std::int64_t> rejected_sessions;  // whole ones
    bool kin_changed = false;   // a session that was known is somebody else's now
    bool found_missed = false;  // one that others waited for is there
  };
  [[nodiscard]] const Seen& seen() const { return seen_; }

 private:
  using Counts = std::map<std::string, std::int64_t>;

  [[nodiscard]] std::optional<Lineage> lineage(const Kin& kin);
  void make_pairs(const Session& session, const Lineage& lineage, const Turns& turns,
                  std::int64_t key, Counts& rejected);
  void put(const Session& session, const Pair& pair, const Decision& decision, std::int64_t key,
           Counts& rejected);
  void remove(const IndexedPair& pair);

  Needs it_;
  Sha256 hash_;
  Seen seen_;
  PairLine line_;
  std::map<std::string, IndexedPair> before_;  // what came of this session, by digest
};

}  // namespace provenance
