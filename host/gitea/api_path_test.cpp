// SPDX-License-Identifier: Apache-2.0
#include "gitea/api_path.hpp"

#include <gtest/gtest.h>

namespace host {
namespace {

TEST(ApiPath, TellsTheRepositoryThatItNames) {
  EXPECT_EQ(repo_in("/repos/org/app/issues/5?page=2"), (RepoName{"org", "app"}));
  EXPECT_EQ(repo_in("/repos/org/app"), (RepoName{"org", "app"}));
  EXPECT_EQ(repo_in("/repos/org/app?x=a/b"), (RepoName{"org", "app"}));
  for (const char* none : {"/user", "/repos/org", "/repos//app", "/repos/", "/orgs/org/app"})
    EXPECT_EQ(repo_in(none), std::nullopt) << none;
}

TEST(ApiPath, TellsTheIssueOrPullRequestWhateverIsAskedOfIt) {
  for (const char* path : {"/repos/org/app/pulls/5", "/repos/org/app/pulls/5/files?limit=50",
                           "/repos/org/app/issues/5/comments"})
    EXPECT_EQ(object_in(path), "/repos/org/app#5") << path;
  EXPECT_NE(object_in("/repos/org/app/pulls/5"), object_in("/repos/org/app/pulls/6"));
  EXPECT_NE(object_in("/repos/org/app/pulls/5"), object_in("/repos/org/other/pulls/5"));
}

TEST(ApiPath, OfAllElseThePathIsTheObject) {
  EXPECT_EQ(object_in("/repos/org/app/issues?page=2"), "/repos/org/app/issues");
  EXPECT_EQ(object_in("/repos/org/app/issues/comments/7"), "/repos/org/app/issues/comments/7");
  EXPECT_EQ(object_in("/repos/org/app"), "/repos/org/app");
  EXPECT_EQ(object_in("/repos/org"), "/repos/org");
  EXPECT_EQ(object_in("/version"), "/version");
}

}  // namespace
}  // namespace host
