// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <timmy/job.hpp>

#include "consent.hpp"

namespace provenance {

// What of a session that may be used is worth it.
struct Filters {
  std::int64_t least_answer = 1;          // bytes of the answer's last words
  std::int64_t most_pair = 1 << 20;       // bytes of prompt and response, the context included
  std::int64_t most_context = 128 << 10;  // bytes before the turn; the oldest turns go first
  std::int64_t most_session = 256 << 20;  // bytes of all pairs of one session, contexts included
  bool errors = true, refusals = true, loops = true;  // whether they are kept out
};

// The plugin's config.
struct Settings {
  std::filesystem::path folder;  // where the output is
  std::filesystem::path policy;  // the consent file
  std::string license;           // SPDX, written into each pair
  Consent least_consent = Consent::internal;
  Filters filters;
  std::int64_t file_bytes = 64 << 20, file_pairs = 100'000;  // where a file of the output ends

  // Throws Permanent "bad_config".
  [[nodiscard]] static Settings from(const timmy::Json& config);

  // Everything besides the sessions that decides which pairs come out, this plugin's version
  // included, with its hash.
  [[nodiscard]] timmy::Json terms(const std::string& policy_sha256, const std::string& redaction,
                                  const std::string& row_key) const;
};

}  // namespace provenance
