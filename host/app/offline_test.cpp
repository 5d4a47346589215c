// SPDX-License-Identifier: Apache-2.0
#include "app/offline.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "app/installation.hpp"
#include "app/set_aside.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A TIMMY_HOME that no host runs on, with the plugins of this build.
class OfflineTest : public ::testing::Test {
 protected:
  void write_config(const std::string& yaml) { std::ofstream(paths_.host_yaml()) << yaml; }
  Json plugin(const std::string& id) {
    const Json report = offline_plugins(paths_.host_yaml(), "testhost", paths_, dirs_);
    warnings_ = report["warnings"].get<std::vector<std::string>>();
    for (const auto& row : report["plugins"])
      if (row["id"] == id) return row;
    return {};
  }
  ConfigCheck check() { return offline_check(paths_.host_yaml(), "testhost", paths_, dirs_); }
  void install(const std::string& from, const std::string& as) {
    std::filesystem::create_directory(folder_ / "more");
    std::filesystem::copy_file(Installation::find().plugins / from, folder_ / "more" / as);
    dirs_ = {folder_ / "more"};
  }

  TestFolder folder_;
  Paths paths_ = Paths::from(
      Environment({{"HOME", folder_.path().string()}, {"TIMMY_HOME", folder_.path().string()}}));
  std::vector<std::filesystem::path> dirs_;
  std::vector<std::string> warnings_;
};

constexpr const char* kHeartbeat =
    "defaults: { plugins: { heartbeat: { enabled: true,\n"
    "  grants: { gitea.read: [whoami], fs.write: [$TIMMY_HOME/stamps] } } } }\n";

TEST_F(OfflineTest, WhatTheLastHostSetAsideIsListedAsSuch) {
  write_config(kHeartbeat);
  EXPECT_EQ(plugin("heartbeat")["state"], "ready");
  set_aside(paths_, "heartbeat", Installation::find().plugins / "heartbeat.so");
  EXPECT_EQ(plugin("heartbeat")["state"], "quarantined");
  EXPECT_THAT(plugin("heartbeat")["reason"].get<std::string>(), HasSubstr("failed five times"));
  EXPECT_THAT(warnings_, Not(Contains(HasSubstr("quarantined"))));
}

TEST_F(OfflineTest, ADatabaseThatCanNotBeReadWithoutAChangeIsLeftAloneAndThatIsSaid) {
  write_config(kHeartbeat);
  set_aside(paths_, "heartbeat", Installation::find().plugins / "heartbeat.so");
  std::ofstream(paths_.database().string() + "-wal") << "of a host that was killed";
  EXPECT_EQ(plugin("heartbeat")["state"], "ready");
  EXPECT_THAT(warnings_, Contains(AllOf(HasSubstr("quarantined was not looked at"),
                                        HasSubstr("did not stop cleanly"))));
}

TEST_F(OfflineTest, TheCageIsLookedAtWithoutAHostToo) {
  write_config(kHeartbeat);
  EXPECT_TRUE(plugin("heartbeat")["in_force"]["fs.write"]["in_force"].is_boolean());
  const Json tasks = offline_tasks(paths_.host_yaml(), "testhost", paths_, dirs_);
  EXPECT_FALSE(tasks["cage"].empty());
}

TEST_F(OfflineTest, ABanThatCouldBanNothingIsAnErrorOfTheConfigSinceNoHostStartsWithIt) {
  write_config("defaults:\n  model: { banned: { models: [\"two words\"] } }\n");
  const auto errors = check().errors;
  ASSERT_EQ(errors.size(), 1u);
  EXPECT_THAT(errors[0].where, HasSubstr("host.yaml:2:"));
  EXPECT_THAT(errors[0].message, HasSubstr("two words"));
}

TEST_F(OfflineTest, APluginThatIsEnabledHereAndRefusedIsAnErrorOfTheConfig) {
  write_config(kHeartbeat);
  EXPECT_THAT(check().errors, IsEmpty());
  install("heartbeat.so", "a.so");
  install("heartbeat.so", "b.so");
  const auto errors = check().errors;
  ASSERT_EQ(errors.size(), 2u) << "one a file";
  EXPECT_THAT(errors[0].message,
              AllOf(HasSubstr("heartbeat refused: "), HasSubstr("a.so"), HasSubstr("b.so")));
  EXPECT_THAT(errors[0].where, HasSubstr("host.yaml:1:"));
  write_config("defaults: {}\nhosts: { other: { plugins: { heartbeat: { enabled: true } } } }\n");
  EXPECT_THAT(check().errors, IsEmpty()) << "what is installed there is not known here";
}

TEST_F(OfflineTest, WithoutAConfigThatCanBeUsedWhatIsInstalledIsListedUnjudged) {
  install("heartbeat.so", "heartbeat.so");
  std::ofstream(folder_ / "more" / "broken.so");
  std::vector<std::string> states;
  const Json report = unjudged_tasks(paths_, dirs_);
  for (const auto& row : report["tasks"])
    if (row["path"].get<std::string>().starts_with((folder_ / "more").string()))
      states.push_back(row["task"].get<std::string>() + " " + row["state"].get<std::string>());
  EXPECT_THAT(states, ElementsAre(" refused", "heartbeat not judged", "heartbeat_heavy not judged",
                                  "model_health_check not judged"));
}

}  // namespace
}  // namespace host
