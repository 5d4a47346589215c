// SPDX-License-Identifier: Apache-2.0
//
// A plugin's code, run by hand.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "authoring/stage.hpp"
#include "workers/pool.hpp"

namespace host {

struct TrialRun {
  std::string task;
  Json payload = Json::object();
  Duration timeout = std::chrono::seconds(180);  // then it is cancelled, and killed after a grace
  std::optional<Duration> cancel_after;          // from `begun`
  bool only_begin = false;  // don't wait for its end; the trial can do nothing more then
};

struct TrialOutcome {
  bool begun = false;  // false: the plugin could not be loaded or made; the verdict says why
  Verdict verdict;
  LeftBehind left;
  bool died = false;                  // its process ended under it, whatever the verdict
  Duration took{};                    // from `begun`
  std::optional<Duration> loaded_in;  // from spawn to `begun`, of a run that started its process
  TrialEffects effects;
};

// One instance of a plugin and what runs it. Blocks the caller, who owns the thread.
class Trial {
 public:
  virtual ~Trial() = default;
  // Throws Error when the job can't be made; whatever the plugin does is in the outcome.
  virtual TrialOutcome run(const TrialRun& run) = 0;
  // Destroys the instance. Empty when that went well, else what happened. No run after it.
  virtual std::string end() = 0;
  // What holds the plugin, once it has run; nullopt where nothing does.
  [[nodiscard]] virtual std::optional<CageReport> cage() const { return std::nullopt; }
};

// What a trial stands on. One stage and one loop may serve several trials, one after another.
struct TrialGround {
  boost::asio::io_context& context;
  Loop& loop;
  Log log;
  Stage& stage;
};

struct CagedOptions {
  std::filesystem::path worker;   // timmy-worker
  std::filesystem::path scratch;  // where workers get their folders
  Duration start = std::chrono::seconds(10);
  Duration cancel_grace = std::chrono::seconds(5);
  int rehearsals = 0;
  Forbidden forbidden;
};

// In a worker process, caged, as a host would. `plugin`: from admit_candidate(), outlives the
// trial.
class CagedTrial final : public Trial {
 public:
  CagedTrial(const TrialGround& ground, const PluginEntry& plugin, CagedOptions options);
  TrialOutcome run(const TrialRun& run) override;
  std::string end() override;

  [[nodiscard]] std::optional<CageReport> cage() const override { return pool_.cage(); }

 private:
  TrialGround ground_;
  const PluginEntry& plugin_;
  std::shared_ptr<const WorkerSpec> spec_;
  WorkerPool pool_;
};

// Runs the loop until `done`; it may have nothing to do meanwhile.
void run_until(boost::asio::io_context& context, const bool& done);

// Lets what comes after a run come: its late calls, its worker's end.
void let_come(const TrialGround& ground, Duration duration);

// Makes the job of a run and opens the stage to it. Throws Error when the queue refuses it.
[[nodiscard]] ClaimedJob open_job(const TrialGround& ground, const PluginEntry& plugin,
                                  const TrialRun& run);

}  // namespace host
