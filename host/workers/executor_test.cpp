// SPDX-License-Identifier: Apache-2.0
#include "workers/executor_fixture.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Kind = Verdict::Kind;

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

TEST_F(ExecutorTest, AJobWithAFreeStartIsRunningAsSoonAsItIsInserted) {
  set({task("work", 2)});
  const auto two = insert("work", 2);
  EXPECT_THAT(pool_.order, ElementsAre(two[0], two[1]));
  const auto third = insert("work");
  EXPECT_EQ(show(third[0]).state, JobState::available);
  EXPECT_EQ(show(third[0]).lease.value(), 0);
  end(two[0]);
  EXPECT_EQ(show(third[0]).state, JobState::running);
  EXPECT_EQ(executor_.load().claimed, 2);
}

TEST_F(ExecutorTest, WhatIsInsertedAsTheHostStopsGoesBack) {
  set({task("work")});
  std::optional<JobId> id;
  queue_.insert({{.task = "work"}},
                [&](Result<std::vector<Inserted>> inserted) { id = inserted.value().at(0).id; });
  EXPECT_FALSE(drain(10s) && !id) << "it forgot what is on its way";
  loop_.drain();
  EXPECT_TRUE(*drained_);
  EXPECT_THAT(pool_.order, IsEmpty());
  EXPECT_EQ(show(*id).state, JobState::available);
  EXPECT_EQ(show(*id).attempt, 0);
}

TEST_F(ExecutorTest, WhatIsInsertedAsItsTaskGoesWaits) {
  set({task("work")});
  std::optional<JobId> id;
  queue_.insert({{.task = "work"}},
                [&](Result<std::vector<Inserted>> inserted) { id = inserted.value().at(0).id; });
  executor_.set_tasks({});
  loop_.drain();
  EXPECT_EQ(show(*id).state, JobState::available);
  set({task("work")});
  EXPECT_THAT(pool_.order, ElementsAre(*id));
}

TEST_F(ExecutorTest, RoomThatWasOfferedInVainComesBack) {
  set({task("work")});
  store_.fail_next(Error(Code::io, "disk"));
  queue_.insert({{.task = "work"}}, {});
  loop_.drain();
  EXPECT_EQ(executor_.load().claimed, 0);
  const auto id = insert("work");
  EXPECT_THAT(pool_.order, ElementsAre(id[0]));
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

TEST_F(ExecutorTest, AFailedRunThatWasToldToWaitBurnsNoAttempt) {
  set({task("work")});
  const auto id = insert("work").at(0);
  hooks_.closing.wait = 30s;
  end(id, {.kind = Kind::failed, .message = "slow down"});
  EXPECT_EQ(show(id).state, JobState::scheduled);
  EXPECT_EQ(show(id).attempt, 0);
  EXPECT_EQ(show(id).due, queue_.now() + 30s);
}

TEST_F(ExecutorTest, WhatAJobWaitsForIsNotedWhereItWaitsForThatAndForNothingElse) {
  auto needs = task("needs");
  needs.waits_for = {"gitea"};
  set({needs});
  const auto noted_by = [&](const Verdict& verdict, const std::set<std::string>& away = {}) {
    bool noted = false;
    hooks_.closing.wait = 30s;
    hooks_.closing.unreachable = away;
    hooks_.closing.note_wait = [&](Unit&) { noted = true; };
    end(insert("needs").at(0), verdict);
    return noted;
  };
  EXPECT_TRUE(noted_by({.kind = Kind::failed}));
  EXPECT_FALSE(noted_by({.kind = Kind::failed}, {"gitea"})) << "it waits for the forge";
  EXPECT_FALSE(noted_by({.kind = Kind::failed, .permanent = true}));
  EXPECT_FALSE(noted_by({.kind = Kind::failed, .delay = 90s})) << "it asked for a longer wait";
  EXPECT_TRUE(noted_by({.kind = Kind::failed, .delay = 10s}));
  EXPECT_FALSE(noted_by({.kind = Kind::snoozed, .delay = 90s})) << "it waits as it likes";
  EXPECT_FALSE(noted_by({.kind = Kind::completed}));
}

TEST_F(ExecutorTest, AFailedRunThatAsksForALongerWaitThanItWasToldGetsIt) {
  set({task("work")});
  const auto id = insert("work").at(0);
  hooks_.closing.wait = 30s;
  end(id, {.kind = Kind::failed, .message = "slow down", .delay = 90s});
  EXPECT_EQ(show(id).due, queue_.now() + 90s);
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

TEST_F(ExecutorTest, ARunWhoseChargeThrowsEndsAsItDidAndKeepsTheRest) {
  set({task("work")});
  const auto id = insert("work").at(0);
  bool kept = false;
  hooks_.closing.charge = [](Unit&) { throw Error(Code::corrupt, "no such account"); };
  hooks_.closing.commit = [&](Unit&) { kept = true; };
  end(id);
  EXPECT_EQ(show(id).state, JobState::completed);
  EXPECT_TRUE(kept);
  EXPECT_THAT(*lines_, testing::Contains(HasSubstr("is not charged")));
}

TEST_F(ExecutorTest, ARunWhoseWaitCantBeNotedWaitsAllTheSame) {
  set({task("work")});
  const auto id = insert("work").at(0);
  hooks_.closing.wait = 30s;
  hooks_.closing.note_wait = [](Unit&) { throw Error(Code::corrupt, "no such table"); };
  end(id, {.kind = Kind::failed});
  EXPECT_EQ(show(id).state, JobState::scheduled);
  EXPECT_EQ(show(id).due, queue_.now() + 30s);
}

TEST_F(ExecutorTest, ARunAllOfWhoseEndIsRefusedKeepsNoJobRunning) {
  set({task("work")});
  const auto id = insert("work").at(0);
  const auto no = [](Unit&) { throw Error(Code::corrupt, "no"); };
  hooks_.closing.charge = no;
  hooks_.closing.commit = no;
  hooks_.closing.followers = {{.job = {.task = "next", .priority = 99}, .when = FollowOn::always}};
  end(id);
  EXPECT_EQ(show(id).state, JobState::retryable);
  EXPECT_THAT(hooks_.ended, ElementsAre("work 1 failed retryable"));
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
