// SPDX-License-Identifier: Apache-2.0
//
// kill -9 of the host, and of a supervisor: nothing of the run is left, and a new host learns it.
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "base/json.hpp"
#include "base/process.hpp"
#include "runs/run_bench.hpp"

namespace host::runs {
namespace {

class RunAfterADeath : public RunBench {
 protected:
  // Until a new host could start the item again.
  [[nodiscard]] bool wait_for_end(const std::filesystem::path& lock) {
    bool gone = false;
    const LockWait wait(loop_, lock, [&] { gone = true; });
    return run_until([&] { return gone; });
  }
  std::filesystem::path hidden_ = clone() / "hidden";
};

TEST_F(RunAfterADeath, OfTheHostIsEndedWithAllThatHid) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd read(ends[0]);
  Fd write(ends[1]);
  const Child stub = spawn({.program = TIMMY_RUN_HOST_STUB,
                            .arguments = {"stub", TIMMY_SUPERVISOR, folder_.path(),
                                          TIMMY_HOSTILE_RUN, "hide", hidden_, "stay"},
                            .environment = {},
                            .descriptors = {{write.get(), 1}}});
  write.reset();
  pollfd running{read.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&running, 1, 60'000), 1);
  const auto lock = lock_path(folder_ / "runs" / "orphan");
  ASSERT_TRUE(is_held(hidden_));
  EXPECT_TRUE(still_runs(lock));
  ASSERT_EQ(::kill(stub.pid(), SIGKILL), 0);
  EXPECT_TRUE(wait_for_end(lock));
  EXPECT_FALSE(is_held(hidden_)) << "the daemon outlived its host";
}

TEST_F(RunAfterADeath, OfTheSupervisorIsLostAndEndedToo) {
  const auto made = spec({"hide", hidden_, "stay"});
  start(made, "hidden", [&] {
    const auto record = parse_json(read_file(lock(made), 1000), "the lock");
    ::kill(record.at("supervisor").get<pid_t>(), SIGKILL);
  });
  const auto ending = wait();
  EXPECT_EQ(ending.kind, RunEnding::Kind::lost);
  EXPECT_THAT(output(made), testing::HasSubstr("hidden"));
  ASSERT_TRUE(in_force_);
  if (in_force_->may_outlive())
    GTEST_SKIP() << "neither a pid namespace nor a cgroup can be had here";
  EXPECT_TRUE(wait_for_end(lock(made)));
  EXPECT_FALSE(is_held(hidden_)) << "the daemon outlived its supervisor";
}

TEST_F(RunAfterADeath, OfTheRunnerIsEnded) {
  const auto made = spec({"hide", hidden_, "stay"});
  bool hiding = false;
  start(made, "hidden", [&] { hiding = true; });
  ASSERT_TRUE(run_until([&] { return hiding; }));
  runner_.reset();
  EXPECT_FALSE(still_runs(lock(made)));
  EXPECT_FALSE(is_held(hidden_));
}

TEST_F(RunAfterADeath, KeepsItsOutputForTheNextHost) {
  const auto made = spec({"print", "evidence"});
  EXPECT_EQ(run(made).kind, RunEnding::Kind::exited);
  make_runner();
  std::optional<OutputPiece> piece;
  runner_->follow(made.id, 0, Duration::zero(),
                  [&](Result<OutputPiece> read) { piece = std::move(read).value(); });
  ASSERT_TRUE(run_until([&] { return piece.has_value(); }));
  EXPECT_EQ(piece->text, "evidence\n");
  EXPECT_TRUE(piece->ended);
}

TEST_F(RunAfterADeath, IsNotFoundByNamesThatLeadElsewhere) {
  for (const char* id : {"../clone", "", ".", "none"}) {
    std::optional<Code> code;
    runner_->follow(id, 0, Duration::zero(),
                    [&](Result<OutputPiece> read) { code = read.error().code(); });
    ASSERT_TRUE(run_until([&] { return code.has_value(); }));
    EXPECT_EQ(code, Code::not_found) << id;
  }
}

}  // namespace
}  // namespace host::runs
