// SPDX-License-Identifier: Apache-2.0
#include "settings.hpp"

#include <timmy/failure.hpp>

#include "pair_hash.hpp"

namespace provenance {

using timmy::Json;

Settings Settings::from(const Json& config) {
  Settings settings;
  settings.folder = config.at("folder").get<std::string>();
  settings.policy = config.at("policy").get<std::string>();
  for (const auto& path : {settings.folder, settings.policy})
    if (!path.is_absolute())
      throw timmy::Permanent("bad_config", "\"" + path.string() + "\" is no absolute path");
  settings.license = config.at("license").get<std::string>();
  const auto consent = consent_named(config.at("least_consent").get<std::string>());
  if (!consent || *consent == Consent::none)
    throw timmy::Permanent("bad_config", "least_consent is neither internal nor public");
  settings.least_consent = *consent;
  settings.file_bytes = config.at("file_bytes").get<std::int64_t>();
  settings.file_pairs = config.at("file_pairs").get<std::int64_t>();
  const Json& filters = config.at("filters");
  settings.filters.least_answer = filters.at("least_answer").get<std::int64_t>();
  settings.filters.most_pair = filters.at("most_pair").get<std::int64_t>();
  settings.filters.most_context = filters.at("most_context").get<std::int64_t>();
  settings.filters.most_session = filters.at("most_session").get<std::int64_t>();
  settings.filters.errors = filters.at("errors").get<bool>();
  settings.filters.refusals = filters.at("refusals").get<bool>();
  settings.filters.loops = filters.at("loops").get<bool>();
  return settings;
}

Json Settings::terms(const std::string& policy_sha256, const std::string& redaction,
                     const std::string& row_key) const {
  Json terms{{"version", PROVENANCE_VERSION},
             {"license", license},
             {"least_consent", std::string(to_text(least_consent))},
             {"policy_sha256", policy_sha256},
             {"redaction_sha256", redaction},
             {"row_key", row_key},
             {"least_answer", filters.least_answer},
             {"most_pair", filters.most_pair},
             {"most_context", filters.most_context},
             {"most_session", filters.most_session},
             {"errors", filters.errors},
             {"refusals", filters.refusals},
             {"loops", filters.loops}};
  // Another number where turns are judged by other rules: all of them are then judged again.
  terms["sha256"] = Sha256().of("timmy-terms/4\n" + terms.dump());
  return terms;
}

}  // namespace provenance
