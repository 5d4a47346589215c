// SPDX-License-Identifier: Apache-2.0
#include "workspaces/import.hpp"

#include "workspaces/git_fixture.hpp"

namespace host::workspaces {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ImportTest : public ForgeTest {
 protected:
  void SetUp() override {
    ForgeTest::SetUp();
    if (IsSkipped()) return;
    fetch();
    clone_.emplace(make_clone());
  }
  // Objects and refs of the mirror: what an import may change.
  [[nodiscard]] std::string mirror_state() const {
    return plain_git(mirror_->git_dir(), {"for-each-ref"}) +
           plain_git(mirror_->git_dir(), {"cat-file", "--batch-all-objects", "--batch-check"});
  }
  ImportResult hand_in(const ImportRules& rules = open_rules()) {
    EXPECT_TRUE(bundle(*clone_));
    return take_in(*clone_, rules);
  }
  // Nothing was taken in and nothing is left over.
  void expect_refused(const ImportRules& rules, Code code, const std::string& text) {
    const auto before = mirror_state();
    ASSERT_TRUE(bundle(*clone_));
    const auto error = error_of([&] { return take_in(*clone_, rules); });
    ASSERT_TRUE(error);
    EXPECT_EQ(error->code(), code) << error->what();
    EXPECT_THAT(error->what(), HasSubstr(text));
    EXPECT_EQ(mirror_state(), before);
    EXPECT_TRUE(fs::is_empty(mirror_->quarantines()));
  }
  void expect_problem(const ImportRules& rules, const std::string& path, const std::string& text) {
    const auto before = mirror_state();
    const auto result = hand_in(rules);
    ASSERT_FALSE(result.problems.empty()) << path;
    EXPECT_EQ(result.problems[0].path, path);
    EXPECT_THAT(result.problems[0].text, HasSubstr(text));
    EXPECT_EQ(mirror_state(), before);
    EXPECT_TRUE(fs::is_empty(mirror_->quarantines()));
  }

  std::optional<Clone> clone_;
};

TEST_F(ImportTest, TakesCommitsInAndSaysWhatTheyTouch) {
  put(clone_->tree() / "src" / "main.c", "int main(void) { return 0; }\n");
  agent_commits(*clone_, "fix");
  put(clone_->tree() / "test", "x");
  fs::remove(clone_->tree() / "README");
  const auto head = agent_commits(*clone_, "test");
  const auto result = hand_in();
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_EQ(result.head, head);
  EXPECT_EQ(result.commits, 2u);
  EXPECT_THAT(result.changed, ElementsAre("README", "src/main.c", "test"));
  EXPECT_EQ(mirror_->work_head(clone_->record.branch), head);
  EXPECT_NO_THROW(plain_git(mirror_->git_dir(), {"fsck", "--strict", "--connectivity-only"}));
}

TEST_F(ImportTest, TakesALaterAttemptInItsPlace) {
  put(clone_->tree() / "a", "1");
  agent_commits(*clone_);
  (void)hand_in();
  put(clone_->tree() / "a", "2");
  plain_git(clone_->tree(), {"commit", "--quiet", "--all", "--amend", "--message", "better"});
  const auto result = hand_in();
  EXPECT_EQ(result.commits, 1u);
  EXPECT_EQ(mirror_->work_head(clone_->record.branch), result.head);
}

TEST_F(ImportTest, TakesMergesOfTheAgentsOwnBranches) {
  const auto tree = clone_->tree();
  plain_git(tree, {"checkout", "--quiet", "-b", "side"});
  put(tree / "side", "x");
  agent_commits(*clone_);
  plain_git(tree, {"checkout", "--quiet", clone_->record.branch});
  put(tree / "main", "x");
  agent_commits(*clone_);
  plain_git(tree, {"merge", "--quiet", "--no-edit", "side"});
  const auto result = hand_in();
  EXPECT_THAT(result.problems, IsEmpty());
  EXPECT_EQ(result.commits, 3u);
}

TEST_F(ImportTest, KeepsNoObjectThatNoCommitNeeds) {
  put(clone_->tree() / "a", "1");
  const auto head = agent_commits(*clone_);
  const auto smuggled =
      plain_git(clone_->tree(), {"hash-object", "-w", "--stdin"}, "smuggled").substr(0, 40);
  const auto list = plain_git(clone_->tree(), {"rev-list", "--objects", "HEAD", "^origin/main"});
  std::string ids = smuggled + "\n";
  for (std::size_t at = 0; at < list.size(); at = list.find('\n', at) + 1)
    ids += list.substr(at, 40) + "\n";
  const auto pack = plain_git(clone_->tree(), {"pack-objects", "--stdout"}, ids);
  put(clone_->bundle(),
      "# v2 git bundle\n-" + clone_->record.base.text() + "\n" + head.text() + " HEAD\n\n" + pack);
  EXPECT_THAT(take_in(*clone_).problems, IsEmpty());
  EXPECT_EQ(mirror_->work_head(clone_->record.branch), head);
  EXPECT_THROW(plain_git(mirror_->git_dir(), {"cat-file", "-t", smuggled}), std::runtime_error);
}

TEST_F(ImportTest, BoundsEverything) {
  for (int i = 0; i < 6; ++i) {
    put(clone_->tree() / ("f" + std::to_string(i)), std::string(2000, static_cast<char>('a' + i)));
    agent_commits(*clone_);
  }
  const auto limited = [](auto set) {
    auto rules = open_rules();
    set(rules.limits);
    return rules;
  };
  expect_refused(limited([](auto& l) { l.bundle_bytes = 100; }), Code::too_large, "bundle is");
  expect_refused(limited([](auto& l) { l.objects = 3; }), Code::too_large, "objects");
  expect_refused(limited([](auto& l) { l.unpacked_bytes = 2000; }), Code::too_large, "unpacked");
  expect_refused(limited([](auto& l) { l.commits = 5; }), Code::too_large, "5 commits");
  expect_refused(limited([](auto& l) { l.changed_paths = 5; }), Code::too_large, "5 paths");
  expect_refused(limited([](auto& l) { l.tree_paths = 4; }), Code::too_large, "4 paths");
  expect_problem(limited([](auto& l) { l.blob_bytes = 1999; }), "f5", "1999 are the most");
  EXPECT_THAT(hand_in(limited([](auto& l) {
                l.commits = 6;
                l.changed_paths = 6;
                l.blob_bytes = 2000;
              })).problems,
              IsEmpty());
}

TEST_F(ImportTest, RefusesWhatDoesNotDescendFromTheBase) {
  plain_git(clone_->tree(), {"commit", "--quiet", "--amend", "--allow-empty", "-m", "rewritten"});
  expect_refused(open_rules(), Code::invalid, "does not descend");
}

TEST_F(ImportTest, RefusesASecondRoot) {
  const auto tree = clone_->tree();
  plain_git(tree, {"checkout", "--quiet", "--orphan", "other"});
  put(tree / "other", "x");
  agent_commits(*clone_);
  plain_git(tree, {"checkout", "--quiet", clone_->record.branch});
  plain_git(tree, {"merge", "--quiet", "--no-edit", "--allow-unrelated-histories", "-X", "theirs",
                   "other"});
  expect_refused(open_rules(), Code::invalid, "has no parent");
}

// The mirror knows it, the clone should not: an agent that got its name could merge it.
TEST_F(ImportTest, RefusesCommitsOfOtherBranches) {
  put(person() / "plans", "secret");
  const auto other = person_commits("plans", "other");
  fetch();
  plain_git(clone_->tree(), {"fetch", "--quiet", forge_repo().string(), "other"});
  plain_git(clone_->tree(), {"merge", "--quiet", "--no-ff", "--no-edit", other.text()});
  // As a thin bundle builds on it ...
  const auto thin = plain_git(clone_->tree(), {"bundle", "create", "--quiet", "-", "HEAD",
                                               "^" + other.text(), "^origin/main"});
  put(clone_->bundle(), thin);
  const auto error = error_of([&] { return take_in(*clone_); });
  EXPECT_THAT(error->what(), HasSubstr("not behind the base"));
  // ... and when the header does not tell.
  auto silent = thin;
  const auto prerequisite = silent.find("-" + other.text());
  ASSERT_NE(prerequisite, std::string::npos);
  silent.erase(prerequisite, silent.find('\n', prerequisite) + 1 - prerequisite);
  put(clone_->bundle(), silent);
  EXPECT_THAT(error_of([&] { return take_in(*clone_); })->what(),
              HasSubstr("neither new nor behind the base"));
}

TEST_F(ImportTest, DeniedPathsMayNotBeAddedChangedOrRemoved) {
  ImportRules rules;
  rules.denied = [](std::string_view path) -> std::optional<std::string> {
    if (!path.starts_with("src/")) return std::nullopt;
    return "may not be touched";
  };
  const auto base = clone_->record.base.text();
  put(clone_->tree() / "src" / "new", "x");
  agent_commits(*clone_);
  expect_problem(rules, "src/new", "may not be touched");
  fs::remove(clone_->tree() / "src" / "new");
  agent_commits(*clone_);
  expect_problem(rules, "src/new", "may not be touched");  // it came and went
  plain_git(clone_->tree(), {"reset", "--quiet", "--hard", base});
  fs::remove(clone_->tree() / "src" / "main.c");
  agent_commits(*clone_);
  expect_problem(rules, "src/main.c", "may not be touched");
  plain_git(clone_->tree(), {"reset", "--quiet", "--hard", base});
  put(clone_->tree() / "fine", "x");
  agent_commits(*clone_);
  EXPECT_THAT(hand_in(rules).problems, IsEmpty());
}

// A merge that takes the file as one parent has it shows nothing against that parent.
TEST_F(ImportTest, AMergeHidesNoDeniedPath) {
  put(person() / "src" / "main.c", "int main(void) { return 2; }\n");
  const auto first = *at_forge("main");
  person_commits("second");
  fetch();
  clones_->remove(*clone_);
  clone_.emplace(make_clone());
  const auto tree = clone_->tree();
  const auto old = plain_git(tree, {"rev-parse", first.text() + "^{tree}"}).substr(0, 40);
  const auto merge = plain_git(tree, {"commit-tree", "-p", "HEAD", "-p", first.text(), "-m",
                                      "nothing to see", old})
                         .substr(0, 40);
  plain_git(tree, {"reset", "--quiet", "--hard", merge});
  ImportRules rules;
  rules.denied = [](std::string_view path) -> std::optional<std::string> {
    return path == "src/main.c" ? std::optional<std::string>("denied") : std::nullopt;
  };
  expect_problem(rules, "src/main.c", "denied");
}

TEST_F(ImportTest, SaysAllThatIsWrongAtOnce) {
  put(clone_->tree() / "-rf", "x");
  put(clone_->tree() / "readme", "x");
  fs::create_symlink("/etc/passwd", clone_->tree() / "link");
  agent_commits(*clone_);
  const auto result = hand_in();
  std::vector<std::string> paths;
  for (const auto& problem : result.problems) paths.push_back(problem.path);
  EXPECT_THAT(paths, ::testing::UnorderedElementsAre("-rf", "README", "link"));
}

TEST_F(ImportTest, NamesAtMostFiftyProblems) {
  for (int i = 0; i < 80; ++i) put(clone_->tree() / ("-" + std::to_string(i)), "x");
  agent_commits(*clone_);
  EXPECT_EQ(hand_in().problems.size(), 50u);
}

// What people brought into the base is theirs: only what the work changes is judged.
TEST_F(ImportTest, WhatTheBaseHoldsIsNotHeldAgainstTheWork) {
  put(person() / "-odd", "x");
  put(person() / "readme", "x");
  fs::create_symlink("/etc/passwd", person() / "link");
  fs::create_directory(person() / "module");
  plain_git(person(), {"update-index", "--add", "--cacheinfo",
                       "160000," + at_forge("main")->text() + ",module"});
  person_commits("people do such things");
  fetch();
  clones_->remove(*clone_);
  clone_.emplace(make_clone());
  put(clone_->tree() / "fine", "x");
  plain_git(clone_->tree(), {"add", "fine"});
  plain_git(clone_->tree(), {"commit", "--quiet", "-m", "fine"});
  EXPECT_THAT(hand_in().problems, IsEmpty());
}

TEST_F(ImportTest, SubmodulesComeOnlyWhereTheyMay) {
  plain_git(clone_->tree(), {"update-index", "--add", "--cacheinfo",
                             "160000," + clone_->record.base.text() + ",module"});
  plain_git(clone_->tree(), {"commit", "--quiet", "-m", "module"});
  expect_problem(open_rules(), "module", "is a submodule");
  auto rules = open_rules();
  rules.submodules = true;
  EXPECT_THAT(hand_in(rules).problems, IsEmpty());
}

// Two playbooks work on one issue: both have a clone, and both the same branch.
TEST_F(ImportTest, NeverTakesThePlaceOfWorkThatItDoesNotKnow) {
  auto second_item = item();
  second_item.playbook = "security-fixer";
  const auto second = clones_->make(
      *mirror_, {.item = second_item, .branch = branch_of(second_item), .base_branch = "main"});
  put(clone_->tree() / "a", "first");
  const auto first = agent_commits(*clone_);
  (void)hand_in();
  put(second.tree() / "a", "second");
  agent_commits(second);
  ASSERT_TRUE(bundle(second));
  const auto before = mirror_state();
  const auto take_second = [&](std::optional<ObjectId> expected) {
    return import_work(*mirror_, {.bundle = second.bundle(),
                                  .base = second.record.base,
                                  .branch = second.record.branch,
                                  .expected = std::move(expected),
                                  .rules = open_rules()});
  };
  const auto error = error_of([&] { return take_second(second.record.imported); });
  EXPECT_EQ(error->code(), Code::conflict);
  EXPECT_THAT(error->message(), HasSubstr(first.text()));
  EXPECT_EQ(error_of([&] { return take_second(second.record.base); })->code(), Code::conflict);
  EXPECT_EQ(mirror_state(), before) << "not even its objects are kept";
  EXPECT_TRUE(fs::is_empty(mirror_->quarantines()));
  clones_->remove(second);
  EXPECT_EQ(clones_
                ->make(*mirror_, {.item = second_item,
                                  .branch = branch_of(second_item),
                                  .base_branch = "main",
                                  .resume = true})
                .record.imported,
            first)
      << "one that goes on from it knows of it";
}

// The ref has moved, and the clone's record does not know.
TEST_F(ImportTest, MayBeDoneAgainByAHostThatEndedBeforeItNotedIt) {
  put(clone_->tree() / "a", "1");
  const auto first = agent_commits(*clone_);
  ASSERT_TRUE(bundle(*clone_));
  const auto take = [&] {
    return import_work(*mirror_, {.bundle = clone_->bundle(),
                                  .base = clone_->record.base,
                                  .branch = clone_->record.branch,
                                  .expected = std::nullopt,
                                  .rules = open_rules()})
        .head;
  };
  EXPECT_EQ(take(), first);
  EXPECT_EQ(take(), first);
  put(clone_->tree() / "a", "2");
  const auto second = agent_commits(*clone_, "more");
  ASSERT_TRUE(bundle(*clone_));
  EXPECT_EQ(take(), second);
  EXPECT_EQ(mirror_->work_head(clone_->record.branch), second);
}

TEST_F(ImportTest, ADiskThatFailsIsNoConflict) {
  agent_commits(*clone_);
  ASSERT_TRUE(bundle(*clone_));
  put(mirror_->git_dir() / (Mirror::work_ref(clone_->record.branch) + ".lock"), "");
  EXPECT_EQ(error_of([&] { return take_in(*clone_); })->code(), Code::io);
  mirror_->recover();
  EXPECT_NO_THROW((void)take_in(*clone_));
}

TEST_F(ImportTest, WithoutRulesNothingMayBeTouched) {
  put(clone_->tree() / "a", "x");
  agent_commits(*clone_);
  expect_problem({}, "a", "no rule allows it");
}

// A small pack: one blob, and a tree that names it often.
TEST_F(ImportTest, EachPathCountsAlsoWhereManyNameOneFile) {
  const std::string large(1 << 20, 'x');
  for (int i = 0; i < 5; ++i) put(clone_->tree() / ("f" + std::to_string(i)), large);
  agent_commits(*clone_);
  auto rules = open_rules();
  rules.limits.unpacked_bytes = (5 << 20) - 1;
  expect_refused(rules, Code::too_large, "files are 5242880 bytes together");
  rules.limits.unpacked_bytes = 6 << 20;
  EXPECT_THAT(hand_in(rules).problems, IsEmpty());
}

TEST_F(ImportTest, AFileThatTheBaseHadCountsWhereItIsPutAgain) {
  put(person() / "large", std::string(1 << 20, 'x'));
  person_commits("large");
  fetch();
  clones_->remove(*clone_);
  clone_.emplace(make_clone());
  fs::copy(clone_->tree() / "large", clone_->tree() / "again");
  agent_commits(*clone_);
  auto rules = open_rules();
  rules.limits.blob_bytes = 1000;
  expect_problem(rules, "again", "1000 are the most");
}

TEST_F(ImportTest, NoLinkOrSubmoduleStandsInForWhatIsDenied) {
  auto rules = open_rules();
  rules.submodules = true;
  rules.denied_link = [](std::string_view path) -> std::optional<std::string> {
    return path == ".gitea" ? std::optional<std::string>("leads away") : std::nullopt;
  };
  const auto base = clone_->record.base.text();
  put(clone_->tree() / "x" / "workflows" / "ci.yml", "evil");
  fs::create_directory_symlink("x", clone_->tree() / ".gitea");
  agent_commits(*clone_);
  expect_problem(rules, ".gitea", "leads away");
  plain_git(clone_->tree(), {"reset", "--quiet", "--hard", base});
  plain_git(clone_->tree(), {"update-index", "--add", "--cacheinfo", "160000," + base + ",.gitea"});
  plain_git(clone_->tree(), {"commit", "--quiet", "-m", "module"});
  expect_problem(rules, ".gitea", "leads away");
  plain_git(clone_->tree(), {"reset", "--quiet", "--hard", base});
  put(clone_->tree() / ".gitea" / "template", "a folder is none");
  agent_commits(*clone_);
  EXPECT_THAT(hand_in(rules).problems, IsEmpty());
}

TEST_F(ImportTest, CommitMessagesCloseNothingButTheirOwnIssue) {
  auto rules = open_rules();
  rules.closes = 12;
  put(clone_->tree() / "a", "1");
  agent_commits(*clone_, "Mend it\n\nFixes #12.");
  EXPECT_THAT(hand_in(rules).problems, IsEmpty());
  put(clone_->tree() / "a", "2");
  agent_commits(*clone_, "More\n\nand closes org/other#3");
  expect_problem(rules, "", "says \"closes org/other#3\"");
}

TEST_F(ImportTest, AMessageThatNobodyCanReadIsRefused) {
  agent_commits(*clone_, std::string(70'000, 'x'));
  expect_problem(open_rules(), "", "more than 64 KiB");
  plain_git(clone_->tree(), {"reset", "--quiet", "--hard", clone_->record.base.text()});
  plain_git(clone_->tree(), {"-c", "i18n.commitEncoding=UTF-7", "commit", "--quiet",
                             "--allow-empty", "-m", "fixes +ACM-3"});
  expect_problem(open_rules(), "", "not in UTF-8");
}

TEST_F(ImportTest, ABundleMustBeAFileOfItsOwn) {
  agent_commits(*clone_);
  ASSERT_TRUE(bundle(*clone_));
  fs::rename(clone_->bundle(), folder_ / "elsewhere");
  fs::create_symlink(folder_ / "elsewhere", clone_->bundle());
  EXPECT_THROW((void)take_in(*clone_), Error);
  fs::remove(clone_->bundle());
  EXPECT_EQ(error_of([&] { return take_in(*clone_); })->code(), Code::not_found);
}

}  // namespace
}  // namespace host::workspaces
