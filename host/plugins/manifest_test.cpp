// SPDX-License-Identifier: Apache-2.0
#include "plugins/manifest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "plugins/test_plugin.hpp"

namespace host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::chrono_literals;

constexpr AbiVersion kOurs{1, 4};

ManifestReading read(const Json& manifest, AbiVersion ours = {1, 0}) {
  return read_manifest(manifest.dump(), ours);
}

// The one problem of a manifest that is wrong in one place.
std::string problem(const Json& manifest) {
  const auto reading = read(manifest);
  EXPECT_EQ(reading.problems.size(), 1u) << manifest;
  return reading.problems.empty() ? "" : reading.problems.front();
}

TEST(ManifestTest, FillsInWhatAnAuthorLeavesOut) {
  const auto reading = read(test_manifest("x"));
  ASSERT_THAT(reading.problems, IsEmpty());
  const auto& task = reading.manifest->tasks.at(0);
  EXPECT_EQ(task.timeout, 180s);
  EXPECT_EQ(task.zone, "UTC");
  EXPECT_EQ(task.retry, RetryPolicy{});
  EXPECT_EQ(task.catch_up, CatchUp::latest);
  EXPECT_EQ(task.catchup_window, 24h);
  EXPECT_EQ(task.overlap, Overlap::skip);
  EXPECT_EQ(task.concurrency, 1);
  EXPECT_FALSE(task.fresh_process);
  EXPECT_EQ(reading.manifest->limits, Limits{});
  EXPECT_EQ(reading.manifest->config_schema.at("additionalProperties"), false);
}

TEST(ManifestTest, ReadsEverythingThatAnAuthorMaySay) {
  auto manifest = test_manifest("x");
  manifest["abi"] = {{"major", 1}, {"minor", 0}, {"minimum", 0}};
  manifest["tasks"][0] = {
      {"name", "sweep"},          {"description", "Sweeps"},
      {"schedule", "30 2 * * *"}, {"zone", "Europe/Berlin"},
      {"timeout", "1h30m"},       {"retry", {{"max_attempts", 3}, {"base", "1s"}, {"cap", "2m"}}},
      {"catch_up", "all"},        {"catchup_window", "48h"},
      {"overlap", "buffer_one"},  {"concurrency", 4},
      {"queue", "models"},        {"rate", "30/1h"},
      {"key_concurrency", 2},     {"unique_key", "one"},
      {"events", {"issues"}},     {"waits_for", {"gitea"}},
      {"fresh_process", true}};
  manifest["needs"] = {
      {{"grant", "gitea.read"}, {"values", {"org/*"}}, {"required", false}, {"why", "to read"}}};
  manifest["limits"] = {{"memory", "1GiB"}, {"files", 128}, {"file_size", "1MiB"}, {"cpu", "10s"}};
  const auto reading = read(manifest);
  ASSERT_THAT(reading.problems, IsEmpty());
  const auto& task = reading.manifest->tasks.at(0);
  EXPECT_EQ(task.timeout, 90min);
  EXPECT_EQ(task.retry, (RetryPolicy{.max_attempts = 3, .base = 1s, .cap = 2min}));
  EXPECT_EQ(task.catch_up, CatchUp::all);
  EXPECT_EQ(task.catchup_window, 48h);
  EXPECT_EQ(task.overlap, Overlap::buffer_one);
  EXPECT_EQ(task.concurrency, 4);
  EXPECT_EQ(task.queue, "models");
  EXPECT_EQ(task.rate, (RateLimit{30, std::chrono::hours(1)}));
  EXPECT_EQ(task.key_concurrency, 2);
  EXPECT_EQ(task.unique_key, "one");
  EXPECT_THAT(task.events, ElementsAre("issues"));
  EXPECT_THAT(task.waits_for, ElementsAre("gitea"));
  EXPECT_TRUE(task.fresh_process);
  const auto& need = reading.manifest->needs.at(0);
  EXPECT_EQ(need.grant, "gitea.read");
  EXPECT_THAT(need.values, ElementsAre("org/*"));
  EXPECT_FALSE(need.required);
  EXPECT_EQ(reading.manifest->limits,
            (Limits{.memory_bytes = 1u << 30, .file_bytes = 1u << 20, .files = 128, .cpu = 10s}));
}

TEST(ManifestTest, EveryExampleOfThePublishedSchemaIsValid) {
  const auto schema = Json::parse(manifest_schema_text());
  ASSERT_FALSE(schema.at("examples").empty());
  for (const auto& example : schema.at("examples"))
    EXPECT_THAT(read(example).problems, IsEmpty()) << example;
}

TEST(ManifestTest, ReportsAllThatIsWrongByPlace) {
  auto manifest = test_manifest("x");
  manifest["tasks"][0]["timeout"] = 5;
  manifest["tasks"][0]["shedule"] = "x";
  manifest.erase("license");
  const auto reading = read(manifest);
  EXPECT_THAT(reading.problems,
              testing::UnorderedElementsAre(HasSubstr("license"), HasSubstr("/tasks/0/timeout: "),
                                            HasSubstr("shedule")));
}

TEST(ManifestTest, AnInvalidManifestStillTellsItsTasks) {
  auto manifest = test_manifest("x");
  manifest["tasks"][0]["timeout"] = "soon";
  const auto reading = read(manifest);
  EXPECT_FALSE(reading.problems.empty());
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->id, "x");
  EXPECT_EQ(reading.manifest->tasks.at(0).name, "x_task");
}

TEST(ManifestTest, NothingUnprintableComesOutOfAnInvalidOne) {
  auto manifest = test_manifest("x");
  manifest["id"] = "x\x1b[31m";
  EXPECT_FALSE(read(manifest).manifest);
  manifest = test_manifest("x");
  manifest["tasks"][0]["name"] = "\n\n";
  manifest["version"] = std::string(1000, '9');
  const auto reading = read(manifest);
  ASSERT_TRUE(reading.manifest);
  EXPECT_THAT(reading.manifest->tasks, IsEmpty());
  EXPECT_EQ(reading.manifest->version, "");
}

TEST(ManifestTest, RefusesTextThatIsNoManifest) {
  for (const char* text : {"", "[]", "{", "null", "{\"id\":\"x\",\"id\":\"y\"}", "\xff\xfe"}) {
    const auto reading = read_manifest(text);
    EXPECT_FALSE(reading.problems.empty()) << text;
    EXPECT_FALSE(reading.manifest) << text;
  }
  EXPECT_FALSE(read_manifest(std::string(100'000, '[')).problems.empty());
}

TEST(ManifestTest, SchedulesAndZonesAreParsed) {
  auto manifest = test_manifest("x");
  manifest["tasks"][0]["schedule"] = "61 * * * *";
  EXPECT_THAT(problem(manifest), HasSubstr("/tasks/0/schedule: "));
  manifest = test_manifest("x");
  manifest["tasks"][0]["zone"] = "Mars/Olympus";
  EXPECT_THAT(problem(manifest), HasSubstr("/tasks/0/zone: "));
}

TEST(ManifestTest, RefusesWhatASchemaCannotSee) {
  auto manifest = test_manifest("x");
  manifest["tasks"].push_back(manifest["tasks"][0]);
  EXPECT_THAT(problem(manifest), HasSubstr("/tasks/1/name: \"x_task\" stands twice"));
  manifest = test_manifest("x");
  manifest["tasks"][0]["retry"] = {{"base", "2h"}, {"cap", "1h"}};
  EXPECT_THAT(problem(manifest), HasSubstr("/tasks/0/retry/base: is longer than \"cap\""));
  manifest = test_manifest("x");
  manifest["tasks"][0]["timeout"] = "25h";
  EXPECT_THAT(problem(manifest), HasSubstr("/tasks/0/timeout: \"25h\" is longer than"));
  manifest = test_manifest("x");
  manifest["tasks"][0]["jitter"] = "25h";
  EXPECT_THAT(problem(manifest), HasSubstr("/tasks/0/jitter: "));
  manifest = test_manifest("x");
  manifest["abi"]["minimum"] = 1;
  EXPECT_THAT(problem(manifest), HasSubstr("/abi/minimum: is above \"minor\""));
  manifest = test_manifest("x");
  const Json need = {{"grant", "model"}, {"required", true}, {"why", "x"}};
  manifest["needs"] = {need, need};
  EXPECT_THAT(problem(manifest), HasSubstr("/needs/1/grant: \"model\" stands twice"));
}

TEST(ManifestTest, TheConfigSchemaMustBeOneAndTakeItsOwnExamples) {
  auto manifest = test_manifest("x");
  manifest["config_schema"] = {{"type", "objekt"}};
  EXPECT_THAT(problem(manifest), HasSubstr("/config_schema: "));
  manifest["config_schema"] = {{"type", "object"},
                               {"properties", {{"n", {{"type", "integer"}}}}},
                               {"examples", {{{"n", 1}}, {{"n", "one"}}}}};
  EXPECT_THAT(problem(manifest),
              HasSubstr("/config_schema/examples/1/n: the schema refuses its own example"));
}

TEST(ManifestTest, AnExampleMayLeaveOutWhatHasADefault) {
  auto manifest = test_manifest("x");
  manifest["config_schema"] = {
      {"type", "object"},
      {"required", {"n", "m"}},
      {"properties", {{"n", {{"type", "integer"}, {"default", 1}}}, {"m", {{"type", "integer"}}}}},
      {"examples", {{{"m", 2}}}}};
  EXPECT_THAT(read(manifest).problems, IsEmpty());
  manifest["config_schema"]["examples"] = {{{"n", 2}}};
  EXPECT_THAT(problem(manifest), HasSubstr("/config_schema/examples/0"));
}

TEST(ManifestTest, WithoutTheBuildsStampItSaysHowToGetIt) {
  auto manifest = test_manifest("x");
  manifest["abi"] = {{"minimum", 0}};
  const auto reading = read(manifest);
  EXPECT_FALSE(reading.version_refusal);
  EXPECT_THAT(reading.problems,
              ElementsAre(HasSubstr("timmy_add_plugin() of the SDK puts them in")));
  EXPECT_EQ(reading.manifest->tasks.at(0).name, "x_task");
}

TEST(VersionRuleTest, TakesTheSameMajorAndAMinorThatEitherSideCanServe) {
  std::string fix;
  EXPECT_FALSE(version_refusal({.major = 1, .minor = 4, .minimum = 4}, kOurs, &fix));
  EXPECT_FALSE(version_refusal({.major = 1, .minor = 0}, kOurs, &fix));
  EXPECT_FALSE(version_refusal({.major = 1, .minor = 6, .minimum = 4}, kOurs, &fix));
  EXPECT_TRUE(version_refusal({.major = 1, .minor = 6, .minimum = 5}, kOurs, &fix));
  EXPECT_TRUE(version_refusal({.major = 2, .minor = 0}, kOurs, &fix));
  EXPECT_TRUE(version_refusal({.major = 0, .minor = 9}, kOurs, &fix));
}

TEST(VersionRuleTest, SaysBothVersionsWhichSideIsOldAndTheFix) {
  std::string fix;
  EXPECT_EQ(version_refusal({.major = 1, .minor = 6, .minimum = 5}, kOurs, &fix),
            "this host is too old: the plugin was built for ABI 1.6 and needs at least 1.5, "
            "this host speaks 1.4");
  EXPECT_EQ(fix,
            "Upgrade timmy-host; or rebuild the plugin with SDK 1.4, or, if it can do without what "
            "came later, with \"abi\": {\"minimum\": 4} in its manifest.json.");
  EXPECT_EQ(version_refusal({.major = 2, .minor = 1}, kOurs, &fix),
            "this host is too old: the plugin was built for ABI 2.1, this host speaks 1.4");
  EXPECT_EQ(fix, "Upgrade timmy-host, or rebuild the plugin with SDK 1.x.");
  EXPECT_EQ(version_refusal({.major = 0, .minor = 9}, kOurs, &fix),
            "the plugin is too old: it was built for ABI 0.9, this host speaks 1.4");
  EXPECT_EQ(fix, "Rebuild the plugin with SDK 1.x, or install its newer version.");
}

TEST(VersionRuleTest, ARefusedPluginIsListedWhateverANewerManifestHolds) {
  auto manifest = test_manifest("x");
  manifest["abi"] = {{"major", 2}, {"minor", 0}, {"later", true}};
  manifest["tasks"][0]["later"] = Json::array();
  const auto reading = read(manifest);
  EXPECT_TRUE(reading.version_refusal);
  EXPECT_THAT(reading.problems, IsEmpty());
  ASSERT_TRUE(reading.manifest);
  EXPECT_EQ(reading.manifest->tasks.at(0).name, "x_task");
}

TEST(VersionRuleTest, ANewerPluginThatCanDoWithoutIsReadWithoutItsNewKeys) {
  auto manifest = test_manifest("x");
  manifest["abi"] = {{"major", 1}, {"minor", 7}, {"minimum", 0}};
  manifest["later"] = 1;
  manifest["tasks"][0]["later"] = 1;
  EXPECT_THAT(read(manifest).problems, IsEmpty());
  manifest["abi"] = {{"major", 1}, {"minor", 0}};
  EXPECT_EQ(read(manifest).problems.size(), 2u);
}

}  // namespace
}  // namespace host
