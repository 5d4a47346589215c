// SPDX-License-Identifier: Apache-2.0
#include "app/dispatch_rules.hpp"

#include <gmock/gmock.h>

#include <fstream>

#include "app/offline.hpp"
#include "base/test_folder.hpp"
#include "dispatch/playbook_fixture.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A TIMMY_HOME with playbooks of its own.
class DispatchRulesTest : public ::testing::Test {
 protected:
  DispatchRulesTest() {
    std::filesystem::create_directories(paths_.playbooks());
    put("agent-lanes.json", dispatch::kLanes);
    put("good.yaml", dispatch::playbook_text("good"));
    put("bad.yaml", dispatch::playbook_text("bad", "colour: red\nlimits: { attempts: 99 }\n"));
  }
  void put(const std::string& name, const std::string& text) const {
    std::ofstream(paths_.playbooks() / name) << text;
  }
  LoadedRules rules_by(const std::string& playbooks) {
    std::ofstream(paths_.host_yaml()) << "defaults: { playbooks: " << playbooks << " }\n";
    const auto loaded = load_host_config(paths_.host_yaml(), "testhost", paths_,
                                         Environment(std::map<std::string, std::string>{}));
    return load_rules(loaded.config, paths_);
  }

  TestFolder folder_;
  Paths paths_ = Paths::from(
      Environment({{"HOME", folder_.path().string()}, {"TIMMY_HOME", folder_.path().string()}}));
};

TEST_F(DispatchRulesTest, TakesWhatIsOnAndLeavesTheRestOff) {
  const auto loaded = rules_by("{ good: { enabled: true, repositories: [org/app] } }");
  EXPECT_THAT(loaded.fault_lines(), IsEmpty());
  const auto* good = loaded.rules->find("good");
  ASSERT_NE(good, nullptr);
  EXPECT_TRUE(good->enabled);
  EXPECT_THAT(good->repositories, ElementsAre("org/app"));
}

TEST_F(DispatchRulesTest, SaysAllThatIsWrongWithWhatIsOnByItsPlace) {
  const auto loaded = rules_by("{ good: { enabled: true }, bad: { enabled: true }, goood: {} }");
  EXPECT_THAT(loaded.fault_lines(), ElementsAre(HasSubstr("did you mean \"good\"?"),
                                                HasSubstr("bad.yaml:"), HasSubstr("bad.yaml:")));
  EXPECT_EQ(loaded.rules->find("bad"), nullptr);
}

TEST_F(DispatchRulesTest, WhatIsOffMayBeWrong) {
  EXPECT_THAT(rules_by("{ good: { enabled: true } }").faults, IsEmpty());
  EXPECT_THAT(rules_by("{ bad: { enabled: false } }").faults, IsEmpty());
}

TEST_F(DispatchRulesTest, TheCheckOfTheConfigurationFindsTheSame) {
  const auto loaded = rules_by("{ bad: { enabled: true }, goood: {} }");
  const auto check = offline_check(paths_.host_yaml(), "testhost", paths_, {});
  std::vector<std::string> found, wanted;
  for (const auto& problem : check.errors) found.push_back(problem.where + problem.message);
  for (const auto& problem : loaded.faults) wanted.push_back(problem.where + problem.message);
  EXPECT_THAT(wanted, ::testing::SizeIs(3));
  EXPECT_THAT(found, ::testing::IsSupersetOf(wanted));
}

TEST_F(DispatchRulesTest, TheCheckWarnsOfAPlaybookThatIsOnAndWhoseRunsCanGoRoundTheMeter) {
  put("open.yaml", dispatch::playbook_text("open", "limits: { attempts: 2 }\nnetwork: open\n"));
  put("off.yaml", dispatch::playbook_text("off", "network: open\n"));
  (void)rules_by("{ good: { enabled: true }, open: { enabled: true }, off: { enabled: false } }");
  const auto check = offline_check(paths_.host_yaml(), "testhost", paths_, {});
  EXPECT_THAT(check.errors, IsEmpty());
  EXPECT_THAT(check.warnings,
              ::testing::Contains(::testing::AllOf(
                  HasSubstr((paths_.playbooks() / "open.yaml").string() + ":7:10: "),
                  HasSubstr("playbook open may reach models without the meter"),
                  HasSubstr("leave it at `network: meter-only`"))));
  EXPECT_THAT(check.warnings, ::testing::Not(::testing::Contains(HasSubstr("off.yaml"))));
  EXPECT_THAT(check.warnings, ::testing::Not(::testing::Contains(HasSubstr("good.yaml"))));
}

}  // namespace
}  // namespace host
