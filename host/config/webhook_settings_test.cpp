// SPDX-License-Identifier: Apache-2.0
//
// What host.yaml says of webhooks: where they come in, and by whose secret.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/host_config.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

LoadedConfig load(const std::string& text, const std::string& host = "allegro") {
  const Environment environment(std::map<std::string, std::string>{{"HOME", "/home/op"}});
  return parse_host_config(text, "/etc/t/host.yaml", host, Paths::from(environment), environment);
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

TEST(WebhookSettings, AreAnAddressAndTheFilesOfItsSecrets) {
  const auto webhooks = load(
                            "defaults:\n"
                            "  webhooks:\n"
                            "    listen: 127.0.0.1:8480\n"
                            "    secret_files: [hook, ~/old_hook]\n")
                            .config.webhooks;
  EXPECT_EQ(webhooks.listen, "127.0.0.1:8480");
  EXPECT_THAT(webhooks.secret_files, ElementsAre("/etc/t/hook", "/home/op/old_hook"));
}

TEST(WebhookSettings, AreNoneUnlessTheyAreSaid) {
  const auto webhooks = load("defaults: {}").config.webhooks;
  EXPECT_EQ(webhooks.listen, "");
  EXPECT_THAT(webhooks.secret_files, IsEmpty());
}

TEST(WebhookSettings, WithoutASecretAreRefusedForEveryHostOfTheFile) {
  EXPECT_THAT(problems("defaults:\n"
                       "  webhooks: { listen: 127.0.0.1:8480 }\n"),
              ElementsAre(HasSubstr("host.yaml:2:23: defaults.webhooks.listen is set without "
                                    "`webhooks.secret_files`")));
  EXPECT_THAT(problems("hosts:\n"
                       "  other:\n"
                       "    webhooks: { listen: 127.0.0.1:8480 }\n"),
              ElementsAre(HasSubstr("host.yaml:3:25: hosts.other.webhooks.listen")));
}

TEST(WebhookSettings, AHostMayListenWithTheSecretOfTheDefaults) {
  EXPECT_THAT(problems("defaults:\n"
                       "  webhooks: { secret_files: [hook] }\n"
                       "hosts:\n"
                       "  allegro: { webhooks: { listen: \"[::1]:8480\" } }\n"),
              IsEmpty());
}

TEST(WebhookSettings, AnAddressThatIsNoneIsRefusedWithAnExample) {
  EXPECT_THAT(problems("defaults:\n"
                       "  webhooks: { listen: localhost:8480, secret_files: [hook] }\n"),
              ElementsAre(HasSubstr("expected IP:PORT, such as 127.0.0.1:8480")));
}

TEST(WebhookSettings, MoreThanTwoSecretsAreNoRotation) {
  EXPECT_THAT(problems("defaults:\n"
                       "  webhooks: { listen: 127.0.0.1:1, secret_files: [a, b, c] }\n"),
              ElementsAre(HasSubstr("secret_files")));
}

}  // namespace
}  // namespace host
