// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "plugins/grantable.hpp"
#include "plugins/image.hpp"
#include "plugins/manifest.hpp"
#include "queue/job.hpp"

namespace host {

// What a worker is started with. The pool's key: runs share a worker only when these are equal, so
// any change (new bytes, config, grants, limits) takes effect with the next run.
struct WorkerSpec {
  std::shared_ptr<const PluginImage> image;
  std::string plugin_id;
  std::string config_json;  // what `create` gets
  // Granted paths: files, or folders with all below. A path that is another file than when the
  // worker started (by device and inode) retires the worker, too.
  std::vector<std::filesystem::path> readable;
  std::vector<std::filesystem::path> writable;
  // The folder in which each worker gets a folder of its own, removed when it ends.
  std::filesystem::path scratch;
  Limits limits;
  // Runs; then the worker is replaced: often enough that a slow leak never matters, seldom enough
  // that starting processes doesn't. Sooner when it has grown to half of its memory limit.
  int recycle_after = 5000;
  bool fresh = false;  // a worker of its own for each run
  // So often a worker makes and destroys the instance before the one that it keeps, to see whether
  // it can. Only `plugins check` asks for it.
  int rehearsals = 0;

  // Whether a worker started with one serves runs of the other. How often it is replaced, and
  // whether the run wants one to itself, does not matter for that.
  [[nodiscard]] bool same_worker(const WorkerSpec& other) const;
};

struct RunRequest {
  RunId run;
  std::string task;
  std::string job_json;  // what `run` gets
  Duration timeout{};    // from `begun`
  bool alone = false;    // in a worker with no other job sent ahead: it has crashed one before
  // At most so many runs of this task at the same time. More are sent ahead to the workers that
  // run it, or wait.
  int concurrency = 1;
};

// What a run left behind in its worker, over what there was before it.
struct LeftBehind {
  std::uint32_t threads = 0;
  std::uint32_t descriptors = 0;
  std::uint32_t children = 0;
  [[nodiscard]] bool nothing() const { return threads == 0 && descriptors == 0 && children == 0; }
};

struct RunOutcome {
  // The run's code was never called: its worker died or was retired with the job only sent ahead.
  // Nobody's fault; give the job back at no cost. `verdict` says nothing then.
  bool not_begun = false;
  Verdict verdict;
  LeftBehind left;    // nothing, when the worker died
  bool died = false;  // the run was under way when its worker's process ended, whatever the verdict
  // The plugin could not be made, for the verdict's reason: the run's code was never called,
  // either.
  bool unmade = false;
};

// Bounds, with what a host uses by default.
struct PoolSettings {
  int workers = 16;                                    // processes at the same time
  int ahead = 256;                                     // runs in a worker, the current one included
  std::size_t ahead_bytes = 4u << 20;                  // of them, but for the current one
  Duration idle = std::chrono::seconds(60);            // then an unused worker ends
  Duration start = std::chrono::seconds(10);           // from spawn to `ready`, `create` included
  Duration start_pause = std::chrono::seconds(5);      // after a process that could not be started
  Duration begin = std::chrono::seconds(30);           // from when a run is next to its `begun`
  Duration cancel_grace = std::chrono::seconds(5);     // from cancelled() to SIGTERM
  Duration interrupt_grace = std::chrono::seconds(1);  // the same when the host stops
  Duration term_grace = std::chrono::seconds(2);       // from SIGTERM, or from `quit`, to SIGKILL
  double lines_per_second = 100;  // of log and output, for each worker; over it they are counted
  int lines_burst = 500;
  Forbidden forbidden;  // never granted
};

}  // namespace host
