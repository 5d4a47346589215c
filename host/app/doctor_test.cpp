// SPDX-License-Identifier: Apache-2.0
#include "app/doctor.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <set>

#include "app/installation.hpp"
#include "app/set_aside.hpp"
#include "base/test_folder.hpp"
#include "dispatch/playbook_fixture.hpp"
#include "store/open.hpp"

namespace host {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A TIMMY_HOME that no host runs on.
class DoctorTest : public ::testing::Test {
 protected:
  std::vector<Finding> findings() { return examine(paths_.host_yaml(), "testhost", paths_, {}); }
  // Those of one check, a line each: "fail text".
  std::string of(const std::string& check) {
    std::string lines;
    for (const auto& finding : findings())
      if (finding.check == check)
        lines += std::string(name(finding.grade)) + " " + finding.text + "\n";
    return lines;
  }
  void write_config(const std::string& yaml) { std::ofstream(paths_.host_yaml()) << yaml; }
  void make_database() {
    auto opened = open_database({.path = paths_.database(), .check_in_background = 1u << 30});
    close_cleanly(opened.connection);
  }
  std::set<std::string> files() {
    std::set<std::string> names;
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder_.path()))
      names.insert(file.path().string());
    return names;
  }

  TestFolder folder_;
  Paths paths_ = Paths::from(
      Environment({{"HOME", folder_.path().string()}, {"TIMMY_HOME", folder_.path().string()}}));
};

TEST_F(DoctorTest, TheSecretsOfWebhooksAreLookedAt) {
  EXPECT_EQ(of("webhooks"), "");
  write_config("defaults:\n  webhooks: { listen: 127.0.0.1:8480, secret_files: [hook] }\n");
  EXPECT_THAT(of("webhooks"), AllOf(HasSubstr("fail "), HasSubstr("there is no webhook secret")));
  write_atomically(paths_.config / "hook", "s3cret\n", 0644);
  EXPECT_THAT(of("webhooks"), HasSubstr("fail "));
  write_atomically(paths_.config / "hook", "s3cret\n", 0600);
  EXPECT_EQ(of("webhooks"), "ok come in at 127.0.0.1:8480, by 1 secret\n");
}

TEST_F(DoctorTest, ADatabaseThatAHostWouldRefuseFails) {
  EXPECT_THAT(of("database"), HasSubstr("is not there yet"));
  make_database();
  EXPECT_THAT(of("database"), AllOf(HasSubstr("ok "), HasSubstr("sound")));
  std::filesystem::resize_file(paths_.database(), 0);
  EXPECT_THAT(of("database"), AllOf(HasSubstr("fail "), HasSubstr("is empty, but")));
  std::filesystem::remove(paths_.database());
  EXPECT_THAT(of("database"), AllOf(HasSubstr("fail "), HasSubstr("is missing, but")));
}

TEST_F(DoctorTest, APlaybookThatIsOnAndWhoseRunsCanGoRoundTheMeterIsAWarning) {
  std::filesystem::create_directories(paths_.playbooks());
  std::ofstream(paths_.playbooks() / "agent-lanes.json") << dispatch::kLanes;
  std::ofstream(paths_.playbooks() / "wide.yaml")
      << dispatch::playbook_text("wide", "network: open\n");
  write_config("defaults: { playbooks: { wide: { enabled: true } } }\n");
  EXPECT_THAT(of("playbooks"), AllOf(HasSubstr("warn "), HasSubstr("wide.yaml:6:10: "),
                                     HasSubstr("without the meter"), Not(HasSubstr("fail"))));
}

TEST_F(DoctorTest, LookingChangesNothing) {
  make_database();
  for (const char* left : {"-wal", "-shm"})
    std::filesystem::remove(paths_.database().string() + left);
  const auto before = files();
  (void)findings();
  EXPECT_EQ(files(), before);
}

TEST_F(DoctorTest, EachLayerAroundAnAgentIsNamedWithWhatBoundsItsProcesses) {
  EXPECT_THAT(of("runs"), AllOf(HasSubstr("ok pid namespace "), HasSubstr("ok processes "),
                                HasSubstr("ok seccomp "), Not(HasSubstr("fail "))));
}

TEST_F(DoctorTest, ARunnerServiceThatDoesNotAnswerFails) {
  std::filesystem::create_directories(paths_.run);
  std::ofstream(paths_.runner_socket()) << "";
  EXPECT_THAT(of("runs"), AllOf(HasSubstr("fail the runner service"), Not(HasSubstr("ok "))));
}

TEST_F(DoctorTest, EachProblemOfAConfigIsAFindingAndWhatNeedsItIsLeftOut) {
  write_config("defaults:\n  gitea: { url: 7 }\n  pluggins: {}\n");
  EXPECT_THAT(of("config"), AllOf(HasSubstr("host.yaml:2:"), HasSubstr("\nfail "),
                                  HasSubstr("host.yaml:3:"), Not(HasSubstr("2 problems"))));
  EXPECT_THAT(of("gitea"), HasSubstr("not looked at"));
  EXPECT_EQ(of("gitea token"), "");
}

TEST_F(DoctorTest, EachProblemOfAPluginsConfigIsAFinding) {
  write_config(
      "defaults: { plugins: { heartbeat: { enabled: true, config: { a: 1,\n  b: 2 } } } }\n");
  EXPECT_THAT(of("plugin heartbeat"),
              AllOf(HasSubstr("fail invalid config: "), HasSubstr("host.yaml:1:"),
                    HasSubstr("\nfail invalid config: "), HasSubstr("host.yaml:2:")));
}

TEST_F(DoctorTest, AFileThatIsNotThereIsNotCalledFine) {
  EXPECT_THAT(of("config"), AllOf(HasSubstr("warn there is no"), Not(HasSubstr("ok "))));
}

TEST_F(DoctorTest, WhatIsOptionalAndNotGrantedIsNoWarning) {
  std::filesystem::create_directory(paths_.stamps());
  write_config(
      "defaults: { plugins: { heartbeat: { enabled: true,\n"
      "  grants: { gitea.read: [whoami], fs.write: [$TIMMY_HOME/stamps] } } } }\n");
  EXPECT_THAT(of("plugin heartbeat"),
              AllOf(HasSubstr("ok ready, without model (optional)"), Not(HasSubstr("warn"))));
}

TEST_F(DoctorTest, APluginsLineSaysWhatItAsksForWhatItGotAndWhoEnforcesIt) {
  std::filesystem::create_directory(paths_.stamps());
  write_config(
      "defaults: { plugins: { heartbeat: { enabled: true,\n"
      "  grants: { gitea.read: [whoami], fs.write: [$TIMMY_HOME/stamps] } } } }\n");
  EXPECT_THAT(of("plugin heartbeat"),
              AllOf(HasSubstr("asks for gitea.read, fs.write, model (optional)"),
                    HasSubstr("granted fs.write: " + paths_.stamps().string() + " (by Landlock)"),
                    HasSubstr("gitea.read: whoami (by the host)")));
}

TEST_F(DoctorTest, AQuarantineOfTheLastHostFails) {
  set_aside(paths_, "heartbeat", Installation::find().plugins / "heartbeat.so");
  std::filesystem::create_directory(paths_.stamps());
  write_config(
      "defaults: { plugins: { heartbeat: { enabled: true,\n"
      "  grants: { gitea.read: [whoami], fs.write: [$TIMMY_HOME/stamps] } } } }\n");
  EXPECT_THAT(of("plugin heartbeat"), HasSubstr("fail quarantined: failed five times"));
}

}  // namespace
}  // namespace host
