// SPDX-License-Identifier: Apache-2.0
#include "http/proxy.hpp"

#include <gmock/gmock.h>

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(ProxyVariables, AreThoseThatLibcurlReads) {
  const std::map<std::string, std::string> environment = {
      {"https_proxy", "http://proxy:3128"},
      {"NO_PROXY", "lan"},
      {"HTTP_PROXY", "http://evil"},
      {"all_proxy", ""},
      {"PATH", "/usr/bin"},
  };
  EXPECT_THAT(proxy_variables([&](const std::string& name) -> std::optional<std::string> {
                const auto found = environment.find(name);
                if (found == environment.end()) return std::nullopt;
                return found->second;
              }),
              ElementsAre(Pair("NO_PROXY", "lan"), Pair("https_proxy", "http://proxy:3128")));
}

}  // namespace
}  // namespace host
