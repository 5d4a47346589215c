// SPDX-License-Identifier: Apache-2.0
//
// What host.yaml says of models: by which routes they are asked, and which never are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/host_config.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

LoadedConfig load(const std::string& text) {
  const Environment environment(std::map<std::string, std::string>{{"HOME", "/home/op"}});
  return parse_host_config(text, "/etc/t/host.yaml", "allegro", Paths::from(environment),
                           environment);
}

std::vector<std::string> problems(const std::string& text) {
  try {
    static_cast<void>(load(text));
    return {};
  } catch (const ConfigError& error) {
    std::vector<std::string> lines;
    for (const Problem& problem : error.problems())
      lines.push_back(problem.where + ": " + problem.message);
    return lines;
  }
}

TEST(ModelSettings, AreNoRouteUnlessOneIsNamed) {
  const auto model = load("defaults: {}").config.model;
  EXPECT_THAT(model.routes, IsEmpty());
  EXPECT_EQ(model.listen, "127.0.0.1:0");
}

TEST(ModelSettings, GiveARouteItsServerItsKeyAndItsBounds) {
  const auto model =
      load(
          "defaults:\n"
          "  credentials: { openai: ~/key }\n"
          "  model:\n"
          "    routes:\n"
          "      main: { url: https://api.example.org/v1/, credential: openai,\n"
          "              models: [\"gpt-*\"], max_output: 100, bytes_per_token: 2 }\n"
          "    banned: { providers: [acme], models: [\"*-preview\"] }\n")
          .config.model;
  const auto& route = model.routes.at("main");
  EXPECT_EQ(route.url, "https://api.example.org/v1");
  EXPECT_EQ(route.provider, "main") << "for want of another name";
  EXPECT_EQ(route.credential, "openai");
  EXPECT_THAT(route.models, ElementsAre("gpt-*"));
  EXPECT_EQ(route.max_output, 100);
  EXPECT_EQ(route.bytes_per_token, 2);
  EXPECT_THAT(model.banned_providers, ElementsAre("acme"));
  EXPECT_THAT(model.banned_models, ElementsAre("*-preview"));
}

TEST(ModelSettings, RefuseAMeterThatOtherMachinesReach) {
  EXPECT_THAT(
      problems("defaults:\n"
               "  model: { listen: 0.0.0.0:8481 }\n"),
      ElementsAre(HasSubstr("host.yaml:2:20: defaults.model.listen: \"0.0.0.0:8481\" can be "
                            "reached from other machines")));
}

TEST(ModelSettings, RefuseAKeyOverTheNetworkInTheClear) {
  const std::string route =
      "defaults:\n"
      "  model: { routes: { main: { url: \"http://models.example.org/v1\"";
  EXPECT_THAT(problems(route + " } } }\n"), ElementsAre(HasSubstr("in the clear")));
  EXPECT_THAT(problems(route + ", allow_plaintext: true } } }\n"), IsEmpty());
}

TEST(ModelSettings, SayWhichCredentialWasMeant) {
  EXPECT_THAT(
      problems("defaults:\n"
               "  credentials: { openai: key }\n"
               "hosts:\n"
               "  other:\n"
               "    model: { routes: { main: { url: \"https://a.example/v1\", credential: opnai } "
               "} }\n"),
      ElementsAre(HasSubstr("credential is \"opnai\", expected a name under `credentials`; did you "
                            "mean \"openai\"?")));
}

TEST(ModelSettings, RefuseARouteToNowhere) {
  EXPECT_THAT(problems("defaults:\n"
                       "  model: { routes: { main: { provider: openai } } }\n"),
              ElementsAre(HasSubstr("defaults.model.routes.main has no `url`")));
}

TEST(ModelSettings, PutAPluginsTokensOnAPipeline) {
  const auto plugins = load(
                           "defaults:\n"
                           "  plugins: { triage: { pipeline: nightly }, heartbeat: {} }\n")
                           .config.plugins;
  EXPECT_EQ(plugins.at("triage").pipeline, "nightly");
  EXPECT_EQ(plugins.at("heartbeat").pipeline, "");
}

}  // namespace
}  // namespace host
