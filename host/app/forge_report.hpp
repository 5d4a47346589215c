// SPDX-License-Identifier: Apache-2.0
//
// What `timmy-host gitea` says, as JSON, asked of the forge in this process: by the credential and
// the URL of host.yaml, whether a host runs or not.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "app/forge_survey.hpp"
#include "base/json.hpp"
#include "config/paths.hpp"
#include "gitea/client.hpp"

namespace host {

struct ForgeReport {
  // "prs", "issues" or "labels", a list; "counts"; "left_out", how many rows the limit cut;
  // "repos", names of those that were read; "failed", [{"what", "code", "error", "fix"}].
  Json json;
  // Of the first failure; empty if there was none.
  std::optional<Code> failure;
};

// Whose forge, by which settings.
struct ForgeAsker {
  std::filesystem::path config;  // host.yaml
  std::string host_name;
  Paths paths;
};

// For the client of a short visit. Throws as the reports.
[[nodiscard]] GiteaOptions visit_options(const ForgeAsker& asker);

// Each blocks while the forge is read. Throws ConfigError; Error{usage} without a configured forge
// or on a query that makes no sense; Error{denied} without a token that may be used.
[[nodiscard]] ForgeReport pulls_report(const ForgeAsker& asker, const ForgeQuery& query);
[[nodiscard]] ForgeReport issues_report(const ForgeAsker& asker, const ForgeQuery& query);
[[nodiscard]] ForgeReport labels_report(const ForgeAsker& asker, const ForgeQuery& query);

}  // namespace host
