// SPDX-License-Identifier: Apache-2.0
#include <timmy/plugin.hpp>

#include "model.hpp"
#include "outage.hpp"
#include "stamp.hpp"

namespace heartbeat {

using timmy::Json;

class Heartbeat {
 public:
  explicit Heartbeat(const Json& config)
      : folder_(config.at("stamp_dir").get<std::string>()),
        model_(Model::from(config.value("model", Json::object()))) {
    if (!folder_.is_absolute())
      throw timmy::Permanent(
          "bad_config", "stamp_dir is \"" + folder_.string() + "\", expected an absolute path");
  }

  Json gitea(const timmy::Job& job, timmy::Context& ctx) {
    return watch(ctx, job.task, "Gitea has not answered the host's token", [&] {
      return stamped(job, ctx, {{"login", ctx.gitea().whoami().login}});
    });
  }

  Json completion(const timmy::Job& job, timmy::Context& ctx) {
    if (model_.route.empty()) return not_configured();
    return watch(ctx, job.task, "the model has completed nothing",
                 [&] { return stamped(job, ctx, model_.complete(ctx)); });
  }

  Json listing(const timmy::Job& job, timmy::Context& ctx) {
    if (model_.route.empty()) return not_configured();
    return watch(ctx, job.task, "the route to the model has not been well",
                 [&] { return stamped(job, ctx, model_.list(ctx)); });
  }

 private:
  static Json not_configured() {
    return {{"skipped", "no model.route in the config of heartbeat"}};
  }

  // Stamps the task's success, with what was found, and returns that.
  Json stamped(const timmy::Job& job, const timmy::Context& ctx, Json found) const {
    Json stamp = found;
    stamp["task"] = job.task;
    stamp["job"] = job.id;
    stamp["at"] = timmy::format_time(ctx.now());
    write_stamp(folder_, job.task, stamp);
    return found;
  }

  std::filesystem::path folder_;
  Model model_;
};

}  // namespace heartbeat

using heartbeat::Heartbeat;
TIMMY_PLUGIN(Heartbeat, {"heartbeat", &Heartbeat::gitea},
             {"heartbeat_heavy", &Heartbeat::completion},
             {"model_health_check", &Heartbeat::listing})
