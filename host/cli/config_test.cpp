// SPDX-License-Identifier: Apache-2.0
//
// check-config, config show and reload.
#include "base/json.hpp"
#include "cli/command_fixture.hpp"
#include "cli/fake_host.hpp"

namespace host::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ConfigCommandTest : public CommandTest {
 protected:
  // The errors of --check-config --json.
  Json errors() {
    EXPECT_EQ(run({"--check-config", "--json"}), 78) << err_.str();
    return Json::parse(out_.str())["errors"];
  }
};

TEST_F(ConfigCommandTest, EveryErrorOfAPluginsConfigIsALineOfItsOwn) {
  write_config(
      "defaults:\n"
      "  plugins:\n"
      "    heartbeat:\n"
      "      enabled: true\n"
      "      schedule: { heartbeat: \"99 * * * *\" }\n"  // 5
      "      config:\n"
      "        stamp_dri: /tmp\n"             // 7
      "        model: { route: 7 }\n");  // 8
  const Json found = errors();
  ASSERT_EQ(found.size(), 3u) << found.dump(2);
  EXPECT_THAT(found[0].value("where", ""), HasSubstr("host.yaml:5:"));
  EXPECT_EQ(found[0]["pointer"], "/plugins/heartbeat/schedule/heartbeat");
  EXPECT_EQ(run({"--check-config"}), 78);
  EXPECT_THAT(out_.str(),
              AllOf(HasSubstr("host.yaml:7:9: plugins.heartbeat.config.stamp_dri is not a known "
                              "key; did you mean \"stamp_dir\"?\n"),
                    HasSubstr("host.yaml:8:25: plugins.heartbeat.config.model.route is ")));
}

TEST_F(ConfigCommandTest, PluginConfigsOfOtherHostsAreCheckedToo) {
  write_config(
      "hosts:\n"
      "  other:\n"
      "    plugins:\n"
      "      heartbeat: { enabled: true, config: { bogus: 1 } }\n"
      "  third:\n"
      "    plugins:\n"
      "      heartbeat: { enabled: true, schedule: { heartbeat: \"99 * * * *\" } }\n");
  const Json found = errors();
  ASSERT_EQ(found.size(), 2u) << found.dump(2);
  EXPECT_THAT(found[0].value("where", ""), HasSubstr("host.yaml:4:"));
  EXPECT_THAT(found[1].value("where", ""), HasSubstr("host.yaml:7:"));
}

TEST_F(ConfigCommandTest, ErrorsComeInTheOrderOfTheFileWhicheverHostTheyAreOf) {
  write_config(
      "hosts:\n"
      "  other:\n"
      "    plugins:\n"
      "      heartbeat: { enabled: true, config: { bogus: 1 } }\n"  // 4
      "\n\n\n\n\n"
      "defaults:\n"
      "  plugins:\n"
      "    heartbeat: { enabled: true, config: { stamp_dri: /tmp } }\n");  // 12
  const Json found = errors();
  ASSERT_EQ(found.size(), 2u) << found.dump(2);
  EXPECT_THAT(found[0].value("where", ""), HasSubstr("host.yaml:4:"));
  EXPECT_THAT(found[1].value("where", ""), HasSubstr("host.yaml:12:"));
}

TEST_F(ConfigCommandTest, AMistakeInDefaultsIsToldOnceHoweverManyHostsTakeIt) {
  write_config(
      "defaults: { plugins: { heartbeat: { enabled: true, config: { bogus: 1 } } } }\n"
      "hosts: { one: {}, two: {}, three: {} }\n");
  EXPECT_EQ(errors().size(), 1u);
}

TEST_F(ConfigCommandTest, AnEnabledPluginThatIsNotInstalledIsAnErrorHereAndAWarningElsewhere) {
  write_config("defaults: { plugins: { heartbaet: { enabled: true } } }\n");
  EXPECT_THAT(errors()[0].value("message", ""), HasSubstr("did you mean \"heartbeat\""));
  write_config("hosts: { other: { plugins: { special: { enabled: true } } } }\n");
  EXPECT_EQ(run({"--check-config"}), 0) << out_.str();
  EXPECT_THAT(out_.str(), HasSubstr("host \"other\": plugin \"special\" is enabled"));
}

TEST_F(ConfigCommandTest, WhatDefaultsLeaveToTheEntriesIsNoError) {
  write_config(
      "defaults: { plugins: { triage: { enabled: true } } }\n"
      "hosts: { one: { plugins: { triage: { config: { repos: [org/app] },\n"
      "    grants: { gitea.read: [org/app], gitea.write: [org/app] } } } } }\n");
  EXPECT_EQ(run({"--check-config", "--host", "one"}), 0) << out_.str();
  EXPECT_THAT(out_.str(), HasSubstr("a host without an entry: plugins.triage.config has no"));
  EXPECT_EQ(run({"--check-config", "--host", "unknown"}), 78) << "there it is one";
}

TEST_F(ConfigCommandTest, CheckingAFileThatIsNotThereSaysWhatToWrite) {
  EXPECT_EQ(run({"--check-config"}), 66);
  EXPECT_THAT(err_.str(), AllOf(HasSubstr("host.yaml"), HasSubstr("docs/configuration.md")));
}

TEST_F(ConfigCommandTest, ShowWorksOnAFreshMachine) {
  EXPECT_EQ(run({"config", "show"}), 0) << err_.str();
  EXPECT_THAT(out_.str(), HasSubstr("queue.concurrency"));
  EXPECT_THAT(err_.str(), HasSubstr("there is no "));
}

TEST_F(ConfigCommandTest, ShowTellsWhoSetAValue) {
  write_config("defaults:\n  gitea: { url: 'https://git.example.org' }\n");
  EXPECT_EQ(run({"config", "show"}), 0);
  EXPECT_THAT(out_.str(), AllOf(HasSubstr("gitea.url"), HasSubstr("https://git.example.org"),
                                HasSubstr("host.yaml:2:")));
}

TEST_F(ConfigCommandTest, ARunningHostIsAskedUnlessFilesAreNamed) {
  write_config("defaults: { gitea: { url: 'https://new.example.org' } }\n");
  FakeHost host(Paths::from(Environment::of_process()));
  const Json row{{"setting", "gitea.url"},
                 {"value", "https://old.example.org"},
                 {"origin", "defaults:"},
                 {"where", "host.yaml:1:1"}};
  host.set("GET /v1/config", {{"values", {row}}});
  host.set("GET /v1/tasks", {{"tasks", Json::array()}});
  host.set("GET /v1/plugins", {{"plugins", Json::array()}});
  EXPECT_EQ(run({"config", "show"}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("old.example.org")) << "what it runs with";
  EXPECT_EQ(run({"config", "show", "--config", (folder_ / "host.yaml").string()}), 0);
  EXPECT_THAT(out_.str(), HasSubstr("new.example.org")) << "what the file says";
  for (const std::vector<std::string>& listing :
       {std::vector<std::string>{"tasks"}, {"plugins", "list"}}) {
    EXPECT_EQ(run(listing), 0);
    EXPECT_THAT(out_.str(), Not(HasSubstr("heartbeat")));
    auto named = listing;
    named.insert(named.end(), {"--host", "other"});
    EXPECT_EQ(run(named), 0);
    EXPECT_THAT(out_.str(), HasSubstr("heartbeat"));
  }
}

TEST_F(ConfigCommandTest, ReloadSaysWhatKeptTheNewConfigurationOut) {
  EXPECT_EQ(run({"reload"}), 69) << "no host runs";
  FakeHost host(Paths::from(Environment::of_process()));
  host.set("POST /v1/reload", {{"reloaded", true}});
  host.set("GET /v1/plugins", {{"plugins",
                                {{{"id", "triage"}, {"state", "ready"}},
                                 {{"id", "budget"}, {"state", "disabled"}},
                                 {{"id", "watch"},
                                  {"state", "invalid config"},
                                  {"reason", "no repos"},
                                  {"fix", "Name some."}}}}});
  EXPECT_EQ(run({"reload"}), 0);
  EXPECT_EQ(out_.str(), "reloaded\n");
  EXPECT_EQ(err_.str(),
            "timmy-host: plugin watch is out of service: invalid config: no repos\n  Name some.\n");
  EXPECT_EQ(run({"reload", "--json"}), 0);
  EXPECT_EQ(Json::parse(out_.str())["out_of_service"][0]["id"], "watch");
  host.set("POST /v1/reload",
           {{"error", {{"code", "invalid"}, {"message", "host.yaml:1:1: a\nhost.yaml:2:1: b"}}}},
           400);
  EXPECT_EQ(run({"reload"}), 78);
  EXPECT_THAT(err_.str(), HasSubstr("host.yaml:1:1: a\nhost.yaml:2:1: b"));
}

}  // namespace
}  // namespace host::cli
