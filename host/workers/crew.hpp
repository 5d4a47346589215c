// SPDX-License-Identifier: Apache-2.0
//
// What the pool keeps of one plugin. For pool.cpp.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "workers/worker.hpp"

namespace host {

// A task's runs that no worker has yet.
struct Line {
  std::deque<PendingRun> runs;
  std::uint64_t turn = 0;  // the lowest is served first
};

// A plugin's workers, and its runs that none of them has yet.
struct Crew {
  std::vector<std::unique_ptr<Worker>> workers;
  std::map<std::string, Line> waiting;     // by task; never an empty one
  std::shared_ptr<const WorkerSpec> spec;  // of the last submit

  // How many workers run `task`, or have it ahead.
  [[nodiscard]] int busy_with(const std::string& task) const {
    return static_cast<int>(std::count_if(workers.begin(), workers.end(), [&](const auto& worker) {
      return worker->load() > 0 && worker->task() == task;
    }));
  }
  // Whether a task waits for the first of its workers, with a turn before `turn`.
  [[nodiscard]] bool starves(std::uint64_t turn) const {
    return std::any_of(waiting.begin(), waiting.end(), [&](const auto& line) {
      return line.second.turn < turn && busy_with(line.first) == 0;
    });
  }
};

}  // namespace host
