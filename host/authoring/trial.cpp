// SPDX-License-Identifier: Apache-2.0
#include "authoring/trial.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <utility>

#include "base/error.hpp"
#include "workers/executor.hpp"

namespace host {
namespace {

std::vector<std::filesystem::path> paths_of(const Grants& grants, std::string_view grant) {
  const auto& values = grants.values(grant);
  return {values.begin(), values.end()};
}

std::shared_ptr<const WorkerSpec> spec_of(const PluginEntry& plugin, const CagedOptions& options) {
  WorkerSpec spec;
  spec.image = plugin.image;
  spec.plugin_id = plugin.id;
  spec.config_json = to_text(plugin.config);
  spec.readable = paths_of(plugin.grants, "fs.read");
  spec.writable = paths_of(plugin.grants, "fs.write");
  spec.scratch = options.scratch;
  spec.limits = plugin.limits;
  spec.rehearsals = options.rehearsals;
  return std::make_shared<const WorkerSpec>(std::move(spec));
}

}  // namespace

void run_until(boost::asio::io_context& context, const bool& done) {
  const auto guard = boost::asio::make_work_guard(context);
  context.restart();
  while (!done) context.run_one();
}

void let_come(const TrialGround& ground, Duration duration) {
  bool done = false;
  const Timer timer = ground.loop.after(duration, [&] { done = true; });
  run_until(ground.context, done);
}

ClaimedJob open_job(const TrialGround& ground, const PluginEntry& plugin, const TrialRun& run) {
  std::optional<Result<ClaimedJob>> job;
  bool done = false;
  ground.stage.open(plugin, run.task, run.payload, [&](Result<ClaimedJob> claimed) {
    job = std::move(claimed);
    done = true;
  });
  run_until(ground.context, done);
  return std::move(*job).value();
}

CagedTrial::CagedTrial(const TrialGround& ground, const PluginEntry& plugin, CagedOptions options)
    : ground_(ground),
      plugin_(plugin),
      spec_(spec_of(plugin, options)),
      pool_(ground.context, ground.loop, ground.log, options.worker, ground.stage,
            {.workers = 1,
             .start = options.start,
             .cancel_grace = options.cancel_grace,
             .lines_per_second = 1000,
             .forbidden = options.forbidden}) {}

TrialOutcome CagedTrial::run(const TrialRun& run) {
  // Shared with what the pool calls back, which may be after this returns.
  struct Seen {
    bool done = false;
    TrialOutcome outcome;
    MonotonicTime begun;
    Timer cancel;
  };
  const auto seen = std::make_shared<Seen>();
  const auto job = open_job(ground_, plugin_, run);
  const auto id = job.run;
  const auto now = [this] { return ground_.loop.clock().monotonic(); };
  const auto started_before = pool_.stats().started;
  const auto submitted = seen->begun = now();
  RunRequest request{
      .run = id, .task = run.task, .job_json = job_json(job), .timeout = run.timeout};
  pool_.submit(
      spec_, std::move(request),
      [this, seen, now, id, cancel_after = run.cancel_after, only_begin = run.only_begin] {
        ground_.stage.begin(id);
        seen->outcome.begun = true;
        seen->begun = now();
        seen->done = only_begin;
        if (cancel_after)
          seen->cancel = ground_.loop.after(*cancel_after, [this, id] { pool_.cancel(id); });
      },
      [seen, now](RunOutcome ended) {
        seen->outcome.verdict = std::move(ended.verdict);
        seen->outcome.left = ended.left;
        seen->outcome.died = ended.died;
        seen->outcome.took = now() - seen->begun;
        seen->done = true;
      });
  if (const auto why = pool_.stats().start_error; !why.empty())
    throw Error(Code::unavailable, "no worker can be started: " + why,
                "Look at what this machine lacks: timmy-host --doctor.");
  run_until(ground_.context, seen->done);
  auto outcome = seen->outcome;
  if (outcome.begun && pool_.stats().started > started_before)
    outcome.loaded_in = seen->begun - submitted;
  outcome.effects = ground_.stage.close(id, outcome.verdict);
  return outcome;
}

std::string CagedTrial::end() {
  const auto before = pool_.stats();
  bool done = false;
  pool_.close([&] { done = true; });
  run_until(ground_.context, done);
  const auto after = pool_.stats();
  if (after.killed > before.killed) return "its destroy did not return and was killed";
  if (after.crashed > before.crashed) return "its process died while the instance was destroyed";
  return ground_.stage.destroy_threw();
}

}  // namespace host
