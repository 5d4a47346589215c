// SPDX-License-Identifier: Apache-2.0
//
// That manifest, README and code speak of the same.
#include <fstream>
#include <iterator>

#include "fixture.hpp"

namespace deadman {
namespace {

using testing::HasSubstr;

TEST(Manifest, TheReadmeHasTheTaskTheKeyAndEachGrant) {
  const std::string manifest_file = MANIFEST;
  std::ifstream file(manifest_file.substr(0, manifest_file.rfind('/')) + "/README.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto manifest = timmy::testing::read_manifest(MANIFEST);
  for (const auto& task : manifest.at("tasks"))
    EXPECT_THAT(text, HasSubstr("`" + task.at("name").get<std::string>() + "`"));
  EXPECT_THAT(text, HasSubstr("`alert.repository`"));
  for (const auto& need : manifest.at("needs"))
    EXPECT_THAT(text, HasSubstr(need.at("grant").get<std::string>() + ":"));
}

TEST(Manifest, TheTasksRunFromItsFileToo) {
  const auto manifest = timmy::testing::read_manifest(MANIFEST);
  timmy::testing::World world;
  timmy::testing::Plugin plugin(
      world, PLUGIN,
      timmy::testing::with_defaults(manifest.at("config_schema"), timmy::Json::object()));
  for (const auto& task : manifest.at("tasks")) {
    const auto outcome = plugin.run(task.at("name").get<std::string>());
    EXPECT_TRUE(outcome.ok()) << outcome.message;
  }
}

}  // namespace
}  // namespace deadman
