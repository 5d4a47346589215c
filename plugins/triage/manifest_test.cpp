// SPDX-License-Identifier: Apache-2.0
//
// That manifest, README and code speak of the same keys.
#include <fstream>
#include <iterator>

#include "rules.hpp"
#include "triage_fixture.hpp"

namespace triage {
namespace {

using testing::HasSubstr;
using timmy::Json;

std::string readme() {
  const std::string manifest = MANIFEST;
  std::ifstream file(manifest.substr(0, manifest.rfind('/')) + "/README.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

Json schema() { return timmy::testing::read_manifest(MANIFEST).at("config_schema"); }

TEST(Manifest, TheReadmeHasEveryKeyOfARule) {
  const std::string text = readme();
  const Json rule = schema().at("$defs").at("rule").at("properties");
  for (const auto& [key, what] : rule.items())
    EXPECT_THAT(text, HasSubstr("`" + key + "`")) << "a rule's " << key;
  for (const auto& [key, what] : rule.at("when").at("properties").items())
    EXPECT_THAT(text, HasSubstr("`" + key + "`")) << "when." << key;
  EXPECT_GE(rule.at("when").at("properties").size(), 13u);
}

TEST(Manifest, AnyConditionAndAnyOutcomeMakesARule) {
  const Json rule = schema().at("$defs").at("rule");
  const auto alternatives = [](const Json& of) {
    Json names = Json::array();
    for (const auto& one : of.at("anyOf")) names.push_back(one.at("required").at(0));
    return names;
  };
  const Json when = rule.at("properties").at("when");
  EXPECT_EQ(alternatives(when).size(), when.at("properties").size());
  EXPECT_EQ(alternatives(rule).size() + 2, rule.at("properties").size()) << "name and when";
}

TEST(Manifest, ItsExamplesAreTaken) {
  const Json all = schema();  // outlives the loop over a part of it
  for (const auto& example : all.at("examples")) {
    const Json config = timmy::testing::with_defaults(all, example);
    EXPECT_NO_THROW(Rules(config.at("rules"), config.value("priorities", Json::array())));
  }
}

}  // namespace
}  // namespace triage
