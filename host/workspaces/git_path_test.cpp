// SPDX-License-Identifier: Apache-2.0
#include "workspaces/git_path.hpp"

#include <gmock/gmock.h>

namespace host::workspaces {
namespace {

using ::testing::HasSubstr;

TEST(PathFault, LetsOrdinaryPathsPass) {
  for (const char* path :
       {"README", "src/main.c", ".gitignore", ".github/x", "a b",
        "gr\xc3\xbc\xc3\x9f"
        "e.txt",
        "...", "..a", "a..", "git", "x.git", ".gitea/workflows/ci.yml", "a-b", "GIT~2"})
    EXPECT_EQ(path_fault(path), std::nullopt) << path;
}

TEST(PathFault, RefusesEachTrick) {
  const std::pair<std::string, const char*> table[] = {
      {"", "empty part"},
      {"a//b", "empty part"},
      {"/etc/passwd", "empty part"},
      {"a/", "empty part"},
      {"../x", "\"..\""},
      {"a/../../x", "\"..\""},
      {"./x", "\".\""},
      {".git/config", "git's own folder"},
      {".GIT/config", "git's own folder"},
      {"a/.Git/hooks/x", "git's own folder"},
      {"GIT~1/config", "git's own folder"},
      {".git /config", "git's own folder"},
      {".git.../config", "git's own folder"},
      {".git::$INDEX_ALLOCATION/config", "git's own folder"},
      {".gi\xe2\x80\x8ct/config", "not seen"},
      {"a\xe2\x80\xaetxt.exe", "not seen"},
      {"-rf", "like an option"},
      {"src/--upload-pack=x", "like an option"},
      {"a\\..\\b", "backslash"},
      {"a\nb", "control character"},
      {"a\x1b[2Jb", "control character"},
      {"a\x7f", "control character"},
      {"a\xc2\x85"
       "b",
       "control character"},
      {"a\xff", "UTF-8"},
      {"a\xc0\xaf"
       "b",
       "UTF-8"},
      {"a\xed\xa0\x80", "UTF-8"},
      {std::string(4097, 'a'), "longer than"},
      {[] {
         std::string deep = "a";
         for (int i = 0; i < 64; ++i) deep += "/a";
         return deep;
       }(),
       "deep"},
  };
  for (const auto& [path, expected] : table)
    EXPECT_THAT(path_fault(path).value_or("nothing"), HasSubstr(expected)) << path;
}

TEST(LinkFault, LetsLinksWithinTheTreePass) {
  EXPECT_EQ(link_fault("a", "b"), std::nullopt);
  EXPECT_EQ(link_fault("a/b/c", "../../d/e"), std::nullopt);
  EXPECT_EQ(link_fault("a/b", "./c/"), std::nullopt);
  EXPECT_EQ(link_fault("a/b", ".."), std::nullopt);
  EXPECT_EQ(link_fault("a", "x.git/y"), std::nullopt);
}

TEST(LinkFault, RefusesEachWayOut) {
  const std::tuple<const char*, std::string, const char*> table[] = {
      {"a", "/etc/passwd", "not relative"},
      {"a", "C:\\x", "not relative"},
      {"a", "..", "out of"},
      {"a/b", "../../x", "out of"},
      {"a/b", "../../../../etc", "out of"},
      {"a/b/evil", "s/../x", "another link"},
      {"a", ".git/config", "git's own"},
      {"a/b", "../.GIT/hooks", "git's own"},
      {"a", "", "nowhere"},
      {"a", std::string("b\0c", 3), "control"},
  };
  for (const auto& [path, target, expected] : table)
    EXPECT_THAT(link_fault(path, target).value_or("nothing"), HasSubstr(expected)) << target;
}

TEST(IsGitmodules, KnowsItsSpellings) {
  for (const char* path : {".gitmodules", ".GitModules", ".gitmodules.", "GITMOD~1", "gi7eba~1",
                           ".gitmodules:$DATA", ".gitmod\xe2\x80\x8cules"})
    EXPECT_TRUE(is_gitmodules(path)) << path;
  for (const char* path : {"gitmodules", "a/.gitmodules", ".gitmodules2"})
    EXPECT_FALSE(is_gitmodules(path)) << path;
}

TEST(ShownPath, CanBePrinted) {
  EXPECT_EQ(shown_path("src/a.c"), "src/a.c");
  EXPECT_EQ(shown_path("a\x1b[2J\n"), "a\\x1b[2J\\x0a");
  EXPECT_EQ(shown_path("a\xff"), "a\\xff");
  EXPECT_LE(shown_path(std::string(1000, '\xff')).size(), 200u);
}

}  // namespace
}  // namespace host::workspaces
