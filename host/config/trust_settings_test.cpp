// SPDX-License-Identifier: Apache-2.0
//
// What host.yaml says of whose plugins run: keys and pins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/host_config.hpp"

namespace host {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

LoadedConfig load(const std::string& text, const std::string& host = "allegro") {
  const Environment environment(std::map<std::string, std::string>{{"HOME", "/home/op"}});
  return parse_host_config(text, "/etc/t/host.yaml", host, Paths::from(environment), environment);
}

std::vector<std::string> problems(const std::string& text) {
  try {
    (void)load(text);
    return {};
  } catch (const ConfigError& error) {
    std::vector<std::string> lines;
    for (const Problem& problem : error.problems())
      lines.push_back(problem.where + ": " + problem.message);
    return lines;
  }
}

// RFC 8032, 7.1, tests 1 and 2.
constexpr const char* kAlice = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
constexpr const char* kBob = "PUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=";

TEST(TrustSettings, ReadsKeysInBase64AndInPem) {
  const auto trust = load(R"(defaults:
  trust:
    require_signature: true
    keys:
      alice: 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
      bob: |
        -----BEGIN PUBLIC KEY-----
        MCowBQYDK2VwAyEAPUAXw+hDiVqStwqnTRt+vJyYLM8uxJaMwM1V8Sr0Zgw=
        -----END PUBLIC KEY-----
)")
                         .config.trust;
  EXPECT_TRUE(trust.require_signature);
  ASSERT_THAT(trust.keys, SizeIs(2));
  EXPECT_EQ(trust.keys.at("alice").base64(), kAlice);
  EXPECT_EQ(trust.keys.at("bob").base64(), kBob);
  EXPECT_THAT(load("defaults: {}").config.trust.keys, IsEmpty());
  EXPECT_FALSE(load("defaults: {}").config.trust.require_signature);
}

TEST(TrustSettings, AHostsKeysReplaceTheDefaultsSoThatItCanTrustLess) {
  const std::string yaml =
      "defaults: {trust: {require_signature: true, keys: {alice: " + std::string(kAlice) +
      "}}}\nhosts:\n  allegro: {trust: {keys: {bob: " + kBob +
      "}}}\n  vivace: {trust: {keys: {}}}\n";
  const auto own = load(yaml);
  EXPECT_THAT(own.config.trust.keys, SizeIs(1));
  EXPECT_TRUE(own.config.trust.keys.contains("bob"));
  EXPECT_TRUE(own.config.trust.require_signature) << "what it leaves out stays";
  EXPECT_THAT(load(yaml, "vivace").config.trust.keys, IsEmpty());
}

TEST(TrustSettings, SaysThatNothingCanRunWithoutAKeyAndTakesItAllTheSame) {
  EXPECT_THAT(
      load("defaults:\n  trust: {require_signature: true}").warnings,
      ElementsAre(AllOf(StartsWith("/etc/t/host.yaml:2:30: "), HasSubstr("no plugin runs"))));
  EXPECT_THAT(load("defaults: {trust: {require_signature: true}}\nhosts: {allegro: {trust: {keys: "
                   "{alice: " +
                   std::string(kAlice) + "}}}}")
                  .warnings,
              IsEmpty());
}

TEST(TrustSettings, ABadKeyIsNamedWithItsPlaceAndNotRepeated) {
  EXPECT_THAT(problems("defaults:\n  trust:\n    keys: { alice: c2VjcmV0, bob: 7 }\n"),
              ElementsAre(AllOf(StartsWith("/etc/t/host.yaml:3:20: defaults.trust.keys.alice: "),
                                HasSubstr("expected an Ed25519 public key: 44 characters"),
                                Not(HasSubstr("c2VjcmV0"))),
                          HasSubstr("defaults.trust.keys.bob is 7, expected text")));
  EXPECT_THAT(
      problems("hosts: {vivace: {trust: {keys: {a: "
               "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=}}}}"),
      ElementsAre(AllOf(HasSubstr("hosts.vivace.trust.keys.a: "), HasSubstr("anybody could sign"))))
      << "of another host, too";
}

TEST(TrustSettings, APinIsTakenInEitherCaseAndAHostsReplacesTheDefaults) {
  const std::string upper(64, 'A'), other(64, 'b');
  const std::string yaml = "defaults: {plugins: {a: {sha256: " + upper +
                           "}, c: {}}}\nhosts: {vivace: {plugins: {a: {sha256: " + other + "}}}}";
  EXPECT_EQ(load(yaml).config.plugins.at("a").sha256, std::string(64, 'a'));
  EXPECT_EQ(load(yaml).config.plugins.at("c").sha256, "");
  EXPECT_EQ(load(yaml, "vivace").config.plugins.at("a").sha256, other);
}

TEST(TrustSettings, ABadPinIsNamedWithItsPlace) {
  for (const auto& pin : {std::string(63, 'a'), std::string(65, 'a'), std::string("latest")})
    EXPECT_THAT(problems("defaults: {plugins: {a: {sha256: " + pin + "}}}"),
                ElementsAre(AllOf(StartsWith("/etc/t/host.yaml:1:34: "),
                                  HasSubstr("defaults.plugins.a.sha256 is \""),
                                  HasSubstr("expected text such as \"e3b0c442"))))
        << pin;
}

}  // namespace
}  // namespace host
