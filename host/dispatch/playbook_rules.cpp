// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "dispatch/playbook.hpp"
#include "dispatch/playbook_paths.hpp"

namespace host::dispatch {
namespace {

// For an eye: what is run is a list, never this text.
std::string words(const std::vector<std::string>& run) {
  return fmt::format("{}", fmt::join(run, " "));
}

std::string proof_rule(const TestProof& proof) {
  return proof.file.empty() ? fmt::format("The output of {} has a match of {}.", proof.command,
                                          proof.pattern->pattern())
                            : fmt::format("The file {} is written anew and has a match of {}.",
                                          proof.file, proof.pattern->pattern());
}

}  // namespace

std::string DiffRules::denying(std::string_view path) const {
  for (const auto& pattern : denied)
    if (path_matches_any_case(pattern, path)) return pattern;
  return {};
}

std::string DiffRules::denying_below(std::string_view path) const {
  for (const auto& pattern : denied)
    if (path_leads_to(pattern, path)) return pattern;
  return {};
}

std::vector<std::string> gate_rules(const Playbook& playbook) {
  std::vector<std::string> rules;
  const auto& gates = playbook.gates;
  if (playbook.report.kind == ReportKind::pull_request) {
    rules.push_back(fmt::format("The change is committed, in at most {} files and {} lines.",
                                gates.diff.files, gates.diff.lines));
    rules.push_back(fmt::format("It touches none of: {}.", fmt::join(gates.diff.denied, ", ")));
    rules.emplace_back(
        "No commit message closes another issue, as \"fixes #7\" would once it is merged.");
    for (const auto& step : gates.commands)
      rules.push_back(fmt::format("{} ends with status 0 within {}: {}", step.name,
                                  format_duration(step.timeout), words(step.run)));
    for (const auto& proof : gates.tests) rules.push_back(proof_rule(proof));
    if (gates.clean_merge) rules.emplace_back("It merges with the base without a conflict.");
  } else {
    rules.emplace_back("There is a report; changes to files are thrown away.");
  }
  if (gates.secrets) rules.emplace_back("Nothing in it looks like a credential.");
  if (!gates.banned.empty())
    rules.push_back(fmt::format("It holds none of: {}.", fmt::join(gates.banned, ", ")));
  return rules;
}

}  // namespace host::dispatch
