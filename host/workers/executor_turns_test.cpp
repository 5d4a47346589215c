// SPDX-License-Identifier: Apache-2.0
//
// Which tasks are served next, and how many runs each may have.
#include "workers/executor_fixture.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST_F(ExecutorTest, TakesNoMoreAtOnceThanTheTaskAllows) {
  set({task("work", 2)});
  const auto ids = insert("work", 5);
  EXPECT_THAT(pool_.order, ElementsAre(ids[0], ids[1]));
  end(ids[0]);
  EXPECT_THAT(pool_.order, ElementsAre(ids[0], ids[1], ids[2]));
}

TEST_F(ExecutorTest, TakesNoMoreAtOnceThanTheHostAllowsAndNobodyIsForgotten) {
  set({task("a", 2), task("b", 2)});
  insert("a", 4);
  insert("b", 4);
  EXPECT_EQ(pool_.runs.size(), 3u);
  // Whoever goes on, in the end all are done.
  for (int ended = 0; ended < 8; ++ended) {
    ASSERT_FALSE(pool_.runs.empty()) << "after " << ended;
    ASSERT_LE(pool_.runs.size(), 3u);
    end(pool_.runs.begin()->first);
  }
  EXPECT_EQ(hooks_.ended.size(), 8u);
}

TEST_F(ExecutorTest, ATaskIsServedThoughOthersThatHadNothingAskedBeforeIt) {
  const auto id = insert("z").front();
  set({task("a"), task("b"), task("c"), task("d"), task("z")});  // three may run
  EXPECT_THAT(pool_.order, ElementsAre(id));
}

TEST_F(ExecutorTest, TakesMoreWhenMoreMayRun) {
  set({task("a", 8)});
  insert("a", 8);
  EXPECT_EQ(pool_.runs.size(), 3u);
  executor_.set_running(5);
  executor_.ready("a");
  loop_.drain();
  EXPECT_EQ(pool_.runs.size(), 5u);
}

TEST_F(ExecutorTest, SendsShortJobsAheadAndSlowOnesNot) {
  set({task("quick"), task("slow")});
  const auto quick = insert("quick", 40);
  const auto slow = insert("slow", 40);
  run(quick[0], 1ms);
  run(slow[0], 5s);
  EXPECT_EQ(executor_.load().claimed, 20 + 1) << "20 ms of work, and one";
  EXPECT_FALSE(pool_.runs.contains(slow[2]));
}

TEST_F(ExecutorTest, AQueueBoundsItsTasksTogetherAndLeavesOthersAlone) {
  auto first = task("a", 3);
  auto second = task("b", 3);
  first.queue = second.queue = "slow";
  executor_.set_queues({{"slow", 2}});
  set({first, second, task("c", 3)});
  insert("a", 5);
  insert("b", 5);
  EXPECT_EQ(pool_.runs.size(), 2u);
  const auto free = insert("c", 5);
  EXPECT_EQ(pool_.runs.size(), 3u);
  EXPECT_TRUE(pool_.runs.contains(free[0]));
}

// Tasks whose runs are so short that more is sent ahead before the last has ended.
class Flood : public ExecutorTest {
 protected:
  // The run that was handed over first takes a millisecond; its task.
  std::string run_next() {
    while (!pool_.runs.contains(pool_.order.at(next_)) || pool_.order[next_] == endless_) ++next_;
    const auto task = pool_.runs.at(pool_.order[next_]).request.task;
    run(pool_.order[next_], 1ms);
    return task;
  }
  void run_some(int count) {
    for (int i = 0; i < count; ++i) run_next();
  }
  int runs_before(const std::string& task) {
    for (int runs = 0; runs < 200; ++runs)
      if (run_next() == task) return runs;
    return 200;
  }
  void expect_turns(const std::vector<std::string>& tasks) {
    const int each = 10;
    std::map<std::string, int> runs;
    for (std::size_t i = 0; i < each * tasks.size(); ++i) ++runs[run_next()];
    for (const auto& task : tasks) EXPECT_NEAR(runs[task], each, 1) << task;
  }
  static constexpr int kAhead = 20;  // milliseconds, and so runs
  JobId endless_{};

 private:
  std::size_t next_ = 0;
};

TEST_F(Flood, TasksThatAlwaysHaveMoreShareTheStarts) {
  executor_.set_running(1);
  set({task("a"), task("b"), task("c")});
  insert("a", 300);
  run_some(5);
  ASSERT_GT(executor_.load().claimed, 10) << "it is no flood";
  insert("b", 300);
  insert("c", 300);
  EXPECT_LE(runs_before("b"), kAhead) << "what had been sent ahead";
  expect_turns({"a", "b", "c"});
}

TEST_F(Flood, TasksOfOneQueueShareItsStarts) {
  auto first = task("a");
  auto second = task("b");
  first.queue = second.queue = "slow";
  executor_.set_queues({{"slow", 1}});
  set({first, second});
  insert("a", 300);
  run_some(5);
  ASSERT_GT(executor_.load().claimed, 10) << "it is no flood";
  insert("b", 300);
  EXPECT_LE(runs_before("b"), kAhead);
  expect_turns({"a", "b"});
}

TEST_F(Flood, ATaskThatMayHaveEveryStartLetsOneGo) {
  set({task("a", 3), task("b"), task("c")});
  insert("a", 300);
  run_some(5);
  ASSERT_GT(executor_.load().claimed, 10) << "it is no flood";
  insert("b");
  EXPECT_LE(runs_before("b"), kAhead);
  run_some(5);
  EXPECT_GT(executor_.load().claimed, 10) << "nobody waits any more";
  insert("c");
  EXPECT_LE(runs_before("c"), kAhead);
}

TEST_F(Flood, MoreTasksThanStartsAreAllServed) {
  set({task("a"), task("b"), task("c"), task("d")});  // three may run
  for (const char* each : {"a", "b", "c"}) insert(each, 300);
  run_some(20);
  insert("d");
  EXPECT_LE(runs_before("d"), 3 * kAhead);
}

TEST_F(Flood, WhoWaitsForItsQueueKeepsNobodyElseFromSendingAhead) {
  auto first = task("x");
  auto second = task("y");
  first.queue = second.queue = "slow";
  executor_.set_queues({{"slow", 1}});
  set({task("a"), first, second});
  insert("a", 300);
  run_some(5);
  endless_ = insert("x").front();
  insert("y");
  run_some(50);
  EXPECT_GT(executor_.load().claimed, 10);
}

TEST_F(ExecutorTest, AClaimThatFailedLeavesItsStartsToThoseThatWait) {
  executor_.set_running(1);
  set({task("a"), task("b")});
  insert("a");
  end(pool_.runs.begin()->first);
  // In one turn: "a" asks, and gets an error; "b" finds its start taken, and waits for one.
  store_.run_now([&](Unit& unit) { return insert_job(unit, {.task = "b"}, queue_.now()).id; });
  store_.fail_next(Error(Code::io, "disk full"), 1);
  executor_.ready("a");
  executor_.ready("b");
  loop_.drain();
  ASSERT_EQ(pool_.runs.size(), 1u);
  EXPECT_EQ(pool_.runs.begin()->second.request.task, "b");
}

TEST_F(ExecutorTest, WhatIsPausedIsNotClaimedAndGoesOnWhenResumed) {
  set({task("work"), task("free")});
  queue_.set_paused(Pausable::task, "work", true, {});
  loop_.drain();
  const auto id = insert("work").at(0);
  EXPECT_THAT(pool_.order, IsEmpty());
  queue_.set_paused(Pausable::task, "work", false,
                    [this](Result<bool>) { executor_.look_again(); });
  loop_.drain();
  EXPECT_THAT(pool_.order, ElementsAre(id));
}

TEST_F(ExecutorTest, WhatIsOnItsWayAsItsTaskIsPausedGoesBackAtNoCost) {
  set({task("work")});
  std::optional<JobId> id;
  const auto note = [&](Result<std::vector<Inserted>> inserted) { id = inserted.value().at(0).id; };
  // Both are written in one commit: room is offered before anybody has heard of the pause.
  queue_.set_paused(Pausable::task, "work", true, {});
  queue_.insert({{.task = "work"}}, note);
  loop_.drain();
  EXPECT_THAT(pool_.order, IsEmpty()) << "it begins after its task was said to be paused";
  EXPECT_EQ(show(*id).state, JobState::available);
  EXPECT_EQ(show(*id).attempt, 0);
  EXPECT_EQ(executor_.load().claimed, 0);
  queue_.set_paused(Pausable::task, "work", false,
                    [this](Result<bool>) { executor_.look_again(); });
  loop_.drain();
  EXPECT_THAT(pool_.order, ElementsAre(*id));
}

TEST_F(ExecutorTest, WhatIsClaimedAsItsSystemGoesAwayIsTakenWhenItIsBack) {
  const auto id = insert("needs").at(0);
  auto needs = task("needs");
  needs.waits_for = {"gitea"};
  executor_.set_tasks({{"needs", needs}});  // asks for a claim
  executor_.set_available("gitea", false);
  loop_.drain();
  EXPECT_THAT(pool_.order, IsEmpty());
  EXPECT_EQ(show(id).attempt, 0);
  executor_.set_available("gitea", true);
  loop_.drain();
  EXPECT_THAT(pool_.order, ElementsAre(id));
}

TEST_F(ExecutorTest, ARateLimitedTaskGoesOnWhenItMay) {
  auto limited = task("work", 3);
  limited.rate = {.runs = 2, .per = 1min};
  set({limited});
  const auto ids = insert("work", 4);
  EXPECT_THAT(pool_.order, ElementsAre(ids[0], ids[1]));
  end(ids[0]);
  end(ids[1]);
  EXPECT_EQ(pool_.order.size(), 2u);
  loop_.advance(1min);
  EXPECT_THAT(pool_.order, ElementsAre(ids[0], ids[1], ids[2], ids[3]));
}

}  // namespace
}  // namespace host
