// SPDX-License-Identifier: Apache-2.0
//
// What host.yaml does to a plugin: overrides, grants, limits, config.
#include <gmock/gmock.h>

#include "plugins/catalogue_fixture.hpp"

namespace host {
namespace {

using testing::ContainsRegex;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using namespace std::chrono_literals;

Json triage() {
  auto manifest = test_manifest("triage");
  manifest["needs"] = Json::parse(R"([
    {"grant": "gitea.read", "values": ["org/*"], "required": true, "why": "to read the issues"},
    {"grant": "gitea.write", "required": true, "why": "to add the labels"},
    {"grant": "model", "required": false, "why": "for summaries"}])");
  manifest["config_schema"] = Json::parse(R"({
    "type": "object", "additionalProperties": false,
    "properties": {
      "limit": {"type": "integer", "minimum": 1, "default": 50},
      "folder": {"type": "string", "format": "path", "default": "$TIMMY_HOME/stamps"},
      "rules": {"type": "array", "default": [], "items": {
        "type": "object", "required": ["label"], "additionalProperties": false,
        "properties": {"label": {"type": "string"}, "copy_to": {"type": "string", "format": "path"}}
      }}}})");
  return manifest;
}

class CatalogueSettingsTest : public CatalogueTest {
 protected:
  CatalogueSettingsTest() { write_plugin(install_ / "triage.so", triage()); }
  PluginEntry with(const std::string& lines) {
    configure("defaults:\n  plugins:\n    triage:\n      enabled: true\n" + lines);
    return only("triage");
  }
  static constexpr const char* kGrants =
      "      grants: { gitea.read: [\"org/*\"], gitea.write: [\"org/app\"] }\n";
};

TEST_F(CatalogueSettingsTest, WithoutItsGrantsItIsNotScheduledAndShowsTheLineToAdd) {
  const auto entry = with("");
  EXPECT_EQ(entry.state, PluginState::not_granted);
  EXPECT_EQ(entry.reason, "needs gitea.read to read the issues, and gitea.write to add the labels");
  EXPECT_EQ(entry.fix,
            "Put under plugins: triage: in host.yaml (host.yaml:3:5): grants: { gitea.read: "
            "[\"org/*\"], gitea.write: [\"OWNER/NAME\"] }");
  EXPECT_EQ(entry.tasks.size(), 1u);
}

TEST_F(CatalogueSettingsTest, TheLineToAddIsOneThatWorks) {
  const auto refused = with("");
  const auto line = refused.fix.substr(refused.fix.find("grants: {"));
  EXPECT_TRUE(with("      " + line + "\n").ready());
}

TEST_F(CatalogueSettingsTest, TheLineToAddKeepsWhatIsGrantedAlready) {
  const auto entry = with("      grants: { gitea.read: [\"team/*\"] }\n");
  EXPECT_EQ(entry.state, PluginState::not_granted);
  EXPECT_THAT(entry.fix, HasSubstr("gitea.read: [\"team/*\"], gitea.write: [\"OWNER/NAME\"]"));
}

TEST_F(CatalogueSettingsTest, AnEmptyGrantIsNone) {
  const auto entry = with("      grants: { gitea.read: [\"org/*\"], gitea.write: [] }\n");
  EXPECT_EQ(entry.state, PluginState::not_granted);
  EXPECT_THAT(entry.reason, HasSubstr("gitea.write"));
}

TEST_F(CatalogueSettingsTest, GrantsAreHostYamlsAndWhatIsOptionalMayLack) {
  const auto entry = with(kGrants);
  EXPECT_TRUE(entry.ready()) << entry.reason;
  EXPECT_TRUE(entry.grants.permits("gitea.write", "org/app"));
  EXPECT_FALSE(entry.grants.permits("gitea.write", "org/other"));
  EXPECT_THAT(entry.notes, IsEmpty());
}

TEST_F(CatalogueSettingsTest, WhatNothingServesYetIsNoted) {
  auto manifest = triage();
  manifest["tasks"][0]["events"] = {"issues"};
  write_plugin(install_ / "triage.so", manifest);
  const auto entry = with(
      "      grants: { gitea.read: [\"*\"], gitea.write: [\"*\"], playbooks.dispatch: [fix] }\n");
  EXPECT_TRUE(entry.ready()) << entry.reason;
  EXPECT_THAT(entry.notes,
              ElementsAre(HasSubstr("\"triage_task\" asks for events; without webhooks.listen")));
}

TEST_F(CatalogueSettingsTest, ARouteToModelsThatIsGrantedAndNotThereIsNoted) {
  const std::string grants = "      grants: { gitea.read: [\"*\"], gitea.write: [\"*\"], model: ";
  EXPECT_THAT(with(grants + "[small] }\n").notes,
              ElementsAre(HasSubstr("\"small\", and host.yaml has no such route")));
  EXPECT_THAT(
      with(grants + "[small] }\n  model: { routes: { small: { url: \"http://[::1]/v1\" } } }\n")
          .notes,
      IsEmpty());
}

TEST_F(CatalogueSettingsTest, PathsMayBeginWithTheHostsFolders) {
  const auto entry = with(
      "      grants: { gitea.read: [\"*\"], gitea.write: [\"*\"], fs.write: "
      "[\"$TIMMY_HOME/stamps\"] "
      "}\n      config: { rules: [ { label: \"$TIMMY_HOME/x\", copy_to: \"$HERMES_HOME/x\" } ] "
      "}\n");
  ASSERT_TRUE(entry.ready()) << entry.reason;
  EXPECT_THAT(entry.grants.values("fs.write"), ElementsAre(paths_.stamps().string()));
  EXPECT_EQ(entry.config.at("folder"), paths_.stamps().string());
  EXPECT_EQ(entry.config.at("rules")[0].at("copy_to"), (paths_.hermes_home / "x").string());
  EXPECT_EQ(entry.config.at("rules")[0].at("label"), "$TIMMY_HOME/x") << "is no path";
}

TEST_F(CatalogueSettingsTest, AGrantedPathThatNoCageWouldTakeIsAnErrorOfTheConfig) {
  const auto entry = with(
      "      grants:\n"
      "        gitea.read: [\"*\"]\n"
      "        gitea.write: [\"*\"]\n"
      "        fs.read: [notes, /tmp/*, $TIMMY_HOME/host.db, /nowhere/at/all]\n");
  EXPECT_EQ(entry.state, PluginState::invalid_config);
  for (const char* refused : {"notes", "/tmp/[*]", "/host.db"})
    EXPECT_THAT(entry.reason,
                ContainsRegex(std::string("host.yaml:8:18: plugins.triage.grants.fs.read: [^;]*") +
                              refused + " can't be granted"));
  EXPECT_THAT(entry.reason, Not(HasSubstr("nowhere")));
  EXPECT_THAT(entry.notes, ElementsAre("granted, but not there: /nowhere/at/all"));
}

TEST_F(CatalogueSettingsTest, DefaultsOfTheConfigAreFilledIn) {
  const auto entry = with(kGrants);
  EXPECT_EQ(entry.config.at("limit"), 50);
  EXPECT_EQ(entry.config.at("rules"), Json::array());
}

TEST_F(CatalogueSettingsTest, EveryErrorOfTheConfigHasItsLine) {
  const auto entry = with(std::string(kGrants) +
                          "      config:\n"         // 6
                          "        limit: 0\n"      // 7
                          "        rules:\n"        // 8
                          "          - label: 3\n"  // 9
                          "        ruels: []\n");   // 10
  EXPECT_EQ(entry.state, PluginState::invalid_config);
  EXPECT_THAT(entry.reason, HasSubstr("host.yaml:7:16: plugins.triage.config.limit is "));
  EXPECT_THAT(entry.reason, HasSubstr("host.yaml:9:20: plugins.triage.config.rules.0.label is "));
  EXPECT_THAT(entry.reason, HasSubstr("host.yaml:10:9: "));
  EXPECT_THAT(entry.reason, HasSubstr("did you mean \"rules\""));
  EXPECT_THAT(entry.fix, HasSubstr("reload"));
  ASSERT_EQ(entry.problems.size(), 3u);
  EXPECT_EQ(entry.problems[0].where, "host.yaml:7:16");
  EXPECT_EQ(entry.problems[0].pointer, "/plugins/triage/config/limit");
}

TEST_F(CatalogueSettingsTest, AJitterThatIsNoDurationOrTooLongIsAnError) {
  for (const char* text : {"soon", "25h", "-3s"}) {
    const auto entry =
        with(std::string(kGrants) + "      jitter: { triage_task: \"" + text + "\" }\n");
    EXPECT_FALSE(entry.ready()) << text;
    ASSERT_EQ(entry.problems.size(), 1u) << text;
    EXPECT_EQ(entry.problems[0].pointer, "/plugins/triage/jitter/triage_task") << text;
  }
}

TEST_F(CatalogueSettingsTest, ScheduleZoneJitterAndCatchUpAreOverridden) {
  const auto entry = with(std::string(kGrants) +
                          "      schedule: { triage_task: \"0 3 * * *\" }\n"
                          "      zone: { triage_task: Europe/Berlin }\n"
                          "      jitter: { triage_task: 90s }\n"
                          "      catch_up: { triage_task: all }\n");
  ASSERT_TRUE(entry.ready()) << entry.reason;
  EXPECT_EQ(entry.tasks.at(0).spec.schedule, "0 3 * * *");
  EXPECT_EQ(entry.tasks.at(0).spec.zone, "Europe/Berlin");
  EXPECT_EQ(entry.tasks.at(0).spec.jitter, std::chrono::seconds(90));
  EXPECT_EQ(entry.tasks.at(0).spec.catch_up, CatchUp::all);
  EXPECT_TRUE(entry.tasks.at(0).overridden);
  EXPECT_EQ(entry.manifest->tasks.at(0).schedule, "*/5 * * * *");
}

TEST_F(CatalogueSettingsTest, NeverMeansOnDemand) {
  const auto entry = with(std::string(kGrants) + "      schedule: { triage_task: never }\n");
  ASSERT_TRUE(entry.ready()) << entry.reason;
  EXPECT_EQ(entry.tasks.at(0).spec.schedule, "");
}

TEST_F(CatalogueSettingsTest, AnOverrideOfATaskThatThePluginLacksIsAnError) {
  const auto entry = with(std::string(kGrants) + "      schedule: { triage_tusk: \"@daily\" }\n");
  EXPECT_EQ(entry.state, PluginState::invalid_config);
  EXPECT_THAT(entry.reason, HasSubstr("host.yaml:6:"));
  EXPECT_THAT(entry.reason, HasSubstr("has no task \"triage_tusk\"; did you mean \"triage_task\""));
}

TEST_F(CatalogueSettingsTest, LimitsAreOverriddenOneByOne) {
  const auto entry = with(std::string(kGrants) + "      limits: { memory: 128MiB }\n");
  ASSERT_TRUE(entry.ready()) << entry.reason;
  EXPECT_EQ(entry.limits.memory_bytes, 128u << 20);
  EXPECT_EQ(entry.limits.files, 64);
  EXPECT_EQ(entry.writes.most, 50);
  EXPECT_EQ(with(std::string(kGrants) + "      limits: { mutations: 7 }\n").writes.most, 7);
}

TEST_F(CatalogueSettingsTest, ADryRunIsNoted) {
  const auto entry = with(std::string(kGrants) + "      dry_run: true\n");
  ASSERT_TRUE(entry.ready()) << entry.reason;
  EXPECT_TRUE(entry.writes.dry_run);
  EXPECT_THAT(entry.notes, ElementsAre(HasSubstr("see dry_run of the plugin")));
  EXPECT_FALSE(with(kGrants).writes.dry_run);
}

TEST_F(CatalogueSettingsTest, ADryRunOfTheHostIsOneOfEachPlugin) {
  configure(std::string("defaults:\n  dry_run: true\n  plugins:\n    triage:\n      enabled: true\n"
                        "      dry_run: false\n") +
            kGrants);
  const auto entry = only("triage");
  EXPECT_TRUE(entry.writes.dry_run);
  EXPECT_THAT(entry.notes, ElementsAre(HasSubstr("see dry_run of the host")));
}

TEST_F(CatalogueSettingsTest, AHostsOwnEntryDecides) {
  configure(
      "defaults:\n  plugins:\n    triage: { enabled: true }\n"
      "hosts:\n  testhost:\n    plugins:\n      triage: { enabled: false }\n");
  EXPECT_EQ(only("triage").state, PluginState::disabled);
}

TEST_F(CatalogueSettingsTest, AnEnabledPluginThatIsNowhereIsALineWithTheNearestName) {
  configure("defaults:\n  plugins:\n    triaje: { enabled: true }\n");
  const auto entry = only("triaje");
  EXPECT_EQ(entry.state, PluginState::missing);
  EXPECT_EQ(
      entry.reason,
      "host.yaml:3:5: plugin \"triaje\" is enabled, but no plugin folder has it; did you mean "
      "\"triage\"?");
  EXPECT_THAT(entry.fix, HasSubstr(home_.string()));
}

}  // namespace
}  // namespace host
