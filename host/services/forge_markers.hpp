// SPDX-License-Identifier: Apache-2.0
//
// The markers by which the forge's client finds again what a plugin wrote. Digests: what a job or a
// plugin calls itself may hold what a marker may not. Private to services/.
#pragma once

#include <string>
#include <string_view>

#include "base/sha256.hpp"
#include "services/service.hpp"

namespace host {

[[nodiscard]] inline std::string digest_marker(std::string_view kind, const std::string& what) {
  return std::string(kind) + "/" + sha256_hex(what).substr(0, 32);
}

// The same in each run of a job, of no other job: a comment on one object is written once. `name`
// tells several of one job on one object apart.
[[nodiscard]] inline std::string comment_marker(const RunContext& run, const std::string& target,
                                                const std::string& name) {
  return digest_marker("comment", run.key + "\n" + target + "\n" + name);
}
[[nodiscard]] inline std::string review_marker(const RunContext& run, const std::string& target,
                                               const std::string& name) {
  return digest_marker("review", run.key + "\n" + target + "\n" + name);
}

// The same in each job of a plugin: the one comment of an object that it keeps up to date.
[[nodiscard]] inline std::string kept_marker(const RunContext& run, const std::string& name) {
  return digest_marker("keep", run.plugin + "\n" + name);
}

}  // namespace host
