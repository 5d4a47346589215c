// SPDX-License-Identifier: Apache-2.0
#include "app/report.hpp"

#include <gtest/gtest.h>

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

const WallTime kNoon{std::chrono::sys_days{std::chrono::January / 5 / 2026} +
                     std::chrono::hours(12)};

TEST(TasksReport, ATaskThatRunsHasItsTimes) {
  const Json rows = tasks_report({ready_entry()}, [](const PluginTask& task) {
    return times_by_schedule(task, "allegro", kNoon);
  });
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
  const Json rows =
      tasks_report({entry}, [](const PluginTask&) -> TaskTimes { throw "not asked"; });
  EXPECT_EQ(rows[0]["task"], "watch_task");
  EXPECT_EQ(rows[0]["next_run"], nullptr);
  EXPECT_EQ(rows[0]["reason"], "built for ABI 1.6");
  EXPECT_EQ(rows[0]["fix"], "upgrade timmy-host");
}

TEST(TasksReport, AFileThatCanNotBeReadIsALineOfItsOwn) {
  PluginEntry entry;
  entry.id = "broken";
  entry.path = "/plugins/broken.so";
  entry.reason = "is empty";
  const Json rows = tasks_report({entry}, [](const PluginTask&) { return TaskTimes{}; });
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0]["task"], "");
  EXPECT_EQ(rows[0]["path"], "/plugins/broken.so");
}

TEST(PluginsReport, SaysWhichBytesTheyAreAndWhoSignedThemAlsoOfARefusedOne) {
  auto entry = ready_entry();
  entry.state = PluginState::refused;
  entry.sha256 = "00ff";
  entry.signed_by = "alice";
  const Json rows = plugins_report({entry, ready_entry()}, "");
  EXPECT_EQ(rows[0]["sha256"], "00ff");
  EXPECT_EQ(rows[0]["signed_by"], "alice");
  EXPECT_EQ(rows[1]["signed_by"], "");
}

TEST(PluginsReport, ShowsWhatIsAskedForBesideWhatIsGranted) {
  const Json rows = plugins_report({ready_entry()}, "seccomp (no such kernel)");
  EXPECT_EQ(rows[0]["needs"][0], (Json{{"grant", "gitea.read"},
                                       {"required", true},
                                       {"why", "to look"},
                                       {"suggested", {"org/*"}},
                                       {"granted", {"org/app"}}}));
}

TEST(PluginsReport, SaysWhichLayerEnforcesAGrantAndWhetherThisMachineHasIt) {
  auto entry = ready_entry();
  entry.grants = Grants::from({{"gitea.read", {"org/app"}}, {"fs.write", {"/data"}}});
  const auto in_force = [&](const std::optional<std::string>& lacking) {
    return plugins_report({entry}, lacking)[0]["in_force"];
  };
  const Json whole = in_force("");
  EXPECT_EQ(whole["gitea.read"],
            (Json{{"values", {"org/app"}}, {"enforced_by", "host"}, {"in_force", true}}));
  EXPECT_EQ(whole["fs.write"],
            (Json{{"values", {"/data"}}, {"enforced_by", "landlock"}, {"in_force", true}}));
  const Json without = in_force("landlock (no such kernel)");
  EXPECT_EQ(without["fs.write"]["in_force"], false);
  EXPECT_EQ(without["gitea.read"]["in_force"], true);
  EXPECT_EQ(in_force(std::nullopt)["fs.write"]["in_force"], nullptr);
}

}  // namespace
}  // namespace host
