// SPDX-License-Identifier: Apache-2.0
#include "app/report.hpp"

#include <gtest/gtest.h>

#include "app/enforcement.hpp"

namespace host {
namespace {

PluginEntry ready_entry() {
  PluginEntry entry;
  entry.id = "watch";
  entry.state = PluginState::ready;
  entry.manifest.emplace();
  entry.manifest->version = "1.2.0";
  entry.manifest->needs = {{"gitea.read", {"org/*"}, true, "to look"}};
  entry.grants = Grants::from({{"gitea.read", {"org/app"}}});
  PluginTask task;
  task.spec.name = "watch_task";
  task.spec.schedule = "0 12 * * *";
  entry.tasks = {task};
  return entry;
}

// A machine's cage with, or without, Landlock.
CageReport cage(bool landlock = true) {
  CageReport report;
  report.layers = {{"landlock", landlock, landlock ? "ABI 2" : "no such kernel"},
                   {"seccomp", true, ""}};
  return report;
}

const WallTime kNoon{std::chrono::sys_days{std::chrono::January / 5 / 2026} +
                     std::chrono::hours(12)};

TEST(TasksReport, ATaskThatRunsHasItsTimes) {
  const Json rows = tasks_report(
      {ready_entry()},
      [](const PluginTask& task) { return times_by_schedule(task, "allegro", kNoon); }, cage());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["task"], "watch_task");
  EXPECT_EQ(rows[0]["version"], "1.2.0");
  EXPECT_EQ(rows[0]["state"], "ready");
  EXPECT_EQ(rows[0]["next_run"], "2026-01-06T12:00:00Z");
  EXPECT_EQ(rows[0]["last_run"], nullptr);
}

TEST(TasksReport, ARefusedPluginIsListedWithItsTasksAndWhatMendsIt) {
  auto entry = ready_entry();
  entry.state = PluginState::refused;
  entry.reason = "built for ABI 1.6";
  entry.fix = "upgrade timmy-host";
  entry.code = Refusal::host_too_old;
  entry.enabled_at = "host.yaml:3:19";
  const Json rows = tasks_report(
      {entry}, [](const PluginTask&) -> TaskTimes { throw "not asked"; }, cage());
  EXPECT_EQ(rows[0]["task"], "watch_task");
  EXPECT_EQ(rows[0]["next_run"], nullptr);
  EXPECT_EQ(rows[0]["reason"], "built for ABI 1.6");
  EXPECT_EQ(rows[0]["fix"], "upgrade timmy-host");
  EXPECT_EQ(rows[0]["code"], "host_too_old");
  EXPECT_EQ(rows[0]["enabled_at"], "host.yaml:3:19");
}

TEST(TasksReport, AFileThatCanNotBeReadIsALineOfItsOwn) {
  PluginEntry entry;
  entry.id = "broken";
  entry.path = "/plugins/broken.so";
  entry.reason = "is empty";
  const Json rows = tasks_report(
      {entry}, [](const PluginTask&) { return TaskTimes{}; }, cage());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["task"], "");
  EXPECT_EQ(rows[0]["path"], "/plugins/broken.so");
}

TEST(PluginsReport, SaysWhichBytesTheyAreAndWhoSignedThemAlsoOfARefusedOne) {
  auto entry = ready_entry();
  entry.state = PluginState::refused;
  entry.sha256 = "00ff";
  entry.signed_by = "alice";
  const Json rows = plugins_report({entry, ready_entry()}, cage());
  EXPECT_EQ(rows[0]["sha256"], "00ff");
  EXPECT_EQ(rows[0]["signed_by"], "alice");
  EXPECT_EQ(rows[1]["signed_by"], "");
}

TEST(PluginsReport, SaysWhichEventsStartATask) {
  auto entry = ready_entry();
  entry.tasks[0].spec.events = {"issues", "push"};
  const Json rows = plugins_report({entry, ready_entry()}, cage());
  EXPECT_EQ(rows[0]["events"], (Json{{entry.tasks[0].spec.name, {"issues", "push"}}}));
  EXPECT_EQ(rows[1]["events"], Json::object());
}

TEST(PluginsReport, ShowsWhatIsAskedForBesideWhatIsGranted) {
  const Json asked{{"grant", "gitea.read"},  {"required", true},       {"why", "to look"},
                   {"suggested", {"org/*"}}, {"granted", {"org/app"}}, {"enforced_by", "host"},
                   {"in_force", true}};
  EXPECT_EQ(plugins_report({ready_entry()}, cage())[0]["needs"], Json::array({asked}));
  const auto none = [](const PluginTask&) { return TaskTimes{}; };
  EXPECT_EQ(tasks_report({ready_entry()}, none, cage())[0]["needs"], Json::array({asked}));
}

PluginEntry writing_entry() {
  auto entry = ready_entry();
  entry.manifest->needs.push_back({"fs.write", {"/data"}, true, "to keep"});
  entry.manifest->needs.push_back({"http", {}, false, "to call"});
  entry.grants = Grants::from({{"gitea.read", {"org/app"}}, {"fs.write", {"/data"}}});
  return entry;
}

TEST(PluginsReport, SaysWhichLayerEnforcesAGrantAndWhetherThisMachineHasIt) {
  const auto in_force = [&](const CageReport& cage) {
    return plugins_report({writing_entry()}, cage)[0]["in_force"];
  };
  const Json whole = in_force(cage());
  EXPECT_EQ(whole["gitea.read"],
            (Json{{"values", {"org/app"}}, {"enforced_by", "host"}, {"in_force", true}}));
  EXPECT_EQ(whole["fs.write"],
            (Json{{"values", {"/data"}}, {"enforced_by", "landlock"}, {"in_force", true}}));
  const Json without = in_force(cage(false));
  EXPECT_EQ(without["fs.write"]["in_force"], false);
  EXPECT_EQ(without["gitea.read"]["in_force"], true);
}

TEST(Enforcement, AMachineWhoseWorkerCanNotBeAskedEnforcesNothing) {
  const auto unknown = look_at_cage("/nowhere/timmy-worker");
  EXPECT_FALSE(in_force("fs.write", unknown));
  ASSERT_EQ(cage_json(unknown).size(), 1u);
  EXPECT_EQ(cage_json(unknown)[0]["name"], "all");
  EXPECT_EQ(cage_json(unknown)[0]["in_force"], false);
  EXPECT_NE(unknown.missing(), "");
}

TEST(Enforcement, OneLineSaysWhatWasAskedForGrantedAndByWhomItIsEnforced) {
  EXPECT_EQ(enforcement_text(writing_entry(), cage()),
            "asks for gitea.read, fs.write, http (optional); granted fs.write: /data (by "
            "Landlock); gitea.read: org/app (by the host)");
  EXPECT_EQ(enforcement_text(writing_entry(), cage(false)),
            "asks for gitea.read, fs.write, http (optional); granted fs.write: /data (NOT in "
            "force: no Landlock here); gitea.read: org/app (by the host)");
  auto entry = ready_entry();
  entry.grants = Grants();
  EXPECT_EQ(enforcement_text(entry, cage()), "asks for gitea.read; granted nothing");
  entry.manifest->needs.clear();
  EXPECT_EQ(enforcement_text(entry, cage()), "");
}

}  // namespace
}  // namespace host
