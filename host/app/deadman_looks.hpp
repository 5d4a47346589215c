// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "deadman/watchman.hpp"
#include "services/process_service.hpp"

namespace host {

class Store;

// The deadman of a running host: has looks taken, one after the other, knows how each watch stands,
// and takes over into the audit what was recorded, by whomever. Loop thread.
class DeadmanLooks final : public DeadmanDesk {
 public:
  struct Options {
    Paths paths;
    std::string host_name;
    std::string boot;               // this_boot()
    std::size_t most_waiting = 64;  // looks; the next are refused as rate_limited
    deadman::StampLooker stamps{};
    // Starts the thread of the looks. Throws where none is to be had.
    std::function<std::thread(std::function<void()>)> start = [](auto work) {
      return std::thread(std::move(work));
    };
  };

  // Loop, store, clock and runner outlive it. The runner is called on another thread.
  DeadmanLooks(Options options, Loop& loop, Store& store, const Clock& clock,
               deadman::Runner& runner, Log log);
  // Waits for the look that is being taken: what it has decided must be recorded. A minute
  // and a half at worst, which TimeoutStopSec= of the unit leaves besides the grace for jobs.
  ~DeadmanLooks() override;

  // DeadmanDesk:
  void survey(bool dry_run, Reply<deadman::Survey> reply) override;
  void look(deadman::LookOrder order, Reply<deadman::Looked> reply) override;
  [[nodiscard]] deadman::Moment now() const override;
  [[nodiscard]] std::string host_name() const override { return options_.host_name; }

  // The tasks that run here from now on.
  void set_tasks(const std::set<std::string>& names);
  // A job of the task completed. `job`: its number.
  void completed(const std::string& task, std::int64_t job);

  // Reads deadman.yaml and what is kept, at start and whenever they may have changed.
  void read();

  // What is called with what is watched, and how it stands, after each read and look.
  void when_noted(std::function<void(const deadman::Survey&)> noted) { noted_ = std::move(noted); }

  // As of the last read or look. See deadman_report().
  [[nodiscard]] Json report() const;

 private:
  class Thread;
  // Runs `work` on the thread and hands what it returns, or its Error, to `reply` on the loop.
  template <class T, class Work>
  void ask(Work work, Reply<T> reply);
  // That, as work for the thread.
  template <class T, class Work>
  [[nodiscard]] std::function<void()> answering(Work work, Reply<T> reply);
  void note(const Result<deadman::Survey>& survey);
  void note(const deadman::Looked& looked);
  void take_over(bool dry_run, const deadman::State& state);
  [[nodiscard]] std::map<std::string, std::string> tasks() const;  // any thread

  Options options_;
  Loop& loop_;
  Store& store_;
  const Clock& clock_;
  Log log_;
  deadman::Watchman watchman_;
  mutable std::mutex tasks_mutex_;            // the thread of the looks reads them
  std::map<std::string, std::string> tasks_;  // that run here: the mark of the last that completed
  Result<deadman::Survey> survey_;            // the last
  std::set<std::string> withheld_;            // Survey::withheld, which no file has
  std::function<void(const deadman::Survey&)> noted_;
  bool reading_ = false;
  bool read_again_ = false;                                            // it changed meanwhile
  std::map<std::string, std::pair<std::string, std::int64_t>> taken_;  // by file: state, record
  std::shared_ptr<int> alive_ = std::make_shared<int>();
  std::unique_ptr<Thread> thread_;  // last: it uses the others
};

}  // namespace host
