// SPDX-License-Identifier: Apache-2.0
#include "workers/executor.hpp"

#include <gmock/gmock.h>

#include "base/fake_loop.hpp"
#include "queue/job_table.hpp"
#include "store/inline_store.hpp"

namespace host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Kind = Verdict::Kind;
using namespace std::chrono_literals;

// A pool whose runs begin and end when the test says.
class FakePool final : public Pool {
 public:
  struct Run {
    RunRequest request;
    OnBegun on_begun;
    OnOutcome on_outcome;
  };
  explicit FakePool(Loop& loop) : loop_(loop) {}

  void submit(std::shared_ptr<const WorkerSpec>, RunRequest request, OnBegun on_begun,
              OnOutcome on_outcome) override {
    const auto run = request.run;
    order.push_back(run.job);
    runs.emplace(run.job, Run{std::move(request), std::move(on_begun), std::move(on_outcome)});
  }
  void cancel(RunId run, bool) override { cancelled.push_back(run.job); }
  void interrupt_all() override {
    interrupted = true;
    while (!runs.empty()) end(runs.begin()->first, {.verdict = {.kind = Kind::interrupted}});
  }

  void begin(JobId job) { loop_.post(runs.at(job).on_begun); }
  void end(JobId job, RunOutcome outcome) {
    auto run = std::move(runs.extract(job).mapped());
    loop_.post([done = std::move(run.on_outcome), outcome = std::move(outcome)] { done(outcome); });
  }

  std::map<JobId, Run> runs;  // submitted, not ended
  std::vector<JobId> order;
  std::vector<JobId> cancelled;
  bool interrupted = false;

 private:
  Loop& loop_;
};

class FakeHooks final : public RunHooks {
 public:
  void opened(const ClaimedJob& job, const RunnableTask&) override { open.insert(job.run.job); }
  void begun(RunId) override {}
  [[nodiscard]] Closing closed(RunId run) override {
    open.erase(run.job);
    return std::exchange(closing, {});
  }
  void finished(JobId job, const RunnableTask& task, const Verdict& verdict,
                JobState state) override {
    ended.push_back(task.name + " " + std::to_string(job.value()) + " " +
                    std::string(name(verdict.kind)) + " " + std::string(name(state)));
  }

  void unmade(const RunnableTask& task, const Verdict& refusal) override {
    refused.push_back(task.name + ": " + refusal.message);
  }

  std::set<JobId> open;
  std::vector<std::string> refused;
  Closing closing;  // of the next run that ends
  std::vector<std::string> ended;
};

class ExecutorTest : public testing::Test {
 protected:
  ExecutorTest() {
    queue_.set_ready_handler([this](const std::string& task) { executor_.ready(task); });
    queue_.recover([](Result<Recovery> recovery) { EXPECT_TRUE(recovery.ok()); });
    loop_.drain();
  }

  static RunnableTask task(const std::string& name, int concurrency = 1) {
    return {.name = name,
            .plugin = "plugin",
            .worker = std::make_shared<WorkerSpec>(),
            .timeout = 1min,
            .retry = {},
            .concurrency = concurrency,
            .waits_for = {}};
  }
  void set(const std::vector<RunnableTask>& tasks) {
    std::map<std::string, RunnableTask> map;
    for (const auto& each : tasks) map.emplace(each.name, each);
    executor_.set_tasks(std::move(map));
    loop_.drain();
  }
  std::vector<JobId> insert(const std::string& task, int count = 1) {
    std::vector<JobId> ids;
    queue_.insert(std::vector<NewJob>(static_cast<std::size_t>(count), NewJob{.task = task}),
                  [&](Result<std::vector<Inserted>> inserted) {
                    for (const auto& each : inserted.value()) ids.push_back(each.id);
                  });
    loop_.drain();
    return ids;
  }
  void end(JobId job, Verdict verdict = {.kind = Kind::completed}) {
    pool_.end(job, {.verdict = std::move(verdict)});
    loop_.drain();
  }
  // A run that takes `took`.
  void run(JobId job, Duration took) {
    pool_.begin(job);
    loop_.drain();
    loop_.advance(took);
    end(job);
  }
  Job show(JobId id) {
    return store_.run_now([&](Unit& unit) { return read_job(unit, id).job; });
  }
  bool drain(Duration grace) {
    auto drained = std::make_shared<bool>(false);
    executor_.drain(grace, [drained] { *drained = true; });
    loop_.drain();
    drained_ = drained;
    return *drained;
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  Log log_ = Log::to_memory(lines_);
  Queue queue_{store_, loop_, log_};
  FakePool pool_{loop_};
  FakeHooks hooks_;
  Executor executor_{queue_, pool_, hooks_, loop_, log_, {.running = 3}};
  std::shared_ptr<bool> drained_;
};

TEST_F(ExecutorTest, WhileToldNotToClaimNothingStartsAndWhatRunsEnds) {
  set({task("a", 2)});
  const auto first = insert("a");
  executor_.set_claiming(false);
  const auto second = insert("a");
  EXPECT_EQ(show(second.front()).state, JobState::available);
  end(first.front());
  EXPECT_EQ(show(first.front()).state, JobState::completed);
  EXPECT_EQ(show(second.front()).state, JobState::available);
  executor_.set_claiming(true);
  loop_.drain();
  EXPECT_EQ(show(second.front()).state, JobState::running);
}

TEST_F(ExecutorTest, RunsAJobAndWritesItsEnd) {
  set({task("work")});
  const auto id = insert("work").at(0);
  ASSERT_THAT(pool_.order, ElementsAre(id));
  EXPECT_TRUE(hooks_.open.contains(id));
  end(id);
  EXPECT_EQ(show(id).state, JobState::completed);
  EXPECT_THAT(hooks_.ended, ElementsAre("work 1 completed completed"));
  EXPECT_FALSE(hooks_.open.contains(id));
  EXPECT_EQ(executor_.load().claimed, 0);
}

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

TEST_F(ExecutorTest, HoldsWhatWaitsForASystemThatIsAway) {
  auto needs = task("needs");
  needs.waits_for = {"gitea"};
  executor_.set_available("gitea", false);
  set({needs, task("free")});
  const auto waiting = insert("needs").at(0);
  const auto going = insert("free").at(0);
  EXPECT_THAT(pool_.order, ElementsAre(going));
  EXPECT_EQ(show(waiting).state, JobState::available);
  executor_.set_available("gitea", true);
  loop_.drain();
  EXPECT_THAT(pool_.order, ElementsAre(going, waiting));
}

TEST_F(ExecutorTest, ARunThatFoundItsSystemAwayBurnsNoAttempt) {
  auto needs = task("needs");
  needs.waits_for = {"gitea"};
  set({needs});
  const auto id = insert("needs").at(0);
  hooks_.closing.unreachable = {"gitea"};
  end(id, {.kind = Kind::failed, .message = "connection refused"});
  EXPECT_EQ(show(id).state, JobState::scheduled);
  EXPECT_EQ(show(id).attempt, 0);
}

TEST_F(ExecutorTest, ASystemThatTheTaskDoesNotWaitForIsNoExcuse) {
  set({task("work")});
  const auto id = insert("work").at(0);
  hooks_.closing.unreachable = {"gitea"};
  end(id, {.kind = Kind::failed});
  EXPECT_EQ(show(id).state, JobState::retryable);
  EXPECT_EQ(show(id).attempt, 1);
}

TEST_F(ExecutorTest, WhatARunStagedIsKeptOnlyWhenItCompletes) {
  set({task("work")});
  const auto ids = insert("work", 2);
  bool kept = false;
  hooks_.closing.commit = [&](Unit&) { kept = true; };
  end(ids[0], {.kind = Kind::failed});
  EXPECT_FALSE(kept);
  hooks_.closing.commit = [&](Unit&) { kept = true; };
  end(ids[1]);
  EXPECT_TRUE(kept);
}

TEST_F(ExecutorTest, ARunWhoseStagedWritesAreRefusedHasFailed) {
  set({task("work")});
  const auto id = insert("work").at(0);
  hooks_.closing.commit = [](Unit&) { throw Error(Code::too_large, "over the quota"); };
  end(id);
  EXPECT_EQ(show(id).state, JobState::retryable);
  EXPECT_THAT(hooks_.ended, ElementsAre("work 1 failed retryable"));
}

TEST_F(ExecutorTest, ARunWhoseFollowersAreRefusedHasFailedAndKeepsNoJobRunning) {
  set({task("work")});
  const auto id = insert("work").at(0);
  hooks_.closing.followers = {{.job = {.task = "next", .priority = 99}, .when = FollowOn::always}};
  end(id);
  EXPECT_EQ(show(id).state, JobState::retryable);
  EXPECT_THAT(hooks_.ended, ElementsAre("work 1 failed retryable"));
  EXPECT_THAT(*lines_, testing::Contains(HasSubstr("priority")));
}

TEST_F(ExecutorTest, AnEndThatTheStoreIsTooBusyForIsWrittenLater) {
  set({task("work")});
  const auto id = insert("work").at(0);
  store_.fail_next(Error(Code::io, "disk full"), 3);
  end(id);
  EXPECT_THAT(hooks_.ended, IsEmpty());
  loop_.advance(5s);
  EXPECT_EQ(show(id).state, JobState::completed);
}

TEST_F(ExecutorTest, AClaimThatFailedIsAskedForAgain) {
  set({task("work")});
  store_.fail_next(Error(Code::io, "disk full"), 1);
  executor_.ready("work");
  loop_.drain();
  const auto id = store_.run_now(
      [&](Unit& unit) { return insert_job(unit, {.task = "work"}, queue_.now()).id; });
  loop_.advance(2s);
  EXPECT_THAT(pool_.order, ElementsAre(id));
}

TEST_F(ExecutorTest, AJobThatNeverBeganGoesBackAndIsTakenAgain) {
  set({task("work")});
  const auto id = insert("work").at(0);
  pool_.end(id, {.not_begun = true, .verdict = {}});
  loop_.drain();
  EXPECT_THAT(pool_.order, ElementsAre(id, id));
  EXPECT_EQ(show(id).attempt, 1);
  EXPECT_THAT(hooks_.ended, IsEmpty());
}

TEST_F(ExecutorTest, APluginThatCannotBeMadeCostsItsJobsNothingAndGetsNoMore) {
  auto first = task("work");
  auto second = task("more");
  auto other = task("other");
  const auto image = [](const char* sha) {
    auto spec = std::make_shared<WorkerSpec>();
    spec->image = std::make_shared<PluginImage>(Fd(), sha, "x.so", 0);
    return spec;
  };
  first.worker = second.worker = image("aa");
  other.worker = image("bb");
  set({first, second, other});
  const auto id = insert("work").at(0);
  pool_.end(id, {.verdict = {.kind = Kind::failed, .permanent = true, .message = "no symbol"},
                 .unmade = true});
  loop_.drain();
  EXPECT_THAT(hooks_.refused, ElementsAre("work: no symbol"));
  EXPECT_EQ(show(id).state, JobState::available);
  EXPECT_EQ(show(id).attempt, 0);
  EXPECT_THAT(hooks_.ended, IsEmpty());
  insert("more");
  const auto going = insert("other").at(0);
  EXPECT_THAT(pool_.order, ElementsAre(id, going)) << "both tasks are of that plugin";

  set({first});
  EXPECT_THAT(pool_.order, ElementsAre(id, going, id));
}

TEST_F(ExecutorTest, APluginThatCannotBeMadeYetIsAFailureOfItsJob) {
  set({task("work")});
  const auto id = insert("work").at(0);
  pool_.end(id, {.verdict = {.kind = Kind::failed}, .unmade = true});
  loop_.drain();
  EXPECT_THAT(hooks_.refused, IsEmpty());
  EXPECT_EQ(show(id).state, JobState::retryable);
  EXPECT_EQ(show(id).attempt, 1);
}

TEST_F(ExecutorTest, AJobThatWasCancelledBeforeItBeganIsOver) {
  set({task("work")});
  const auto id = insert("work").at(0);
  queue_.cancel(id, {});
  EXPECT_TRUE(executor_.cancel(id));
  pool_.end(id, {.not_begun = true, .verdict = {}});
  loop_.drain();
  EXPECT_EQ(show(id).state, JobState::cancelled);
  EXPECT_THAT(hooks_.ended, ElementsAre("work 1 cancelled cancelled"));
}

TEST_F(ExecutorTest, CancelTellsTheWorkerAndWhateverFailsThenWasCancelled) {
  set({task("work")});
  const auto id = insert("work").at(0);
  EXPECT_FALSE(executor_.cancel(JobId(99)));
  EXPECT_TRUE(executor_.cancel(id));
  EXPECT_THAT(pool_.cancelled, ElementsAre(id));
  end(id, {.kind = Kind::crashed});
  EXPECT_EQ(show(id).state, JobState::cancelled);
}

TEST_F(ExecutorTest, ATaskThatIsGoneKeepsItsJobsInTheQueue) {
  set({task("work")});
  const auto ids = insert("work", 2);
  set({});
  end(ids[0]);
  EXPECT_EQ(show(ids[0]).state, JobState::completed);
  EXPECT_EQ(show(ids[1]).state, JobState::available);
}

TEST_F(ExecutorTest, DrainsWhenNothingRunsAnyMore) {
  set({task("work")});
  const auto ids = insert("work", 2);
  EXPECT_FALSE(drain(10s));
  end(ids[0]);
  EXPECT_TRUE(*drained_);
  EXPECT_FALSE(pool_.interrupted);
  EXPECT_EQ(show(ids[1]).state, JobState::available);
}

TEST_F(ExecutorTest, DrainsAtOnceWhenIdle) { EXPECT_TRUE(drain(10s)); }

TEST_F(ExecutorTest, InterruptsWhatStillRunsWhenTheGraceIsOver) {
  set({task("work")});
  const auto id = insert("work").at(0);
  EXPECT_FALSE(drain(10s));
  loop_.advance(11s);
  EXPECT_TRUE(pool_.interrupted);
  EXPECT_TRUE(*drained_);
  EXPECT_EQ(show(id).state, JobState::available);
  EXPECT_EQ(show(id).attempt, 0) << "an interruption burns no attempt";
}

TEST_F(ExecutorTest, AStoreThatTakesNothingDoesNotKeepTheHostFromStopping) {
  set({task("work")});
  const auto id = insert("work").at(0);
  store_.fail_next(Error(Code::io, "disk full"), 1000);
  EXPECT_FALSE(drain(10s));
  loop_.advance(12s);
  EXPECT_FALSE(*drained_) << "the store has a moment to recover";
  loop_.advance(10s);
  EXPECT_TRUE(*drained_);
  EXPECT_THAT(*lines_, testing::Contains(HasSubstr("could not be stored")));
  store_.fail_next(Error(Code::io, ""), 0);
  EXPECT_EQ(show(id).state, JobState::running) << "recovery's to take back";
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

TEST_F(ExecutorTest, FollowersComeWithTheEndThatTheyAreFor) {
  set({task("work"), task("on_success"), task("on_failure"), task("always")});
  const auto followers = [] {
    return std::vector<Follower>{{{.task = "on_success"}, FollowOn::success},
                                 {{.task = "on_failure"}, FollowOn::failure},
                                 {{.task = "always"}, FollowOn::always}};
  };
  const auto begun_tasks = [&] {
    std::vector<std::string> tasks;
    for (auto& [job, run] : pool_.runs) tasks.push_back(run.request.task);
    while (!pool_.runs.empty()) end(pool_.runs.begin()->first);
    return tasks;
  };
  const auto good = insert("work").at(0);
  hooks_.closing.followers = followers();
  end(good);
  EXPECT_THAT(begun_tasks(), UnorderedElementsAre("on_success", "always"));

  const auto retried = insert("work").at(0);
  hooks_.closing.followers = followers();
  end(retried, {.kind = Kind::failed});
  EXPECT_THAT(begun_tasks(), IsEmpty()) << "it has not ended";

  const auto bad = insert("work").at(0);
  hooks_.closing.followers = followers();
  end(bad, {.kind = Kind::failed, .permanent = true});
  EXPECT_THAT(begun_tasks(), UnorderedElementsAre("on_failure", "always"));
}

TEST_F(ExecutorTest, AFollowerIsDueFromItsRunsEndHoweverLongTheStoreTook) {
  set({task("work"), task("later")});
  const auto id = insert("work").at(0);
  hooks_.closing.followers = {{{.task = "later", .delay = 20s}, FollowOn::always}};
  store_.fail_next(Error(Code::io, "disk full"), 3);
  end(id);
  loop_.advance(10s);
  ASSERT_EQ(show(id).state, JobState::completed);
  loop_.advance(10s);
  EXPECT_EQ(pool_.order.size(), 2u);
}

}  // namespace
}  // namespace host
