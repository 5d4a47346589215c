// SPDX-License-Identifier: Apache-2.0
#include "services/gitea_scopes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "services/gitea_reads.hpp"
#include "services/gitea_writes.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// "read:issue: get_issue ...": the scope, and how many methods.
std::vector<std::string> missing(const Json& grants, std::vector<std::string> token,
                                 bool writes = true) {
  std::vector<std::string> all;
  for (const auto& [scope, methods] :
       missing_scopes(Grants::from(grants), writes, {std::move(token)}))
    all.push_back(scope + " " + std::to_string(methods.size()));
  return all;
}

TEST(GiteaScopes, AreKnownOfEachMethodAndOfNoOther) {
  std::size_t known = 0;
  for (const auto& [method, read] : forge_reads()) {
    EXPECT_TRUE(forge_scopes().contains(method)) << method;
    ++known;
  }
  for (const auto& [method, write] : forge_writes()) {
    EXPECT_TRUE(forge_scopes().contains(method)) << method;
    ++known;
  }
  EXPECT_EQ(forge_scopes().size(), known);
}

TEST(GiteaScopes, WhatAGrantLetsAPluginCallIsWhatItsTokenMustDo) {
  const Json reads{{"gitea.read", {"org/*"}}};
  EXPECT_THAT(missing(reads, {"read:issue", "read:organization", "read:repository", "read:user"}),
              IsEmpty());
  EXPECT_THAT(missing(reads, {"read:repository", "read:user"}),
              ElementsAre("read:issue 4", "read:organization 2"));
  EXPECT_THAT(
      missing(reads, {"write:issue", "write:organization", "write:repository", "write:user"}),
      IsEmpty())
      << "who writes reads";
  EXPECT_THAT(
      missing({{"gitea.write", {"org/app"}}}, {"read:issue", "read:repository", "read:user"}),
      ElementsAre("write:issue 9", "write:repository 2"));
  EXPECT_THAT(missing({{"http", {"a:1"}}}, {}), IsEmpty()) << "no grant for the forge";
}

TEST(GiteaScopes, MergingIsAGrantOfItsOwn) {
  EXPECT_TRUE(may_ask_forge(Grants::from({{"gitea.merge", {"org/app"}}})));
  EXPECT_FALSE(may_ask_forge(Grants::from({{"http", {"a:1"}}})));
  const auto all = missing_scopes(Grants::from({{"gitea.merge", {"org/app"}}}), true,
                                  {{"read:repository", "read:user"}});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].scope, "write:repository");
  EXPECT_THAT(all[0].methods, ElementsAre("merge_pr"));
}

TEST(GiteaScopes, AGrantForNoRepositoryNeedsNoScopeOfRepositories) {
  EXPECT_THAT(missing({{"gitea.read", {"whoami"}}}, {}), ElementsAre("read:user 1"));
  EXPECT_THAT(missing({{"gitea.read", {"whoami"}}}, {"read:user"}), IsEmpty());
}

TEST(GiteaScopes, ADryRunNeedsNoScopeForWriting) {
  EXPECT_THAT(missing({{"gitea.write", {"*"}}}, {"read:user"}, false), IsEmpty());
  const auto all = missing_scopes(Grants::from({{"gitea.write", {"*"}}}), true,
                                  {{"read:repository", "read:user", "write:issue"}});
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].scope, "write:repository");
  EXPECT_THAT(all[0].methods, ElementsAre("create_review", "set_status"));
}

}  // namespace
}  // namespace host
