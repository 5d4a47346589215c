// SPDX-License-Identifier: Apache-2.0
#include "plugins/grants.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace host {
namespace {

TEST(GrantsTest, CoverWhatTheirGlobsMatchAndNothingElse) {
  const auto grants = Grants::from({{"gitea.read", {"org/*", "other/one"}}});
  EXPECT_TRUE(grants.permits("gitea.read", "org/app"));
  EXPECT_TRUE(grants.permits("gitea.read", "other/one"));
  EXPECT_FALSE(grants.permits("gitea.read", "other/two"));
  EXPECT_FALSE(grants.permits("gitea.read", "organisation/app"));
  EXPECT_FALSE(grants.permits("gitea.write", "org/app"));
}

TEST(GrantsTest, CompareRepositoriesWithoutCaseAsTheForgeDoes) {
  const auto grants = Grants::from({{"gitea.read", {"Org/*"}}, {"process.restart", {"Agent"}}});
  EXPECT_TRUE(grants.permits("gitea.read", "org/App"));
  EXPECT_TRUE(grants.permits("gitea.read", "ORG/app"));
  EXPECT_FALSE(grants.permits("gitea.read", "orga/app"));
  EXPECT_TRUE(grants.reaches("gitea.read", "oRG"));
  EXPECT_FALSE(grants.reaches("gitea.read", "orga"));
  EXPECT_FALSE(grants.permits("process.restart", "agent")) << "others are what they are";
}

TEST(GrantsTest, AStarStopsAtASlashButAloneCoversEverything) {
  EXPECT_FALSE(glob_matches("org/*", "org/a/b"));
  EXPECT_FALSE(glob_matches("*/app", "x/y/app"));
  EXPECT_TRUE(glob_matches("*/app", "x/app"));
  EXPECT_TRUE(glob_matches("*", "x/y/z"));
  EXPECT_TRUE(glob_matches("*.example.org:443", "git.example.org:443"));
  EXPECT_FALSE(glob_matches("*.example.org:443", "git.example.org:80"));
  EXPECT_TRUE(glob_matches("a*b*c", "aXbbYc"));
  EXPECT_FALSE(glob_matches("a*b*c", "aXbbYcd"));
  EXPECT_TRUE(glob_matches("ab*", "ab"));
}

TEST(GrantsTest, AValueCannotClimbOutOfItsGlob) {
  for (const char* value : {"org/..", "org/.", "../org", "org//x", "org/", "", "org/a\nb"})
    EXPECT_FALSE(glob_matches("*", value)) << value;
  EXPECT_FALSE(glob_matches("org/*", "org/.."));
  EXPECT_TRUE(glob_matches("/srv/data", "/srv/data"));
}

TEST(GrantsTest, ALongValueIsMatchedInReasonableTime) {
  const std::string value(20'000, 'a');
  EXPECT_FALSE(glob_matches("a*a*a*a*a*a*a*a*a*a*b", value));
}

TEST(GrantsTest, TakeOneTextAListOrTrue) {
  const auto grants =
      Grants::from({{"http", "a:443"}, {"tokens.read", true}, {"model", Json::array()}});
  EXPECT_TRUE(grants.permits("http", "a:443"));
  EXPECT_TRUE(grants.permits("tokens.read", "pipeline"));
  EXPECT_FALSE(grants.has("model"));
  EXPECT_EQ(grants.text(), "http: a:443; tokens.read: *");
  EXPECT_EQ(grants.json(), (Json{{"http", {"a:443"}}, {"tokens.read", {"*"}}}));
  EXPECT_EQ(Grants::from(grants.json()), grants);
}

TEST(GrantsTest, RefuseAnythingElseByName) {
  for (const Json& wrong :
       {Json(false), Json(1), Json(nullptr), Json{{"x", 1}}, Json::array({1})}) {
    try {
      static_cast<void>(Grants::from({{"http", wrong}}));
      ADD_FAILURE() << wrong;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), Code::invalid);
      EXPECT_NE(error.message().find("\"http\""), std::string::npos);
    }
  }
  EXPECT_THROW(static_cast<void>(Grants::from(Json::array())), Error);
}

}  // namespace
}  // namespace host
