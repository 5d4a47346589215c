// SPDX-License-Identifier: Apache-2.0
#include "app/plan.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;
using ::testing::UnorderedElementsAre;

class PlanTest : public ::testing::Test {
 protected:
  PlanTest() {
    paths_.home = "/home/op";
    paths_.timmy_home = "/home/op/.timmy";
    paths_.hermes_home = "/home/op/.hermes";
    paths_.config = paths_.timmy_home;
    paths_.run = "/home/op/.timmy/run";
    entry_.id = "watch";
    entry_.state = PluginState::ready;
    entry_.manifest.emplace();
    entry_.manifest->config_schema = Json::parse(R"({"properties": {
        "stamp_dir": {"type": "string", "format": "path"},
        "note": {"type": "string"},
        "more": {"type": "array", "items": {"properties": {"file": {"format": "path"}}}}}})");
    const Fd fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
    entry_.image = PluginImage::copy_of(fd.get(), "watch.so");
    PluginTask task;
    task.spec.name = "watch_task";
    task.spec.schedule = "every: 90s";
    task.spec.concurrency = 2;
    task.spec.retry.max_attempts = 3;
    entry_.tasks = {task};
  }
  Paths paths_;
  PluginEntry entry_;
  HostConfig config_ = [] {
    HostConfig config;
    config.host_name = "allegro";
    return config;
  }();
};

TEST_F(PlanTest, OnlyWhatIsReadyRunsAndOnlyWhatHasAScheduleIsScheduled) {
  PluginTask on_demand;
  on_demand.spec.name = "watch_now";
  entry_.tasks.push_back(on_demand);
  PluginEntry refused = entry_;
  refused.state = PluginState::quarantined;
  refused.tasks[0].spec.name = "other_task";
  const auto plan = make_plan({entry_, refused}, paths_, config_);
  EXPECT_THAT(plan.tasks, UnorderedElementsAre(Key("watch_task"), Key("watch_now")));
  ASSERT_EQ(plan.schedule.size(), 1u);
  EXPECT_EQ(plan.schedule[0].task, "watch_task");
  EXPECT_EQ(plan.schedule[0].prototype.max_attempts, 3);
  EXPECT_EQ(plan.schedule[0].concurrency, 2);
}

TEST_F(PlanTest, ATasksTokensGoOnThePipelineOfItsPluginOrElseOnItsOwn) {
  EXPECT_EQ(make_plan({entry_}, paths_, config_).pipelines.at("watch_task"), "watch_task");
  config_.plugins["watch"].pipeline = "nightly";
  const auto plan = make_plan({entry_}, paths_, config_);
  EXPECT_EQ(plan.pipelines.at("watch_task"), "nightly");
  EXPECT_THAT(plan.tasks.at("watch_task").waits_for, ElementsAre(pipeline_system("nightly")))
      << "so that its pause holds the task back";
}

TEST_F(PlanTest, KnowsWhoseGrantsLeadPastTheMeter) {
  config_.model.routes["main"] = {
      .url = "https://api.example.org/v1", .provider = "acme", .credential = {}, .models = {}};
  EXPECT_THAT(make_plan({entry_}, paths_, config_).bypassing, ElementsAre());
  config_.plugins["watch"].grants = {{"http", {"api.example.org:443"}}};
  EXPECT_THAT(make_plan({entry_}, paths_, config_).bypassing, ElementsAre("watch"));
}

TEST_F(PlanTest, AnEventStartsTheTasksThatAskForItWhereTheirPluginMayRead) {
  entry_.tasks[0].spec.events = {"issues", "push"};
  entry_.grants = Grants::from({{"gitea.read", {"org/*"}}});
  const auto plan = make_plan({entry_}, paths_, config_);
  const auto jobs = event_jobs(plan, {.kind = "issues",
                                      .action = "opened",
                                      .repo = "org/app",
                                      .number = 7,
                                      .ref = {},
                                      .sender = {}});
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(jobs[0].task, "watch_task");
  EXPECT_EQ(jobs[0].source, "webhook");
  EXPECT_EQ(jobs[0].max_attempts, 3);
  EXPECT_EQ(jobs[0].unique_key, "event org/app#7");
  EXPECT_EQ(Json::parse(jobs[0].payload),
            Json::parse(R"({"event": "issues", "action": "opened", "repo": "org/app", "number": 7,
                            "ref": ""})"));
  EXPECT_TRUE(event_jobs(plan, {.kind = "issues", .repo = "other/app", .number = 7}).empty());
  EXPECT_TRUE(event_jobs(plan, {.kind = "status", .repo = "org/app"}).empty());
}

TEST_F(PlanTest, AnEventOfARenamedRepositoryIsToldByTheNameThatIsGranted) {
  entry_.tasks[0].spec.events = {"issues"};
  entry_.grants = Grants::from({{"gitea.read", {"org/app"}}});
  const auto plan = make_plan({entry_}, paths_, config_);
  const ForgeEvent event{.kind = "issues", .repo = "org/web", .number = 7};
  EXPECT_TRUE(event_jobs(plan, event).empty());
  EXPECT_TRUE(event_jobs(plan, event, {"org/other"}).empty());
  const auto jobs = event_jobs(plan, event, {"org/other", "org/app"});
  ASSERT_EQ(jobs.size(), 1u);
  EXPECT_EQ(Json::parse(jobs[0].payload)["repo"], "org/app");
  EXPECT_EQ(jobs[0].unique_key, "event org/app#7") << "joins what waits under the old name";

  entry_.grants = Grants::from({{"gitea.read", {"org/app", "org/web"}}});
  const auto both = make_plan({entry_}, paths_, config_);
  EXPECT_EQ(Json::parse(event_jobs(both, event, {"org/app"}).at(0).payload)["repo"], "org/web");
}

TEST_F(PlanTest, EventsOfOneObjectShareAKeyPushesOfARefAndStatusesOfACommit) {
  entry_.tasks[0].spec.events = {"issues", "issue_comment", "push", "status"};
  entry_.grants = Grants::from({{"gitea.read", {"*"}}});
  const auto plan = make_plan({entry_}, paths_, config_);
  const auto key = [&](const ForgeEvent& event) {
    return event_jobs(plan, event).at(0).unique_key;
  };
  EXPECT_EQ(key({.kind = "issues", .repo = "o/a", .number = 7}),
            key({.kind = "issue_comment", .repo = "o/a", .number = 7}));
  EXPECT_NE(key({.kind = "push", .repo = "o/a", .ref = "refs/heads/x"}),
            key({.kind = "push", .repo = "o/a", .ref = "refs/heads/y"}));
  const ForgeEvent status{.kind = "status", .repo = "o/a", .ref = "c0ffee"};
  EXPECT_EQ(key(status), key(status));
  EXPECT_NE(key(status), key({.kind = "status", .repo = "o/a", .ref = "facade"}));
  EXPECT_EQ(Json::parse(event_jobs(plan, status).at(0).payload)["ref"], "c0ffee");
}

TEST_F(PlanTest, AWorkerGetsTheConfigAndTheGrantedPathsOfItsPlugin) {
  entry_.grants = Grants::from({{"fs.write", {"/srv/stamps"}}, {"fs.read", {"/srv/sessions"}}});
  entry_.config = {{"stamp_dir", "/srv/stamps"}};
  const auto plan = make_plan({entry_}, paths_, config_);
  const auto& worker = *plan.tasks.at("watch_task").worker;
  EXPECT_THAT(worker.writable, ElementsAre("/srv/stamps"));
  EXPECT_THAT(worker.readable, ElementsAre("/srv/sessions"));
  EXPECT_EQ(Json::parse(worker.config_json), entry_.config);
}

TEST_F(PlanTest, WhatTheSchedulerWouldRefuseIsTurnedAwayBefore) {
  entry_.tasks[0].spec.overlap = Overlap::buffer_all;  // and runs twice at once
  std::vector<PluginEntry> entries{entry_};
  refuse_unschedulable(entries);
  EXPECT_EQ(entries[0].state, PluginState::refused) << "not host.yaml's fault";
  EXPECT_NE(entries[0].reason, "");
  EXPECT_TRUE(make_plan(entries, paths_, config_).tasks.empty());
}

TEST_F(PlanTest, ChangedGrantsConfigOrAnAbsentPluginRetireItsWorkers) {
  const auto plan = make_plan({entry_}, paths_, config_);
  EXPECT_THAT(changed_plugins(plan, make_plan({entry_}, paths_, config_)), ElementsAre());
  EXPECT_THAT(changed_plugins(plan, Plan{}), ElementsAre("watch"));
  PluginEntry other = entry_;
  other.grants = Grants::from({{"gitea.read", {"org/app"}}});
  EXPECT_THAT(changed_plugins(plan, make_plan({other}, paths_, config_)), ElementsAre("watch"));
  other = entry_;
  other.config = {{"note", "new"}};
  EXPECT_THAT(changed_plugins(plan, make_plan({other}, paths_, config_)), ElementsAre("watch"));
}

TEST_F(PlanTest, WhatAPluginMayWriteGoesWithItsGrants) {
  entry_.writes = {.most = 7, .dry_run = true};
  const auto plan = make_plan({entry_}, paths_, config_);
  EXPECT_EQ(plan.writes.at("watch").most, 7);
  EXPECT_TRUE(plan.writes.at("watch").dry_run);
}

TEST_F(PlanTest, AFreshTaskGetsWorkersOfItsOwn) {
  entry_.tasks[0].spec.fresh_process = true;
  EXPECT_TRUE(make_plan({entry_}, paths_, config_).tasks.at("watch_task").worker->fresh);
}

}  // namespace
}  // namespace host
