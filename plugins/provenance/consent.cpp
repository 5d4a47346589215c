// SPDX-License-Identifier: Apache-2.0
#include "consent.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "consent_file.hpp"
#include "files.hpp"
#include "pair_hash.hpp"

namespace provenance {
namespace {

constexpr std::size_t kLargest = 4 << 20;

bool names(const std::vector<std::string>& list, const std::string& name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

// "timmy" stands for each run of this host, "timmy:RUN".
bool names_source(const std::vector<std::string>& list, const std::string& source) {
  return names(list, source) || (is_of_run(source) && names(list, "timmy"));
}

}  // namespace

bool is_of_run(std::string_view source) { return source.starts_with("timmy:"); }

std::string_view to_text(Consent consent) {
  switch (consent) {
    case Consent::none: return "none";
    case Consent::internal: return "internal";
    case Consent::public_: return "public";
  }
  return "none";
}

std::optional<Consent> consent_named(std::string_view name) {
  for (const auto consent : {Consent::none, Consent::internal, Consent::public_})
    if (to_text(consent) == name) return consent;
  return std::nullopt;
}

Kin kin_of(const Session& session) {
  // Who began anew took nothing along.
  const bool anew = session.descent == Descent::reset;
  // A clock may have been set back, and rows may be of before the session.
  auto first = session.started;
  for (const auto& message : session.messages)
    if (first && message.at) first = std::min(*first, *message.at);
  const bool direct = session.chat == "dm" || session.chat == "direct" || session.chat == "private";
  return {session.id, anew ? "" : session.parent, session.source, session.user, first, direct};
}

ConsentPolicy ConsentPolicy::load(const std::string& path) {
  try {
    if (const auto text = read_if_there(path, kLargest)) return parse(*text);
    ConsentPolicy none;
    none.problem_ = path + " is not there";
    none.missing_reason_ = "policy_missing";
    return none;
  } catch (const std::exception& error) {
    ConsentPolicy none;
    none.problem_ = error.what();
    none.missing_reason_ = "policy_invalid";
    return none;
  }
}

ConsentPolicy ConsentPolicy::parse(std::string_view text) {
  ConsentPolicy policy;
  try {
    auto file = read_consent(text);
    policy.rules_ = std::move(file.rules);
    policy.own_sources_ = std::move(file.own_sources);
  } catch (const std::runtime_error& error) {
    policy.problem_ = error.what();
    policy.missing_reason_ = "policy_invalid";
  }
  policy.sha256_ = Sha256().of(text);
  return policy;
}

// One session of a lineage, with the time from which and until which its words are asked about.
struct ConsentPolicy::Case {
  const Kin& kin;
  const std::string& platform;
  std::optional<Instant> until;

  [[nodiscard]] bool is_of(const ConsentRule& rule) const {
    return (rule.sessions.empty() || names(rule.sessions, kin.id)) &&
           (rule.sources.empty() || names_source(rule.sources, kin.source)) &&
           (rule.users.empty() || names(rule.users, kin.user)) &&
           (rule.platforms.empty() || names_source(rule.platforms, platform));
  }
  // A grant covers all of the time, a denial touches any; a time that is not known is not covered,
  // and touched.
  [[nodiscard]] bool covered(const ConsentRule& rule) const {
    return (!rule.from || (kin.started && *kin.started >= *rule.from)) &&
           (!rule.until ||
            (kin.started && until && *kin.started < *rule.until && *until < *rule.until));
  }
  [[nodiscard]] bool touched(const ConsentRule& rule) const {
    return !(rule.from && until && *until < *rule.from) &&
           !(rule.until && kin.started && *kin.started >= *rule.until);
  }
};

const ConsentRule* ConsentPolicy::denial(const Case& it) const {
  for (const auto& rule : rules_)
    if (rule.consent == Consent::none && it.is_of(rule) && it.touched(rule)) return &rule;
  return nullptr;
}

const ConsentRule* ConsentPolicy::grant(const Case& it) const {
  const bool own = is_own(it.kin.source);
  for (const auto& rule : rules_) {
    if (rule.consent == Consent::none || !it.is_of(rule) || !it.covered(rule)) continue;
    // Only a person speaks for a person; and where more than one may have written, somebody has to
    // have looked at this very session.
    if (!own && (rule.users.empty() || it.kin.user.empty())) continue;
    if (!own && !it.kin.direct && rule.sessions.empty()) continue;
    return &rule;
  }
  return nullptr;
}

bool ConsentPolicy::is_own(const std::string& source) const {
  return names_source(own_sources_, source);
}

Decision ConsentPolicy::decide(const Lineage& lineage, std::optional<Instant> until) const {
  if (problem_) return {Consent::none, "", missing_reason_};
  const auto& platform = lineage.back().source;
  for (const auto& kin : lineage)
    if (const auto* rule = denial({kin, platform, until}))
      return {Consent::none, rule->id, "withdrawn"};

  // From where it all began to the session itself: each needs a grant of its own or, where nobody
  // else has come to speak, has that of what it came from. The least of them counts.
  Decision all;
  const ConsentRule* inherited = nullptr;
  for (auto kin = lineage.rbegin(); kin != lineage.rend(); ++kin) {
    if (kin->source.empty()) return {Consent::none, "", "unknown_source"};
    const auto* rule = grant({*kin, platform, until});
    const bool first = kin == lineage.rbegin();
    const bool same_people = !first && (is_own(kin->source) ||
                                        (kin->direct && kin->source == std::prev(kin)->source &&
                                         (kin->user.empty() || kin->user == std::prev(kin)->user)));
    if (rule == nullptr && same_people) rule = inherited;
    if (rule == nullptr)
      return {Consent::none, "", is_own(kin->source) ? "no_consent" : "third_party"};
    if (first || rule->consent <= all.consent) all = {rule->consent, rule->id, ""};
    inherited = rule;
  }
  return all;
}

}  // namespace provenance
