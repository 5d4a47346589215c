// SPDX-License-Identifier: Apache-2.0
//
// The host's own reader and validator, against every manifest that is shipped: what the SDK embeds
// is what the catalogue takes.
#include <fcntl.h>
#include <gmock/gmock.h>

#include <sstream>

#include "base/file.hpp"
#include "config/json_schema.hpp"
#include "plugins/elf.hpp"
#include "plugins/manifest.hpp"

namespace host {
namespace {

class Shipped : public testing::TestWithParam<std::string> {};

TEST_P(Shipped, IsTakenByTheHostAndTakesItsOwnExamples) {
  const Fd file(::open(GetParam().c_str(), O_RDONLY | O_CLOEXEC));
  ASSERT_TRUE(file);
  const auto text = read_manifest_section(file.get(), GetParam());
  const auto reading = read_manifest(text);
  ASSERT_TRUE(reading.manifest.has_value());
  EXPECT_THAT(reading.problems, testing::IsEmpty());
  EXPECT_FALSE(reading.version_refusal.has_value());
  const JsonSchema schema(reading.manifest->config_schema, GetParam());
  for (const auto& example : reading.manifest->config_schema.value("examples", Json::array()))
    for (const auto& violation : schema.validate(schema.with_defaults(example)))
      ADD_FAILURE() << example << " " << violation.pointer << ": " << to_text(violation);
}

std::vector<std::string> shipped() {
  std::istringstream list(SHIPPED);
  std::vector<std::string> paths;
  for (std::string path; std::getline(list, path, ':');) paths.push_back(path);
  return paths;
}

INSTANTIATE_TEST_SUITE_P(Manifests, Shipped, testing::ValuesIn(shipped()), [](const auto& one) {
  return std::filesystem::path(one.param).stem().string();
});

TEST(ManifestSchema, TakesItsOwnExamples) {
  const JsonSchema schema(parse_json(manifest_schema_text(), "the manifest's schema"));
  for (const auto& example : schema.json().at("examples")) {
    EXPECT_THAT(schema.validate(example), testing::IsEmpty()) << example;
    EXPECT_THAT(read_manifest(to_text(example)).problems, testing::IsEmpty()) << example;
  }
}

}  // namespace
}  // namespace host
