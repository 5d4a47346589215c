// SPDX-License-Identifier: Apache-2.0
#include <timmy/plugin.hpp>

#include "cap_watch.hpp"
#include "explain.hpp"
#include "orphans.hpp"
#include "pass.hpp"
#include "reviews.hpp"
#include "round.hpp"
#include "rules.hpp"
#include "stale.hpp"

namespace triage {

using timmy::Json;

class Triage {
 public:
  explicit Triage(const Json& config)
      : config_(config),
        repos_(config.at("repos").get<Names>()),
        rules_(config.value("rules", Json::array()), config.value("priorities", Json::array())) {
    if (config.contains("orphans")) orphans_.emplace(config["orphans"]);
    if (config.contains("stale")) stale_.emplace(config["stale"]);
    if (config.contains("reviews")) reviews_.emplace(config["reviews"]);
  }

  // Payload: {"full": true} looks at all that is open again; {"repo", "number"}, which an event
  // brings, at that issue alone. {"go_on": true}, of this task and the ones below: see CapWatch.
  Json triage(const timmy::Job& job, timmy::Context& ctx) {
    Round round(ctx, repos_, rules_,
                watch(job, ctx, "gitea_issue_triage", {"rules", "priorities"}));
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

  Json clean_up_orphans(const timmy::Job& job, timmy::Context& ctx) {
    if (!orphans_) return not_configured("orphans");
    return triage::clean_up_orphans(ctx, repos_, *orphans_,
                                    watch(job, ctx, "orphan_work_cleanup", {"orphans"}));
  }

  Json close_stale(const timmy::Job& job, timmy::Context& ctx) {
    if (!stale_) return not_configured("stale");
    return triage::close_stale(ctx, repos_, *stale_, watch(job, ctx, "close_stale", {"stale"}));
  }

  // Payload, which an event brings: see reviews.hpp.
  Json review_prs(const timmy::Job& job, timmy::Context& ctx) {
    if (!reviews_) return not_configured("reviews");
    return triage::review_prs(ctx, repos_, *reviews_, job.payload,
                              watch(job, ctx, "review_prs", {"reviews"}),
                              [&ctx] { return ctx.now(); });
  }

 private:
  // By what these keys of the config say, and for which repositories.
  [[nodiscard]] CapWatch watch(const timmy::Job& job, timmy::Context& ctx, const std::string& task,
                               const Names& keys) const {
    Json by = Json::array({config_.at("repos")});
    for (const auto& key : keys) by.push_back(config_.value(key, Json()));
    return {ctx, task, by.dump(), job.payload};
  }

  Json config_;
  Names repos_;
  Rules rules_;
  // Nothing: not in the config.
  std::optional<OrphanTerms> orphans_;
  std::optional<StaleTerms> stale_;
  std::optional<Reviewing> reviews_;
};

}  // namespace triage

TIMMY_PLUGIN(triage::Triage, {"gitea_issue_triage", &triage::Triage::triage},
             {"gitea_issue_triage_explain", &triage::Triage::explain},
             {"orphan_work_cleanup", &triage::Triage::clean_up_orphans},
             {"close_stale", &triage::Triage::close_stale},
             {"review_prs", &triage::Triage::review_prs})
