// SPDX-License-Identifier: Apache-2.0
#include "app/meter_bypass.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

HostConfig config_with(std::map<std::string, std::vector<std::string>> grants) {
  HostConfig config;
  config.model.routes["main"] = {
      .url = "https://API.example.org/v1", .provider = "acme", .credential = "acme", .models = {}};
  PluginSettings plugin;
  plugin.enabled = true;
  plugin.where = "host.yaml:4:5";
  plugin.grants = std::move(grants);
  config.plugins["poet"] = plugin;
  return config;
}

TEST(MeterBypass, IsNoneWhereAPluginOnlyAsksThroughTheHost) {
  EXPECT_THAT(meter_bypasses(config_with({{"model", {"main"}}, {"http", {"example.org:443"}}})),
              IsEmpty());
}

TEST(MeterBypass, IsARequestOfThePluginsOwnToTheModelsServer) {
  EXPECT_THAT(meter_bypasses(config_with({{"http", {"*.example.org:443"}}})),
              ElementsAre(HasSubstr("host.yaml:4:5: poet may ask api.example.org:443 by itself")));
}

TEST(MeterBypass, IsTheModelsKeySentAnywhere) {
  EXPECT_THAT(meter_bypasses(config_with({{"http.credential", {"acme@proxy.example.net:443"}}})),
              ElementsAre(HasSubstr("may have the key of model route \"main\" sent")));
}

TEST(MeterBypass, IsAPluginsOwn) {
  EXPECT_TRUE(may_bypass_meter(config_with({{"http", {"*"}}}), "poet"));
  EXPECT_FALSE(may_bypass_meter(config_with({{"model", {"main"}}}), "poet"));
  EXPECT_FALSE(may_bypass_meter(config_with({{"http", {"*"}}}), "another"));
}

TEST(MeterBypass, OfAPluginThatIsOffDoesNotMatter) {
  auto config = config_with({{"http", {"*"}}});
  config.plugins["poet"].enabled = false;
  EXPECT_THAT(meter_bypasses(config), IsEmpty());
}

}  // namespace
}  // namespace host
