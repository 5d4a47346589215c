// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "consent.hpp"
#include "pair.hpp"
#include "settings.hpp"

namespace provenance {

// The sessions that one came from, itself first; nothing where one of them is not known, or they
// go round or on for more than 64. `find` knows a session by its id.
[[nodiscard]] std::optional<Lineage> lineage_of(
    const Kin& kin, const std::function<std::optional<Kin>(const std::string& id)>& find);

// Why no turn of a session makes a pair: "damaged", "no_model", "broken_lineage"; "": they may.
[[nodiscard]] std::string session_flaw(const Session& session,
                                       const std::optional<Lineage>& lineage);

// When a turn's user spoke, or where no row has a time when its session began.
[[nodiscard]] std::optional<Instant> time_of(const Session& session, const Pair& pair);
// The latest time in it, its context and the session's beginning included. Where its last row has
// none, the next time that the session has, its end included; and nothing where it has none.
[[nodiscard]] std::optional<Instant> end_of(const Session& session, const Pair& pair);

struct Verdict {
  std::string reason;  // why the turn makes no pair; "": it makes one
  Decision decision;
};

// Says of a turn whether it makes a pair. docs/provenance.md has each reason.
class Judge {
 public:
  // Both outlive it.
  Judge(const Settings& settings, const ConsentPolicy& policy);

  [[nodiscard]] Verdict judge(const Session& session, const Lineage& lineage, const Turns& turns,
                              const Pair& pair) const;
  // Consent alone, with the least that is asked for.
  [[nodiscard]] Decision consent(const Lineage& lineage, std::optional<Instant> until) const;

 private:
  const Settings& settings_;
  const ConsentPolicy& policy_;
};

}  // namespace provenance
