// SPDX-License-Identifier: Apache-2.0
#include "dispatch/playbook_paths.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

namespace host::dispatch {
namespace {

using ::testing::HasSubstr;

TEST(PlaybookPaths, AFolderStandsForAllInIt) {
  EXPECT_TRUE(path_matches("src", "src"));
  EXPECT_TRUE(path_matches("src", "src/a/b.c"));
  EXPECT_FALSE(path_matches("src", "srcs/a"));
  EXPECT_FALSE(path_matches("src", "lib/src"));
  EXPECT_FALSE(path_matches("src/a", "src"));
}

TEST(PlaybookPaths, StarsStayBetweenSlashesAndTwoDoNot) {
  EXPECT_TRUE(path_matches("docs/*.md", "docs/a.md"));
  EXPECT_FALSE(path_matches("docs/*.md", "docs/a/b.md"));
  EXPECT_TRUE(path_matches("docs/**/x?", "docs/x1"));
  EXPECT_TRUE(path_matches("docs/**/x?", "docs/a/b/x1/deep"));
  EXPECT_FALSE(path_matches("docs/**/x?", "docs/a/x"));
  EXPECT_TRUE(path_matches("**/testdata", "a/b/testdata/c"));
  EXPECT_TRUE(path_matches("**", "a"));
  EXPECT_TRUE(path_matches("*", ".gitmodules"));
}

TEST(PlaybookPaths, ADetourFitsNothing) {
  for (const auto* path : {"/src/a", "src//a", "src/../a", "./src", "", "src/"})
    EXPECT_FALSE(path_matches("**", path)) << path;
}

TEST(PlaybookPaths, WhatIsDeniedHasNoCase) {
  EXPECT_FALSE(path_matches(".gitea/workflows", ".Gitea/Workflows/x.yml"));
  EXPECT_TRUE(path_matches_any_case(".gitea/workflows", ".Gitea/Workflows/x.yml"));
  EXPECT_TRUE(path_matches_any_case("Jenkinsfile", "jenkinsfile"));
}

TEST(PlaybookPaths, ALinkAboveWhatIsDeniedLeadsToIt) {
  EXPECT_TRUE(path_leads_to(".gitea/workflows", ".gitea"));
  EXPECT_TRUE(path_leads_to(".gitea/workflows", ".Gitea"));
  EXPECT_TRUE(path_leads_to("a/*/c/d", "a/b"));
  EXPECT_TRUE(path_leads_to("a/*/c/d", "a/b/c"));
  EXPECT_TRUE(path_leads_to("docs/**/x", "docs"));
  EXPECT_TRUE(path_leads_to("docs/**/x", "docs/a/b"));
  EXPECT_TRUE(path_leads_to("**/a/b", "x/a"));
  EXPECT_FALSE(path_leads_to(".gitea/workflows", ".github"));
  EXPECT_FALSE(path_leads_to(".gitea/workflows", ".gitea/workflows")) << "it is that itself";
  EXPECT_FALSE(path_leads_to("src", "src"));
  EXPECT_FALSE(path_leads_to("src", "lib"));
  EXPECT_FALSE(path_leads_to("**/testdata", "x")) << "what it leads to is denied there";
  EXPECT_FALSE(path_leads_to("a/*/c/d", "a/b/x"));
}

TEST(PlaybookPaths, WhatRunsWithTheSecretsOfOthersIsLocked) {
  for (const auto* path : {".github/actions/x/action.yml",
                           ".gitea/actions/x",
                           ".forgejo/actions/x",
                           ".circleci/config.yml",
                           ".travis.yml",
                           ".buildkite/pipeline.yml",
                           "lefthook.yml",
                           ".lefthook.yml",
                           "CODEOWNERS",
                           ".github/CODEOWNERS",
                           "docs/CODEOWNERS",
                           ".gitlab-ci.yml",
                           "azure-pipelines.yml",
                           "bitbucket-pipelines.yml",
                           "Jenkinsfile",
                           ".teamcity/settings.kts",
                           ".woodpecker/a.yml",
                           ".drone.yml",
                           ".pre-commit-config.yaml",
                           ".husky/pre-push"}) {
    bool locked = false;
    for (const auto& pattern : locked_paths()) locked |= path_matches_any_case(pattern, path);
    EXPECT_TRUE(locked) << path;
  }
}

TEST(PlaybookPaths, AWrongPatternSaysWhy) {
  EXPECT_THAT(*path_pattern_fault("/src"), HasSubstr("absolute"));
  for (const auto* pattern : {"", "src/", "a//b", "../x", "a/./b"})
    EXPECT_THAT(path_pattern_fault(pattern).value_or(""), HasSubstr("part")) << pattern;
  EXPECT_THAT(*path_pattern_fault("a**/b"), HasSubstr("alone between slashes"));
  EXPECT_TRUE(path_pattern_fault("a\nb"));
  EXPECT_TRUE(path_pattern_fault(std::string(1025, 'a')));
  for (const auto* pattern : {"src", "docs/*.md", "**/x", ".github/workflows"})
    EXPECT_FALSE(path_pattern_fault(pattern)) << pattern;
}

TEST(PlaybookPaths, WhatIsLockedStandsInTheDocument) {
  std::stringstream document;
  document << std::ifstream(PLAYBOOKS_DOCUMENT).rdbuf();
  for (const auto& path : locked_paths()) {
    EXPECT_FALSE(path_pattern_fault(path)) << path;
    EXPECT_THAT(document.str(), HasSubstr("`" + path + "`"));
  }
}

}  // namespace
}  // namespace host::dispatch
