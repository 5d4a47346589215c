// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_facts.hpp"

#include <fmt/format.h>

#include "dispatch/verify_fixture.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using workspaces::put;

std::vector<std::string> added_in(std::string_view patch, std::size_t piece) {
  std::vector<std::string> lines;
  AddedLines reader([&](const AddedLine& line) {
    lines.push_back(fmt::format("{}:{}:{}", line.path, line.number, line.text));
  });
  for (std::size_t at = 0; at < patch.size(); at += piece) reader.take(patch.substr(at, piece));
  reader.end();
  return lines;
}

constexpr const char* kPatch =
    "commit 0123456789012345678901234567890123456789\n"
    "\n"
    "diff --git a.c a.c\n"
    "index 1..2 100644\n"
    "--- a.c\n"
    "+++ a.c\n"
    "@@ -1 +1,2 @@ int f() @@ +9,9\n"
    "-old\n"
    "+new\n"
    "+++ not/a/header\n"
    "@@ -9,2 +10 @@\n"
    "--- nor this\n"
    "-@@ -1 +1 @@\n"
    "+last\n"
    "\\ No newline at end of file\n"
    "diff --git b b\n"
    "new file mode 100644\n"
    "--- /dev/null\n"
    "+++ b c\t\n"
    "@@ -0,0 +1 @@\n"
    "+in b";

TEST(AddedLinesOf, APatchAreReadInPiecesOfAnySize) {
  for (const std::size_t piece : {1, 2, 7, 4096})
    EXPECT_THAT(added_in(kPatch, piece),
                ElementsAre("a.c:1:new", "a.c:2:++ not/a/header", "a.c:10:last", "b c:1:in b"))
        << piece;
}

TEST(AddedLinesOf, APatchThatBreaksOffAreRefused) {
  EXPECT_THROW((void)added_in("+++ a\n@@ -1 +1,3 @@\n+one\ndiff --git b b\n", 100), Error);
  EXPECT_THROW((void)added_in("@@ -nothing\n", 100), Error);
}

using WorkFactsOf = VerifyTest;

TEST_F(WorkFactsOf, CommitsAreReadFromTheMirror) {
  put(tree() / "plain", "one\ntwo\n");
  put(tree() / "raw", std::string("\0\n\xff\n", 4));
  agent_commits(*clone_, "first\n\nbody");
  put(tree() / "README", "back\n");
  agent_commits(*clone_, "second");
  ASSERT_TRUE(bundle(*clone_));
  const auto result = take_in(*clone_);
  ASSERT_THAT(result.problems, SizeIs(0));
  const auto work = read_work(*mirror_, clone_->record.base, result.head);
  ASSERT_THAT(work.commits, SizeIs(2));
  EXPECT_EQ(work.commits[0].message, "first\n\nbody\n");
  EXPECT_EQ(work.commits[0].author, "Agent <agent@example.org>");
  EXPECT_EQ(work.commits[1].id, result.head);
  std::vector<std::string> files;
  for (const auto& file : work.files)
    files.push_back(fmt::format("{} +{} -{}", file.path, file.added, file.removed));
  EXPECT_THAT(files, UnorderedElementsAre("README +1 -1", "plain +2 -0", "raw +2 -0"));
  EXPECT_THAT(work.touched, ElementsAre("README", "plain", "raw"));
}

TEST_F(WorkFactsOf, FilesOfAnyKindAreCountedInLines) {
  put(tree() / ".gitattributes", "* -diff binary\n");
  put(tree() / "hidden", std::string(1, '\0') + "\n1\n2\n3\n");
  put(tree() / "empty", "");
  fs::remove(tree() / "README");
  fs::create_symlink("src/main.c", tree() / "README");
  put_program(tree() / "src" / "main.c", "int main(void) { return 1; }\n");
  put(tree() / "zz", "last\n");
  agent_commits(*clone_);
  ASSERT_TRUE(bundle(*clone_));
  const auto result = take_in(*clone_);
  std::vector<std::string> files;
  for (const auto& file : read_work(*mirror_, clone_->record.base, result.head).files)
    files.push_back(fmt::format("{} +{} -{}", file.path, file.added, file.removed));
  EXPECT_THAT(files, ElementsAre(".gitattributes +1 -0", "README +1 -1", "empty +0 -0",
                                 "hidden +4 -0", "src/main.c +0 -0", "zz +1 -0"));
}

TEST_F(WorkFactsOf, EveryLineThatAnyCommitAddsIsSeen) {
  put(tree() / ".gitattributes", "* -text -diff diff=evil\n");
  put(tree() / "gone", "was here\n");
  agent_commits(*clone_, "first");
  fs::remove(tree() / "gone");
  put(tree() / "raw", std::string("\0hidden\n", 8));
  agent_commits(*clone_, "second");
  ASSERT_TRUE(bundle(*clone_));
  const auto result = take_in(*clone_);
  std::vector<std::string> lines;
  EXPECT_TRUE(for_each_added(*mirror_, clone_->record.base, result.head,
                             [&](const AddedLine& line) { lines.emplace_back(line.text); }));
  EXPECT_THAT(lines, UnorderedElementsAre("* -text -diff diff=evil", "was here",
                                          std::string("\0hidden", 7)));
}

}  // namespace
}  // namespace host::dispatch
