// SPDX-License-Identifier: Apache-2.0
#include "gitea/server_url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string api(std::string_view text, bool plaintext = false) {
  return normalise_server_url(text, plaintext).api();
}
Error refusal(std::string_view text) {
  try {
    return {Code::internal, api(text)};
  } catch (const Error& error) {
    return error;
  }
}

TEST(ServerUrl, TakesWhatPeoplePaste) {
  for (const auto* text :
       {"https://git.example.org", "https://git.example.org/", "https://git.example.org/api/v1",
        "https://git.example.org/api/v1/", "HTTPS://GIT.example.org:443//"})
    EXPECT_EQ(api(text), "https://git.example.org/api/v1") << text;
  EXPECT_EQ(api("https://example.org:3000/gitea/"), "https://example.org:3000/gitea/api/v1");
  EXPECT_EQ(api("https://example.org/gitea/api/v1"), "https://example.org/gitea/api/v1");
}

TEST(ServerUrl, RefusesPlaintextBeyondThisMachineUnlessAllowed) {
  EXPECT_EQ(api("http://127.0.0.1:3000"), "http://127.0.0.1:3000/api/v1");
  EXPECT_EQ(api("http://localhost"), "http://localhost/api/v1");
  EXPECT_EQ(api("http://[::1]:3000"), "http://[::1]:3000/api/v1");
  EXPECT_EQ(refusal("http://git.example.org").code(), Code::usage);
  EXPECT_THAT(refusal("http://10.0.0.1").next_step(), HasSubstr("allow_plaintext"));
  EXPECT_EQ(api("http://git.example.org", true), "http://git.example.org/api/v1");
}

TEST(ServerUrl, RefusesWhatNamesNoServer) {
  for (const auto* text : {"", "git.example.org", "ssh://git@example.org", "file:///tmp",
                           "https://example.org/?a=b", "https://example.org/#x"})
    EXPECT_EQ(refusal(text).code(), Code::usage) << text;
  const auto error = refusal("https://timmy:hunter22@example.org");
  EXPECT_EQ(error.code(), Code::usage);
  EXPECT_THAT(std::string(error.what()), Not(HasSubstr("hunter22")));
}

}  // namespace
}  // namespace host
