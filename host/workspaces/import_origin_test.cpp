// SPDX-License-Identifier: Apache-2.0
//
// The mirror holds more than an agent was given. Whoever knows the name of an object must not get
// it for that: not by a tree that names it, not by a delta that was made against it.
#include "workspaces/import_origin.hpp"

#include "workspaces/git_fixture.hpp"

namespace host::workspaces {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class OriginTest : public ForgeTest {
 protected:
  void SetUp() override {
    ForgeTest::SetUp();
    if (IsSkipped()) return;
    std::string text;
    for (int i = 0; i < 200; ++i) text += "line " + std::to_string(i * i) + " of the plans\n";
    plans_ = text;
    put(person() / "old", "was there once\n");
    person_commits("old");
    fs::remove(person() / "old");
    person_commits("no longer");
    put(person() / "plans", plans_);
    other_ = person_commits("plans", "other").text();
    secret_ = id_of(plain_git(person(), {"rev-parse", "HEAD:plans"})).text();
    fetch();
    clone_.emplace(make_clone());
  }
  [[nodiscard]] std::string said() {
    try {
      const auto result = take_in(*clone_);
      return result.problems.empty() ? "taken" : result.problems[0].text;
    } catch (const Error& error) {
      return error.what();
    }
  }
  // A bundle of these objects ("ID name"), which says that it needs the base alone.
  void hand_in(const std::string& objects) {
    const auto tree = clone_->tree();
    const auto head = plain_git(tree, {"rev-parse", "HEAD"}).substr(0, 40);
    put(clone_->bundle(), "# v2 git bundle\n-" + clone_->record.base.text() + "\n" + head +
                              " HEAD\n\n" + plain_git(tree, {"pack-objects", "--stdout"}, objects));
  }
  [[nodiscard]] std::string name_of(const char* revision) const {
    return plain_git(clone_->tree(), {"rev-parse", revision}).substr(0, 40);
  }

  std::string plans_, other_, secret_;
  std::optional<Clone> clone_;
};

TEST_F(OriginTest, ATreeThatNamesAFileOfAnotherBranchIsRefused) {
  const auto tree = clone_->tree();
  const auto entries = plain_git(tree, {"ls-tree", "HEAD"});
  const auto made =
      plain_git(tree, {"mktree", "--missing"}, entries + "100644 blob " + secret_ + "\tmine\n");
  const auto commit =
      plain_git(tree, {"commit-tree", "-p", "HEAD", "-m", "x", made.substr(0, 40)}).substr(0, 40);
  plain_git(tree, {"update-ref", "HEAD", commit});
  hand_in(commit + "\n" + made);
  EXPECT_THAT(said(), HasSubstr("object " + secret_ + " is neither new nor behind the base"));
  EXPECT_EQ(mirror_->work_head(clone_->record.branch), std::nullopt);
}

TEST_F(OriginTest, AnObjectThatWasMadeAgainstOneOfAnotherBranchIsRefused) {
  const auto tree = clone_->tree();
  plain_git(tree, {"fetch", "--quiet", forge_repo().string(), "other"});
  put(tree / "plans", plans_ + "and mine\n");
  agent_commits(*clone_);
  // "-COMMIT": its files are there, to make others against.
  hand_in("-" + other_ + "\n" + name_of("HEAD") + "\n" + name_of("HEAD^{tree}") + "\n" +
          name_of("HEAD:plans") + " plans\n");
  EXPECT_THAT(said(), HasSubstr("object " + secret_ + " is neither new nor behind the base"));
}

TEST_F(OriginTest, WhatLiesBehindTheBaseMayComeAgain) {
  const auto tree = clone_->tree();
  const auto old = plain_git(tree, {"rev-parse", "HEAD^:old"}).substr(0, 40);
  put(tree / "old", "was there once\n");
  put(tree / "src" / "main.c", "int main(void) { return 1; }\n// changed\n");
  agent_commits(*clone_);
  ASSERT_TRUE(bundle(*clone_));
  EXPECT_EQ(said(), "taken");
  agent_commits(*clone_, "more");
  hand_in(name_of("HEAD^") + "\n" + name_of("HEAD") + "\n" + name_of("HEAD^{tree}") + "\n" +
          name_of("HEAD:src") + "\n" + name_of("HEAD:src/main.c") + "\n");
  EXPECT_EQ(said(), "taken") << "without " << old << ", which the history has";
}

}  // namespace
}  // namespace host::workspaces
