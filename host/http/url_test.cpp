// SPDX-License-Identifier: Apache-2.0
#include "http/url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Url, TakesUrlsApart) {
  const auto url = parse_url("HTTPS://Git.Example.ORG/a%2Fb/?x=1#f");
  EXPECT_EQ(url.scheme, "https");
  EXPECT_EQ(url.host, "git.example.org");
  EXPECT_EQ(url.port, 443);
  EXPECT_EQ(url.path, "/a%2Fb/");
  EXPECT_EQ(url.query, "x=1");
  EXPECT_EQ(url.origin(), "https://git.example.org");
  EXPECT_EQ(url.authority(), "git.example.org:443");
  EXPECT_FALSE(url.has_credentials);
  EXPECT_EQ(parse_url("http://h:8080").origin(), "http://h:8080");
  EXPECT_EQ(parse_url("http://h").path, "/");
}

TEST(Url, KnowsWhatIsOnThisMachine) {
  for (const auto* text : {"http://localhost:1", "http://127.0.0.1", "http://127.9.9.9/x",
                           "http://[::1]:3000", "http://LOCALHOST"})
    EXPECT_TRUE(parse_url(text).loopback()) << text;
  for (const auto* text : {"http://localhost.example.org", "http://10.0.0.1", "http://128.0.0.1",
                           "http://[2001:db8::1]", "http://127.0.0.1.example.org"})
    EXPECT_FALSE(parse_url(text).loopback()) << text;
  EXPECT_EQ(parse_url("http://[::1]:3000/").authority(), "[::1]:3000");
}

TEST(Url, RefusesWhatIsNoHttpUrl) {
  for (const auto* text : {"", "git.example.org", "ftp://h/", "file:///etc/passwd", "http://",
                           "http://h:99999", "http://a b/", "http://h/\r\nX: y", "//h/"})
    EXPECT_THROW((void)parse_url(text), Error) << text;
}

TEST(Url, NeverRepeatsCredentials) {
  EXPECT_TRUE(parse_url("http://u:hunter22@h/").has_credentials);
  try {
    (void)parse_url("ftp://u:hunter22@h/");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), Not(HasSubstr("hunter22")));
    EXPECT_THAT(error.message(), HasSubstr("@h/"));
  }
}

TEST(Url, EncodesAndDecodesSegments) {
  EXPECT_EQ(percent_encode("a/b c+\xC3\xA9~"), "a%2Fb%20c%2B%C3%A9~");
  EXPECT_EQ(percent_decode("a%2fb%20c+"), "a/b c+");
  EXPECT_EQ(percent_decode("a+b", true), "a b");
  EXPECT_EQ(percent_decode("%", false), "%");
  EXPECT_EQ(percent_decode("%4", false), "%4");
  EXPECT_EQ(percent_decode("%zz%41", false), "%zzA");
}

}  // namespace
}  // namespace host
