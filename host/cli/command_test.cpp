// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "base/test_folder.hpp"

namespace host::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class CommandTest : public ::testing::Test {
 protected:
  CommandTest() {
    ::setenv("TIMMY_HOME", folder_.path().c_str(), 1);
    ::setenv("HERMES_HOME", folder_.path().c_str(), 1);
    ::unsetenv("GITEA_URL");
  }
  int run(const std::vector<std::string>& arguments) {
    out_.str("");
    err_.str("");
    return main(arguments, out_, err_);
  }
  TestFolder folder_;
  std::ostringstream out_;
  std::ostringstream err_;
};

TEST_F(CommandTest, HelpListsEveryCommandAndEachCommandHasExamples) {
  EXPECT_EQ(run({"--help"}), 0);
  for (const char* command : {"run", "tasks", "enqueue", "jobs list", "jobs show", "jobs cancel",
                              "jobs retry", "plugins list", "plugins show", "plugins reset",
                              "status", "doctor", "check-config", "config show", "version"}) {
    EXPECT_THAT(out_.str(), HasSubstr(std::string("  ") + command + " "));
  }
  EXPECT_EQ(run({"jobs", "list", "--help"}), 0);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("Usage: timmy-host jobs list"), HasSubstr("Examples:"),
                                HasSubstr("--state")));
  EXPECT_THAT(err_.str(), IsEmpty());
}

TEST_F(CommandTest, MistakesAreUsageErrorsThatNameTheWayOut) {
  EXPECT_EQ(run({"stauts"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("Did you mean \"status\"?"));
  EXPECT_EQ(run({"jobs"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("jobs list, jobs show, jobs cancel, jobs retry"));
  EXPECT_EQ(run({"tasks", "--jsno"}), 64);
  EXPECT_THAT(err_.str(), HasSubstr("timmy-host tasks --help"));
  EXPECT_EQ(run({"jobs", "show"}), 64);
  EXPECT_EQ(run({"jobs", "show", "x"}), 64);
  EXPECT_EQ(run({}), 64);
}

TEST_F(CommandTest, WithoutAHostAskingEndsWith69AndStatusWith3) {
  EXPECT_EQ(run({"jobs", "list"}), 69);
  EXPECT_THAT(err_.str(), HasSubstr("timmy-host run"));
  EXPECT_EQ(run({"status", "--json"}), 3);
  EXPECT_EQ(Json::parse(out_.str())["running"], false);
}

TEST_F(CommandTest, TasksAreListedWithWhatTheyMayDoAndWhatStopsThem) {
  std::ofstream(folder_ / "host.yaml") << R"(defaults: { plugins: {
      heartbeat: { enabled: true, grants: { gitea.read: ["org/app"], fs.write: ["/tmp/stamps"] } },
      triage: { enabled: true, config: { repos: ["org/app"] } } } })";
  EXPECT_EQ(run({"--list-tasks"}), 0) << err_.str();
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr("TASK"), HasSubstr("fs.write: /tmp/stamps; gitea.read: org/app"),
                    HasSubstr("gitea_issue_triage"), HasSubstr("not granted")));
  EXPECT_EQ(run({"tasks", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["tasks"].size(), 4u);
}

TEST_F(CommandTest, WithoutAConfigWhatIsInstalledIsStillListed) {
  EXPECT_EQ(run({"--list-tasks"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("heartbeat"), HasSubstr("disabled")));
  EXPECT_THAT(err_.str(), HasSubstr("there is no "));
}

TEST_F(CommandTest, ABadConfigIsReportedWholeWithItsLines) {
  std::ofstream(folder_ / "host.yaml") << "defaults:\n  gitea: { url: 7 }\n  pluggins: {}\n";
  EXPECT_EQ(run({"--check-config"}), 78);
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr("host.yaml:2:"), HasSubstr("host.yaml:3:"), HasSubstr("plugins")));
  EXPECT_EQ(run({"--check-config", "--json"}), 78);
  EXPECT_EQ(Json::parse(out_.str())["errors"].size(), 2u);
  EXPECT_EQ(run({"run"}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("host.yaml:2:"));
}

TEST_F(CommandTest, ConfigShowTellsWhoSetAValue) {
  std::ofstream(folder_ / "host.yaml")
      << "defaults:\n  gitea: { url: 'https://git.example.org' }\n";
  EXPECT_EQ(run({"config", "show"}), 0);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("https://git.example.org"), HasSubstr("host.yaml:2:")));
}

TEST_F(CommandTest, VersionNamesTheAbi) {
  EXPECT_EQ(run({"--version"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("plugin ABI 1."));
}

}  // namespace
}  // namespace host::cli
