// SPDX-License-Identifier: Apache-2.0
//
// For tests: a runner with real supervisors, and runs of the hostile program.
#pragma once

#include <fcntl.h>
#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/test_folder.hpp"
#include "runs/run_lock.hpp"
#include "runs/run_output.hpp"
#include "runs/supervised_runner.hpp"

namespace host::runs {

class RunBench : public testing::Test {
 protected:
  explicit RunBench(
      std::unique_ptr<Supervisors> supervisors = std::make_unique<OwnSupervisors>(TIMMY_SUPERVISOR))
      : supervisors_(std::move(supervisors)) {
    for (const char* name : {"clone", "scratch"}) std::filesystem::create_directory(folder_ / name);
    make_runner();
  }

  void make_runner() {
    runner_ = std::make_unique<SupervisedRunner>(
        context_, loop_, *supervisors_, folder_ / "runs", redactor_,
        Log::to_memory(std::make_shared<std::vector<std::string>>()));
  }

  // A run of the hostile program, with an id of its own.
  RunSpec spec(std::vector<std::string> deed) {
    RunSpec made;
    made.id = "run-" + std::to_string(++count_);
    made.arguments = std::move(deed);
    made.arguments.insert(made.arguments.begin(), TIMMY_HOSTILE_RUN);
    made.folder = clone();
    made.scratch = folder_ / "scratch";
    made.writable = {made.folder, made.scratch};
    made.readable = {std::filesystem::path(TIMMY_HOSTILE_RUN).parent_path()};
    made.environment = base_environment(made.scratch);
    made.network = Network::open;
    made.limits.wall = std::chrono::seconds(60);
    made.limits.grace = std::chrono::milliseconds(200);
    return made;
  }

  // Starts it. `printed`: once it has printed this, `then` is done.
  void start(const RunSpec& run, std::string printed = {}, std::function<void()> then = {}) {
    ending_.reset();
    runner_->start(run, {.started = [this](const InForce& made) { in_force_ = made; },
                         .output =
                             [this, run, printed, then](std::uint64_t) {
                               if (then && output(run).find(printed) != std::string::npos) then();
                             },
                         .ended = [this](const RunEnding& made) { ending_ = made; }});
  }

  template <class Done>
  [[nodiscard]] bool run_until(Done done) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!done() && std::chrono::steady_clock::now() < until) {
      context_.restart();
      context_.run_one_for(std::chrono::milliseconds(50));
    }
    return done();
  }

  RunEnding wait() {
    EXPECT_TRUE(run_until([this] { return ending_.has_value(); })) << "it did not end";
    return ending_.value_or(RunEnding{});
  }

  RunEnding run(const RunSpec& made) {
    start(made);
    return wait();
  }

  // What it printed, as far as it is kept.
  std::string output(const RunSpec& made) const {
    std::string all;
    const auto folder = folder_ / "runs" / made.id;
    for (OutputPiece piece; !(piece = read_output(folder, piece.next, 1 << 20)).text.empty();)
      all += piece.text;
    return all;
  }

  // Prints what came of a deed.
  std::string outcome(const RunSpec& made) {
    const auto ending = run(made);
    EXPECT_EQ(ending.kind, RunEnding::Kind::exited) << ending.evidence;
    return output(made);
  }

  // Whether a process that holds this file is still there.
  static bool is_held(const std::filesystem::path& file) {
    const Fd fd(::open(file.c_str(), O_RDWR | O_CLOEXEC));
    struct flock lock {};
    lock.l_type = F_WRLCK;
    return fd && ::fcntl(fd.get(), F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  }

  [[nodiscard]] std::filesystem::path clone() const { return folder_ / "clone"; }
  [[nodiscard]] std::filesystem::path lock(const RunSpec& made) const {
    return lock_path(folder_ / "runs" / made.id);
  }

  TestFolder folder_{std::filesystem::canonical(std::filesystem::temp_directory_path())};
  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  std::shared_ptr<Redactor> redactor_ = std::make_shared<Redactor>();
  std::unique_ptr<Supervisors> supervisors_;
  std::unique_ptr<SupervisedRunner> runner_;
  std::optional<RunEnding> ending_;
  std::optional<InForce> in_force_;
  int count_ = 0;
};

}  // namespace host::runs
