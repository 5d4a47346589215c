// SPDX-License-Identifier: Apache-2.0
//
// That manifest, README, docs and code speak of the same keys, and the tasks through the plugin.
#include "fixture.hpp"
#include "redaction_rules.hpp"

namespace provenance {
namespace {

using testing::HasSubstr;
using timmy::Json;

std::string beside(const std::string& name) {
  const std::string manifest = MANIFEST;
  return text_of(manifest.substr(0, manifest.rfind('/')) + "/" + name);
}

class ManifestTest : public FolderTest {
 protected:
  timmy::testing::Outcome run(const std::string& task, const Json& payload = Json::object()) {
    return timmy::testing::Plugin(world_, timmy_plugin_v1, config_).run(task, payload);
  }
  timmy::testing::World world_;
};

TEST_F(ManifestTest, TheReadmeHasEveryKeyAndTask) {
  const auto readme = beside("README.md");
  const Json manifest = timmy::testing::read_manifest(MANIFEST);
  const Json properties = manifest.at("config_schema").at("properties");
  for (const auto& [key, what] : properties.items())
    EXPECT_THAT(readme, HasSubstr("`" + key + (what.contains("properties") ? "." : "`")));
  for (const auto& [key, what] : properties.at("filters").at("properties").items())
    EXPECT_THAT(readme, HasSubstr("`filters." + key + "`"));
  for (const auto& task : manifest.at("tasks"))
    EXPECT_THAT(readme, HasSubstr("`" + task.at("name").get<std::string>() + "`"));
}

TEST_F(ManifestTest, TheDocumentHasEveryRuleOfRedaction) {
  const auto document = beside("../../docs/provenance.md");
  for (const auto& rule : redaction_rules())
    EXPECT_THAT(document, HasSubstr("`" + std::string(rule.name) + "`"));
}

TEST_F(ManifestTest, ItsExamplesAreTaken) {
  const Json schema = timmy::testing::read_manifest(MANIFEST).at("config_schema");
  for (auto example : schema.at("examples")) {
    if (!example.contains("folder")) example["folder"] = "/srv/pairs";
    example["policy"] = "/srv/consent/policy.json";
    EXPECT_NO_THROW((void)Settings::from(timmy::testing::with_defaults(schema, example)));
  }
}

// What this version reads, redacts or keeps out otherwise is to be made anew.
TEST_F(ManifestTest, TheTermsAreThoseOfThisVersion) {
  const auto terms = settings().terms("policy", "redaction", "key");
  EXPECT_EQ(terms.at("version"), timmy::testing::read_manifest(MANIFEST).at("version"));
  auto others = terms;
  others.erase("sha256");
  EXPECT_EQ(terms.at("sha256"), Sha256().of("timmy-terms/4\n" + others.dump()));
}

TEST_F(ManifestTest, ItsTasksRun) {
  const auto ingested = run("provenance_ingest");
  ASSERT_TRUE(ingested.ok()) << ingested.message;
  EXPECT_EQ(ingested.result.at("pairs"), 0);
  EXPECT_TRUE(world_.state.contains("ingest"));
  EXPECT_TRUE(run("provenance_curate").ok());
  EXPECT_TRUE(run("provenance_validate").ok());
  const auto reported = run("provenance_report");
  ASSERT_TRUE(reported.ok()) << reported.message;
  EXPECT_TRUE(reported.result.at("current").get<bool>());
}

TEST_F(ManifestTest, WhatCannotBeAnsweredIsSaid) {
  auto outcome = run("provenance_explain", {{"session", "nobody"}});
  EXPECT_EQ(outcome.status, TIMMY_PERMANENT);
  EXPECT_EQ(outcome.code, "not_found");
  EXPECT_EQ(run("provenance_explain").code, "usage");
  EXPECT_EQ(run("provenance_validate", {{"file", "pairs.jsonl"}}).code, "usage");
  EXPECT_EQ(run("provenance_validate", {{"file", home_.string()}}).status, TIMMY_PERMANENT);
}

TEST_F(ManifestTest, AConfigThatIsWrongIsRefused) {
  config_["folder"] = "pairs";
  EXPECT_THROW(timmy::testing::Plugin(world_, timmy_plugin_v1, config_), std::runtime_error);
}

}  // namespace
}  // namespace provenance
