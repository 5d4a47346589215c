// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_secrets.hpp"

#include <gtest/gtest.h>

#include <string>

namespace host::dispatch {
namespace {

// Put together here, so that no scanner takes this file for what it is about.
std::string with(const std::string& prefix, const std::string& rest) { return prefix + rest; }
const std::string kRandom = "q7Zt2Lw9Xk4Vb1Nc8Rm5Pd3Fs6Hg0JyAe";

TEST(Credentials, AreKnownByTheirForm) {
  const std::pair<std::string, std::string> lines[] = {
      {with("-----BEGIN RSA PRIVATE", " KEY-----"), "a private key"},
      {with("-----BEGIN OPENSSH PRIVATE", " KEY-----"), "a private key"},
      {with("-----BEGIN PRIVATE", " KEY-----"), "a private key"},
      {with("-----BEGIN PGP PRIVATE KEY", " BLOCK-----"), "a private key"},
      {with("id = AKIA", "Q3EGR7X2LMNOP5TU"), "an AWS access key"},
      {with("ghp", "_" + kRandom + "12345"), "a GitHub token"},
      {with("glpat", "-" + kRandom.substr(0, 20)), "a GitLab token"},
      {with("xoxb", "-123456789012-" + kRandom), "a Slack token"},
      {with("key: sk", "-proj-" + kRandom), "a key of a model's provider"},
      {with("key: sk", "-ant-api03-" + kRandom), "a key of a model's provider"},
      {with("AIza", "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"), "a Google API key"},
      {with("sk_live", "_" + kRandom.substr(0, 24)), "a Stripe key"},
      {with("eyJhbGciOiJIUzI1NiJ9", ".eyJzdWIiOiIxMjM0NTYifQ.c2lnbmF0dXJlLW9mLWl0"),
       "a signed web token"},
      {with("postgres://app:", "h7Gk2pQ9zW@db/x"), "a password in a URL"},
      {with("Authorization: Bearer ", kRandom), "an Authorization header"},
      {with("password = ", "\"h7Gk2pQ9zWx1\""), "a credential that is set to a value"},
      {with("\"api_key\": ", "\"" + kRandom + "\""), "a credential that is set to a value"},
      {with("GITEA_TOKEN=", "9f3c1b7a5e2d4806bb1c7f0e9a3d5c8e1f2a4b6d"),
       "a credential that is set to a value"},
      {with("export AWS_SECRET=", kRandom), "a credential that is set to a value"},
  };
  for (const auto& [line, name] : lines) EXPECT_EQ(credential_in(line), name) << line;
}

TEST(Credentials, AreReadInTextOfTwoBytesACharacterToo) {
  std::string wide;
  for (const char c : with("AKIA", "Q3EGR7X2LMNOP5TU")) wide += std::string(1, c) + '\0';
  EXPECT_EQ(credential_in(wide), "an AWS access key");
}

TEST(Credentials, AreNotSeenWhereThereAreNone) {
  for (const std::string line :
       {"password = os.environ['PASSWORD']",
        "token: ${{ secrets.TOKEN }}",
        "api_key = \"$API_KEY\"",
        "password: \"changeme-please1\"",
        "PASSWORD=example-password-1",
        "secret = get_secret()",
        "const token = parser.next_token();",
        "-----BEGIN CERTIFICATE-----",
        "-----BEGIN PUBLIC KEY-----",
        "the password must have 12 characters",
        "https://user:password@example.org/",
        "https://git.example.org/org/app",
        "sk-learn-is-a-library-of-machine-learning",
        "commit 9f3c1b7a5e2d4806bb1c7f0e9a3d5c8e1f2a4b6d",
        "sha256: 9f3c1b7a5e2d4806bb1c7f0e9a3d5c8e1f2a4b6d9f3c1b7a5e2d4806bb1c7f0e",
        "\"token\": \"<your token here 123>\"",
        "max_tokens = 'two hundred'",
        "tokens: 200000",
        "Authorization: Bearer $TOKEN",
        "TOKEN_FILE=/run/credentials/token",
        ""})
    EXPECT_EQ(credential_in(line), "") << line;
}

TEST(Credentials, InALineOfMegabytesAreFoundInTimeThatGrowsWithIt) {
  std::string line(std::size_t{8} << 20, 'a');
  EXPECT_EQ(credential_in(line), "");
  line += with(" AKIA", "Q3EGR7X2LMNOP5TU");
  EXPECT_EQ(credential_in(line), "an AWS access key");
}

}  // namespace
}  // namespace host::dispatch
