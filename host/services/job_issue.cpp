// SPDX-License-Identifier: Apache-2.0
#include "services/job_issue.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/result.hpp"
#include "services/reported_usage.hpp"
#include "services/service.hpp"

namespace host {
namespace {

bool covers(const Grants& grants, const std::string& repo) {
  constexpr std::array kOfForge = {"gitea.read", "gitea.write", "gitea.merge"};
  return std::any_of(kOfForge.begin(), kOfForge.end(),
                     [&](const char* grant) { return grants.permits(grant, repo); });
}

}  // namespace

std::optional<IssueName> issue_of_job(std::string_view payload, const Grants& grants) {
  // Few payloads have both, and each is a text still.
  if (payload.find("\"repo\"") == payload.npos || payload.find("\"number\"") == payload.npos)
    return std::nullopt;
  const auto parsed = attempt([&] { return parse_json(payload, "a payload"); });
  if (!parsed.ok() || !parsed.value().is_object()) return std::nullopt;
  const auto named = attempt([&] {
    const IssueName issue{text_parameter(parsed.value(), "repo"),
                          number_parameter(parsed.value(), "number", 0, 0)};
    return parse_issue(issue.text());
  });
  if (!named.ok() || !covers(grants, named.value().repo)) return std::nullopt;
  return named.value();
}

Spender spender_of_call(const RunContext& run, const Json& params) {
  auto spender = spender_of(run);
  const auto text = text_parameter(params, "issue", "");
  if (text.empty()) return spender;
  auto issue = parse_issue(text);
  if (run.issue) {
    if (!same_issue(*run.issue, issue))
      throw Error(
          Code::usage,
          "the job is about " + run.issue->text() + ", and " + text + " can't be charged for it",
          "Leave \"issue\" out, or enqueue a job about that one.");
    return spender;
  }
  if (!covers(run.grants, issue.repo)) require_grant(run, "gitea.read", issue.repo);
  spender.repo = std::move(issue.repo);
  spender.issue = issue.number;
  spender.issue_of_call = true;
  return spender;
}

}  // namespace host
