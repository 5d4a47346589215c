// SPDX-License-Identifier: Apache-2.0
//
// That manifest, README and code speak of the same.
#include <fstream>
#include <iterator>

#include "fixture.hpp"

namespace budget {
namespace {

using testing::HasSubstr;

std::string readme() {
  const std::string manifest = MANIFEST;
  std::ifstream file(manifest.substr(0, manifest.rfind('/')) + "/README.md");
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Manifest, TheReadmeHasEachTaskKeyAndGrant) {
  const auto manifest = timmy::testing::read_manifest(MANIFEST);
  const auto text = readme();
  for (const auto& task : manifest.at("tasks"))
    EXPECT_THAT(text, HasSubstr("| `" + task.at("name").get<std::string>() + "`"));
  for (const auto& [key, what] : manifest.at("config_schema").at("properties").items())
    EXPECT_THAT(text, HasSubstr("`" + key + "`"));
  for (const auto& need : manifest.at("needs"))
    EXPECT_THAT(text, HasSubstr(need.at("grant").get<std::string>() + ":"));
}

TEST(Manifest, EachTaskRunsFromItsFileToo) {
  const auto manifest = timmy::testing::read_manifest(MANIFEST);
  timmy::testing::World world;
  timmy::testing::Plugin plugin(
      world, PLUGIN,
      timmy::testing::with_defaults(manifest.at("config_schema"), timmy::Json::object()));
  for (const auto& task : manifest.at("tasks")) {
    const auto outcome = plugin.run(task.at("name"));
    EXPECT_TRUE(outcome.ok()) << outcome.message;
  }
}

}  // namespace
}  // namespace budget
