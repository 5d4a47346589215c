// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/log.hpp"
#include "dispatch/agent.hpp"
#include "dispatch/attempt_end.hpp"
#include "dispatch/blocking_work.hpp"
#include "dispatch/dispatcher_outside.hpp"
#include "dispatch/item_cage.hpp"
#include "runs/runner.hpp"
#include "store/store.hpp"
#include "tokens/meter.hpp"

namespace host::dispatch {

// What it works with; all outlives it.
struct RunWorld {
  Loop& loop;
  Store& store;
  runs::Runner& runner;
  BlockingWork& blocking;
  std::shared_ptr<ItemCages> cages;
  std::function<Meter*()> meter;        // null: there is none, and no agent gets a model
  std::function<std::int64_t()> today;  // the budget's day
  std::function<WallTime()> next_day;   // when that ends
  // Whether a run with Network::meter_only could reach models other than by the meter, as far as a
  // try shows. Blocks; any thread. Throws what keeps it from being told. Where it could, or that is
  // not known, none is started.
  std::function<bool()> passes_meter;
  CageFolders folders;
  AgentPlaces places;
  Log log;
};

// The real AgentRuns: an agent in its cage, with the meter as its model. An attempt leaves
// runs/<run>/ behind: its output, how it ended, and, once that has been put together, its facts.
// A model's answer is a sign of life as output is. One that was refused tokens and gets none
// within limits.stall is ended, whatever it prints.
class CagedRuns final : public AgentRuns {
 public:
  explicit CagedRuns(RunWorld world);
  ~CagedRuns() override;

  void start(AttemptOrder order, Reply<RunFacts> ended) override;
  void cancel(const std::string& run, const std::string& why) override;
  void settle(std::string run, Reply<RunFacts> ended) override;

  [[nodiscard]] std::size_t running() const;
  // The names of those that it has in hand, from before they run until they are accounted for.
  [[nodiscard]] std::set<std::string> in_hand() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host::dispatch
