// SPDX-License-Identifier: Apache-2.0
#include <timmy/plugin.hpp>

#include "explain.hpp"
#include "round.hpp"
#include "rules.hpp"

namespace triage {

using timmy::Json;

class Triage {
 public:
  explicit Triage(const Json& config)
      : repos_(config.at("repos").get<Names>()),
        rules_(config.value("rules", Json::array()), config.value("priorities", Json::array())) {}

  // Payload: {"full": true} looks at all that is open again; {"repo", "number"}, which an event
  // brings, at that issue alone.
  Json triage(const timmy::Job& job, timmy::Context& ctx) {
    Round round(ctx, repos_, rules_);
    if (const auto number = job.payload.value("number", std::int64_t{0}); number > 0)
      return round.look_at_one(job.payload.at("repo").get<std::string>(), number);
    return round.look_at_all(job.payload.value("full", false));
  }

  // Payload: {"repo", "number"}.
  Json explain(const timmy::Job& job, timmy::Context& ctx) {
    const auto repo = job.payload.value("repo", "");
    const auto number = job.payload.value("number", std::int64_t{0});
    if (repo.empty() || number <= 0)
      throw timmy::Permanent("usage",
                             R"(expected a payload such as {"repo": "org/app", "number": 7})");
    return triage::explain(ctx, repos_, rules_, repo, number);
  }

 private:
  Names repos_;
  Rules rules_;
};

}  // namespace triage

TIMMY_PLUGIN(triage::Triage, {"gitea_issue_triage", &triage::Triage::triage},
             {"gitea_issue_triage_explain", &triage::Triage::explain})
