// SPDX-License-Identifier: Apache-2.0
#include "reviewing.hpp"

#include "glob.hpp"
#include "span.hpp"

namespace triage {

MergeRule::MergeRule(const timmy::Json& config)
    : repos(config.at("repos").get<Names>()),
      bases(config.value("bases", Names())),
      when_ready(config.at("when").get<std::string>() == "when_ready"),
      style(config.value("style", "merge")),
      delete_branch(config.value("delete_branch", false)) {}

Reviewing::Reviewing(const timmy::Json& config)
    : terms(config),
      policy(config.value("banned", timmy::Json::array())),
      exempt(Exemptions::from(config.value("exempt", timmy::Json::object()))),
      status(config.at("status").get<std::string>()),
      settle(span_at(config, "settle", "reviews")) {
  for (const auto& rule : config.value("merge", timmy::Json::array())) merge.emplace_back(rule);
}

std::optional<timmy::MergeOrder> Reviewing::order_for(const std::string& repo,
                                                      const timmy::PullRequest& pull) const {
  for (const auto& rule : merge) {
    if (!covers_repo(rule.repos, repo)) continue;
    if (!rule.when_ready || (!rule.bases.empty() && !any_matches(rule.bases, pull.base.branch)))
      return std::nullopt;
    return timmy::MergeOrder{.style = rule.style, .delete_branch = rule.delete_branch};
  }
  return std::nullopt;
}

}  // namespace triage
