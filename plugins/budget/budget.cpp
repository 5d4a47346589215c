// SPDX-License-Identifier: Apache-2.0
#include <timmy/plugin.hpp>

#include "caches.hpp"
#include "enforcer.hpp"
#include "report.hpp"

namespace budget {

using timmy::Json;

class BudgetPlugin {
 public:
  explicit BudgetPlugin(const Json& config)
      : keep_logs_(config.at("keep_logs").get<int>()), report_(config.at("report")) {
    for (const auto& cache : config.at("caches")) caches_.push_back(Cache::from(cache));
  }

  Json enforce(const timmy::Job&, timmy::Context& ctx) { return reconcile(ctx); }

  // What can't be done keeps the rest from nothing: the failure comes at the end.
  Json reset(const timmy::Job&, timmy::Context& ctx) {
    Json result{{"log", put_log_away(ctx)}};
    Sweep sweep;
    for (const auto& cache : caches_) remove_expired(cache, ctx, sweep);
    result["removed"] = sweep.removed;
    result["bytes"] = sweep.bytes;
    result["left"] = sweep.left;
    if (sweep.problems.empty()) return result;
    std::string all;
    for (const auto& problem : sweep.problems) all += (all.empty() ? "" : "; ") + problem;
    throw timmy::Retryable("incomplete", all);
  }

  Json tell(const timmy::Job&, timmy::Context& ctx) {
    if (report_.empty()) return {{"skipped", "no repository under report in the config of budget"}};
    return write_reports(ctx, report_);
  }

 private:
  // The name of what was put away.
  [[nodiscard]] Json put_log_away(timmy::Context& ctx) const {
    if (keep_logs_ == 0) return nullptr;
    try {
      const auto file = ctx.tokens().rotate_log(keep_logs_);
      return file ? Json(*file) : Json();
    } catch (const timmy::Permanent& failure) {
      if (failure.code() != "not_granted") throw;
      ctx.log.warn(failure.what(), "; or set keep_logs to 0");
      return "not granted";
    }
  }

  int keep_logs_;
  std::vector<std::string> report_;
  std::vector<Cache> caches_;
};

}  // namespace budget

using budget::BudgetPlugin;
TIMMY_PLUGIN(BudgetPlugin, {"token_budget_enforcer", &BudgetPlugin::enforce},
             {"daily_reset", &BudgetPlugin::reset}, {"token_report", &BudgetPlugin::tell})
