// SPDX-License-Identifier: Apache-2.0
//
// Who allowed what of whose sessions: the policy file, and what it says of a session. Without a
// rule that says so, nothing is allowed.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session.hpp"

namespace provenance {

// What a person allowed, each including those before it.
enum class Consent {
  none,
  internal,  // to train models that stay with whoever runs this host
  public_,   // to publish the pairs, and models trained on them
};
[[nodiscard]] std::string_view to_text(Consent consent);
[[nodiscard]] std::optional<Consent> consent_named(std::string_view name);

struct ConsentRule {
  std::string id;
  Consent consent = Consent::none;
  // What it is about: each list that is not empty has to have the session's own.
  std::vector<std::string> sessions, sources, users, platforms;
  std::optional<Instant> from, until;  // [from, until)
  std::string recorded_by;
  Instant recorded_at{};
};

// Who a session is, as far as consent goes.
struct Kin {
  std::string id;
  std::string parent;  // whose words are in it
  std::string source, user;
  std::optional<Instant> started;  // no word in it is of before; nothing: nobody knows
  bool direct = false;             // it is known that nobody but the user wrote to the agent
};
[[nodiscard]] Kin kin_of(const Session& session);

// A session and those that it came from, its own parent first.
using Lineage = std::vector<Kin>;

struct Decision {
  Consent consent = Consent::none;
  std::string rule;    // by which
  std::string reason;  // why none: "no_consent", "withdrawn", "third_party", "unknown_source",
                       // "policy_missing", "policy_invalid"
  [[nodiscard]] bool granted() const { return consent != Consent::none; }
};

// Of a run of this host's: "timmy:RUN".
[[nodiscard]] bool is_of_run(std::string_view source);

class ConsentPolicy {
 public:
  // The policy in a file of JSON, at most 4 MiB. It never fails: where the file is missing or is no
  // policy, that is why everything is refused.
  [[nodiscard]] static ConsentPolicy load(const std::string& path);
  // Likewise of a text. Takes no duplicate keys, none that it does not know, and no rule that is
  // about everybody.
  [[nodiscard]] static ConsentPolicy parse(std::string_view text);

  // Nothing: it holds. Else what is wrong with it and where.
  [[nodiscard]] const std::optional<std::string>& problem() const { return problem_; }
  [[nodiscard]] const std::string& sha256() const { return sha256_; }
  [[nodiscard]] std::size_t rules() const { return rules_.size(); }

  // Of what a session came to until an instant (nothing: until whenever). `lineage` is whole.
  [[nodiscard]] Decision decide(const Lineage& lineage, std::optional<Instant> until) const;

 private:
  struct Case;
  [[nodiscard]] const ConsentRule* denial(const Case& it) const;
  [[nodiscard]] const ConsentRule* grant(const Case& it) const;
  [[nodiscard]] bool is_own(const std::string& source) const;

  std::vector<ConsentRule> rules_;
  std::vector<std::string> own_sources_;
  std::string sha256_;
  std::string missing_reason_;
  std::optional<std::string> problem_;
};

}  // namespace provenance
