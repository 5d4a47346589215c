// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import_messages.hpp"

#include <gtest/gtest.h>

namespace host::workspaces {
namespace {

TEST(ClosingWords, AreFoundInEveryFormThatAForgeKnows) {
  for (const char* message :
       {"fixes #3", "Fix #3", "close #3", "CLOSED #3", "x\n\nResolves: #3", "(resolves #3)",
        "implements #3", "reopen #3", "closes org/app#3", "fixed !3", "closes\n#3",
        "Fixes https://git.example.org/org/app/issues/3", "fix: #3 is gone",
        "closes https://git.example.org/org/app/pulls/3", "resolves https://x/a/b#3",
        "closes http://x/-/merge_requests/3", "fixes GH-3", "prefix fixes #12, fixes #3"})
    EXPECT_TRUE(closing_words(message, 12)) << message;
  EXPECT_EQ(closing_words("This fixes #3, too", 12), "fixes #3");
}

TEST(ClosingWords, AreNotSeenWhereThereAreNone) {
  for (const char* message :
       {"", "See #3", "fixes the crash of #3 and others", "Fix the parser", "prefixes #3",
        "closes the file", "#3 fixes it", "resolve names, not #", "fix issue 3",
        "https://git.example.org/org/app/issues/3"})
    EXPECT_FALSE(closing_words(message, 0)) << message;
}

TEST(ClosingWords, OfTheWorksOwnIssueAreFine) {
  EXPECT_FALSE(closing_words("Fixes #12", 12));
  EXPECT_TRUE(closing_words("Fixes #12", 0));
  EXPECT_TRUE(closing_words("Fixes #120", 12));
  EXPECT_TRUE(closing_words("Fixes org/other#12", 12)) << "of another repository";
  EXPECT_TRUE(closing_words("Fixes !12", 12));
}

}  // namespace
}  // namespace host::workspaces
