// SPDX-License-Identifier: Apache-2.0
//
// How runs and workers end when somebody wants them to.
#include <gmock/gmock.h>

#include "workers/pool_fixture.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using Pool = PoolTest;

TEST_F(Pool, CancelsARunThatListens) {
  settings.cancel_grace = 20s;
  const auto run = submit("wait");
  ASSERT_TRUE(begun(run));
  pool().cancel(run);
  const auto ended = verdict(run);
  EXPECT_EQ(name_of(ended), "cancelled");
  EXPECT_EQ(ended.signal, 0) << "it was not killed: " << ended.message;
}

TEST_F(Pool, CancelsARunThatDoesNotListen) {
  const auto run = submit("hang");
  ASSERT_TRUE(run_until([&] { return services.logged("deaf"); }));
  pool().cancel(run);
  const auto ended = verdict(run);
  EXPECT_EQ(name_of(ended), "cancelled");
  EXPECT_EQ(ended.signal, SIGKILL);
}

TEST_F(Pool, CancelsAtOnceWithoutTheGrace) {
  settings.cancel_grace = 10min;
  const auto run = submit("hang");
  ASSERT_TRUE(run_until([&] { return services.logged("deaf"); }));
  pool().cancel(run);
  pool().cancel(run, true);
  pool().cancel(run, true);
  EXPECT_EQ(name_of(verdict(run)), "cancelled");
}

// Timers fire when the test says so, everything else at its time.
class HandLoop final : public Loop {
 public:
  explicit HandLoop(Loop& under) : under_(under) {}
  void post(std::function<void()> work) override { under_.post(std::move(work)); }
  Timer after(Duration, std::function<void()> work) override {
    timers_.push_back(std::make_shared<std::function<void()>>(std::move(work)));
    return Timer(std::make_unique<Armed>(timers_.back()));
  }
  [[nodiscard]] const Clock& clock() const override { return under_.clock(); }
  // The one that was set last and is still armed.
  void fire_last() {
    for (auto timer = timers_.rbegin(); timer != timers_.rend(); ++timer)
      if (**timer) return std::exchange(**timer, nullptr)();
  }

 private:
  struct Armed final : Timer::Pending {
    explicit Armed(std::shared_ptr<std::function<void()>> timer) : work(std::move(timer)) {}
    ~Armed() override { *work = nullptr; }
    std::shared_ptr<std::function<void()>> work;
  };
  Loop& under_;
  std::vector<std::shared_ptr<std::function<void()>>> timers_;
};

// The next run begins while the pool takes the one that it stops to be running.
class Bystander : public Pool {
 protected:
  Bystander() { settings.workers = 1; }

  void begin_unseen(WorkerPool& pool) {
    ASSERT_TRUE(run_until([&] { return has_begun(current_) || has_ended(current_); }));
    const auto worker = std::to_string(pool.stats().workers.at(0).pid);
    context.poll();
    pool.cancel(current_);
    context.poll_one();  // tells the worker
    const auto end = std::chrono::steady_clock::now() + 30s;
    while (!std::filesystem::exists("/proc/" + worker + "/cwd/begun"))
      ASSERT_LT(std::chrono::steady_clock::now(), end);
    ASSERT_FALSE(has_ended(current_));
  }
  void expect_nobody_blamed() {
    EXPECT_EQ(name_of(verdict(current_)), "cancelled");
    const auto ended = verdict(next_);
    EXPECT_EQ(name_of(ended), "interrupted") << ended.message;
    EXPECT_EQ(ended.signal, SIGTERM);
    EXPECT_THAT(ended.message, HasSubstr("for the run before it"));
  }

  RunId current_, next_;
};

TEST_F(Bystander, IsNotBlamedForASignalThatCameAtOnce) {
  settings.cancel_grace = 10min;
  current_ = submit("wait");
  next_ = submit("wait", {{"file", "begun"}});
  begin_unseen(pool());
  pool().cancel(current_, true);
  expect_nobody_blamed();
}

TEST_F(Bystander, IsNotBlamedForASignalThatCameAfterTheGrace) {
  HandLoop by_hand(loop);
  use_loop(by_hand);
  current_ = submit("wait");
  next_ = submit("wait", {{"file", "begun"}});
  begin_unseen(pool());
  by_hand.fire_last();
  expect_nobody_blamed();
  drop_pool();
}

TEST_F(Pool, CancelsARunThatWaitsOrWasSentAhead) {
  settings.workers = 1;
  const auto current = submit("wait");
  const auto ahead = submit("wait");
  const auto waiting = submit("echo");
  ASSERT_TRUE(begun(current));
  pool().cancel(waiting);
  EXPECT_FALSE(has_ended(waiting)) << "the outcome came from inside cancel()";
  EXPECT_EQ(name_of(verdict(waiting)), "cancelled");
  pool().cancel(ahead);
  pool().cancel(current);
  EXPECT_EQ(name_of(verdict(ahead)), "cancelled");
  EXPECT_FALSE(has_begun(ahead));
  EXPECT_EQ(name_of(verdict(current)), "cancelled");
}

TEST_F(Pool, GivesBackWhatHadNotBegunWhenAPluginIsRetired) {
  const auto current = submit("sleep", {{"ms", 50}});
  const auto ahead = submit("sleep");
  ASSERT_TRUE(begun(current));
  pool().retire("hostile");
  EXPECT_TRUE(outcome(ahead).not_begun);
  EXPECT_EQ(name_of(verdict(current)), "completed");
  EXPECT_EQ(result("echo", {{"again", true}}), Json({{"again", true}}));
}

TEST_F(Pool, AsksARunToStopBeforeItIsInterrupted) {
  settings.interrupt_grace = 20s;
  const auto run = submit("wait");
  ASSERT_TRUE(begun(run));
  pool().interrupt_all();
  const auto ended = verdict(run);
  EXPECT_EQ(name_of(ended), "interrupted");
  EXPECT_EQ(ended.signal, 0) << "it saw cancelled() and returned";
}

TEST_F(Pool, InterruptsEverythingAtOnceWhenAskedTwice) {
  settings.interrupt_grace = 20s;
  const auto run = submit("hang");
  ASSERT_TRUE(run_until([&] { return services.logged("deaf"); }));
  pool().interrupt_all();
  pool().interrupt_all();
  EXPECT_EQ(verdict(run).signal, SIGKILL);
}

TEST_F(Pool, InterruptsEverythingAtOnce) {
  const auto current = submit("hang");
  const auto ahead = submit("hang");
  ASSERT_TRUE(run_until([&] { return services.logged("deaf"); }));
  pool().interrupt_all();
  const auto ended = verdict(current);
  EXPECT_EQ(name_of(ended), "interrupted");
  EXPECT_EQ(ended.signal, SIGKILL) << "it ignores SIGTERM";
  EXPECT_TRUE(outcome(ahead).not_begun);
}

TEST_F(Pool, ClosesWhenItsWorkersHaveEnded) {
  const auto current = submit("sleep", {{"ms", 30}});
  ASSERT_TRUE(begun(current));
  bool closed = false;
  pool().close([&] { closed = true; });
  const auto late = submit("echo");
  ASSERT_TRUE(run_until([&] { return closed; }));
  EXPECT_EQ(name_of(verdict(current)), "completed");
  EXPECT_TRUE(outcome(late).not_begun);
  EXPECT_TRUE(pool().stats().workers.empty());
}

}  // namespace
}  // namespace host
