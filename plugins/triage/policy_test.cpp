// SPDX-License-Identifier: Apache-2.0
#include "policy.hpp"

#include <gmock/gmock.h>

#include "digest.hpp"

namespace triage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using timmy::Json;

Policy policy(const Json& in = nullptr) {
  Json ban{{"name", "examplesoft"}, {"pattern", "(?i)\\bexamplesoft\\b"}};
  if (!in.is_null()) ban["in"] = in;
  return Policy(Json::array({ban}));
}

std::vector<std::string> where(const std::vector<Hit>& hits) {
  std::vector<std::string> all;
  for (const auto& hit : hits) all.push_back(hit.where);
  return all;
}

timmy::Commit commit(const std::string& message, const std::string& name = "Amy",
                     const std::string& email = "amy@x.test") {
  return {"0123456789abcdef", message, {name, email}, {"Forge", "noreply@x.test"}};
}

TEST(Policy, LooksEverywhereUnlessToldWhere) {
  timmy::PullRequest pull;
  pull.title = "By ExampleSoft";
  pull.body = "for examplesoft";
  pull.user = "examplesoft-bot";
  EXPECT_THAT(where(policy().find(pull)),
              ElementsAre("the title", "the description", "its author's login"));
  EXPECT_THAT(where(policy({"body"}).find(pull)), ElementsAre("the description"));
  EXPECT_FALSE(policy({"body"}).looks_at(Place::commits));
  EXPECT_TRUE(policy().looks_at(Place::files));
  EXPECT_FALSE(Policy(Json::array()).looks_at(Place::title));
}

TEST(Policy, SeesTrailersNamesAndAddressesOfCommits) {
  EXPECT_THAT(where(policy().find({commit("Mend it\n\nCo-authored-by: ExampleSoft <bot@x.test>")})),
              ElementsAre("the message of commit 0123456789"));
  EXPECT_THAT(where(policy().find({commit("Mend it", "ExampleSoft Agent")})),
              ElementsAre("who commit 0123456789 is by"));
  EXPECT_THAT(where(policy().find({commit("Mend it", "Amy", "noreply@examplesoft.test")})),
              SizeIs(1));
  EXPECT_THAT(policy().find({commit("Mend it")}), IsEmpty());
  EXPECT_THAT(policy({"files"}).find({commit("examplesoft")}), IsEmpty());
}

TEST(Policy, SeesTheNamesOfFilesBeforeAndAfter) {
  const std::vector<timmy::ChangedFile> files{{"a.cpp", "", "changed", 1, 0},
                                              {"b.cpp", "x/examplesoft/b.cpp", "renamed", 0, 0},
                                              {"ExampleSoft.md", "", "added", 1, 0}};
  EXPECT_THAT(where(policy().find(files)),
              ElementsAre("the former name of a file", "the name of a file"));
}

TEST(Policy, SaysWhatItFound) {
  timmy::PullRequest pull;
  pull.title = "Made with ExampleSoft!";
  const auto hits = policy().find(pull);
  ASSERT_THAT(hits, SizeIs(1));
  EXPECT_EQ(hits[0].text, "ExampleSoft");
  EXPECT_EQ(Hit::from(hits[0].to_json()).where, "the title");
}

TEST(Policy, OfAThousandCommitsTellsNoMoreThanAnybodyReads) {
  EXPECT_THAT(policy().find(std::vector<timmy::Commit>(1000, commit("examplesoft"))), SizeIs(20));
}

TEST(Policy, RefusesAPatternThatIsNone) {
  EXPECT_THAT(
      [] {
        Policy(Json::array({{{"name", "x"}, {"pattern", "["}}}));
      },
      ::testing::ThrowsMessage<timmy::Permanent>(HasSubstr("reviews.banned \"x\"")));
}

// What is remembered by it is still known after the host was built anew, or moved.
TEST(PolicyFingerprint, IsTheSameOverBuildsAndMachines) {
  EXPECT_EQ(digest(""), "cbf29ce484222325");
  EXPECT_EQ(digest("foobar"), "85944171f73967e8");
  EXPECT_EQ(Policy(Json::array()).fingerprint(), digest("[]"));
}

}  // namespace
}  // namespace triage
