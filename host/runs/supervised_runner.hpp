// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/redactor.hpp"
#include "runs/runner.hpp"
#include "runs/supervisors.hpp"

namespace host::runs {

// The real Runner: a supervisor a run. In runs/<id>/ it writes `lock`, `output.log` and, at the
// end, `ending.json`.
class SupervisedRunner final : public Runner {
 public:
  // `context` is the one under `loop`; neither is owned, nor are the supervisors. `runs`: the
  // folder of runs, made when it isn't there. What the redactor knows when a line is printed, or
  // will know by then, is blotted out of it.
  SupervisedRunner(boost::asio::io_context& context, Loop& loop, Supervisors& supervisors,
                   std::filesystem::path runs, std::shared_ptr<Redactor> redactor, Log log);
  // Ends every run, and waits at most five seconds for what it started itself.
  ~SupervisedRunner() override;
  SupervisedRunner(const SupervisedRunner&) = delete;

  void start(RunSpec spec, Events events) override;
  void cancel(const std::string& id, std::string why) override;
  void alive(const std::string& id) override;
  void follow(const std::string& id, std::uint64_t offset, Duration wait,
              Reply<OutputPiece> reply) override;
  [[nodiscard]] std::size_t running() const override { return runs_.size(); }

 private:
  class Run;
  struct Follower;
  class Ended;

  void begin(RunSpec spec, Events events);
  void ended(const std::string& id, const RunEnding& ending);
  void wake(const std::string& id);
  [[nodiscard]] OutputPiece read(const std::string& id, std::uint64_t offset) const;
  void answer(const Follower& follower);
  void reap(Child child);

  boost::asio::io_context& context_;
  Loop& loop_;
  Supervisors& supervisors_;
  std::filesystem::path folder_;
  std::shared_ptr<Redactor> redactor_;
  Log log_;
  std::map<std::string, std::unique_ptr<Run>> runs_;
  std::multimap<std::string, std::shared_ptr<Follower>> followers_;
  std::vector<std::unique_ptr<Ended>> ended_;  // supervisors that are about to go
  std::shared_ptr<bool> lives_ = std::make_shared<bool>(true);
};

// How a run ended, from its folder. Throws Error{not_found} while it has not, or when its host died
// before it did.
[[nodiscard]] RunEnding read_ending(const std::filesystem::path& run_folder);

}  // namespace host::runs
