// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone.hpp"

#include <sys/stat.h>

#include "base/json.hpp"
#include "base/sha256.hpp"
#include "workspaces/clone_locks.hpp"
#include "workspaces/git_fixture.hpp"

namespace host::workspaces {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;

class CloneTest : public ForgeTest {
 protected:
  void SetUp() override {
    ForgeTest::SetUp();
    if (!IsSkipped()) fetch();
  }
  [[nodiscard]] CloneRequest request(std::int64_t number = 12) const {
    return {.item = item(number), .branch = branch_of(item(number)), .base_branch = "main"};
  }
};

TEST_F(CloneTest, HoldsTheBaseOnABranchOfTheItem) {
  const auto clone = make_clone();
  EXPECT_EQ(read_file(clone.tree() / "README", 100), "an app\n");
  EXPECT_EQ(plain_git(clone.tree(), {"symbolic-ref", "HEAD"}), "refs/heads/timmy/issue-12\n");
  EXPECT_EQ(plain_git(clone.tree(), {"status", "--porcelain"}), "");
  EXPECT_EQ(plain_git(clone.tree(), {"rev-parse", "origin/main"}), clone.record.base.text() + "\n");
  EXPECT_EQ(clone.record.base, *at_forge("main"));
  EXPECT_EQ(clones_->find(item()).value().record, clone.record);
  EXPECT_EQ(clones_->find(item(13)).has_value(), false);
}

TEST_F(CloneTest, HasNoRemoteAndNothingThatNamesTheMirrorOrTheForge) {
  const auto clone = make_clone();
  EXPECT_EQ(plain_git(clone.tree(), {"remote"}), "");
  for (const auto& entry : fs::recursive_directory_iterator(clone.tree())) {
    if (!entry.is_regular_file()) continue;
    const auto text = read_file(entry.path(), 1 << 20);
    EXPECT_EQ(text.find("mirrors"), std::string::npos) << entry.path();
    EXPECT_EQ(text.find("127.0.0.1"), std::string::npos) << entry.path();
  }
  EXPECT_THAT(read_file(clone.tree() / ".git" / "config", 4096), HasSubstr("timmy-host@localhost"));
  EXPECT_FALSE(fs::exists(clone.tree() / ".git" / "hooks"));
}

TEST_F(CloneTest, WhatAKilledGitHasLockedIsFreeAgain) {
  const auto clone = make_clone();
  const auto git = clone.tree() / ".git";
  const fs::path locks[] = {"index.lock", "HEAD.lock", "config.lock", "packed-refs.lock",
                            "refs/heads/timmy/issue-12.lock"};
  for (const auto& lock : locks) write_atomically(git / lock, "");
  write_atomically(git / "refs" / "heads" / "other.lock.txt", "kept");
  clear_locks(clone);
  for (const auto& lock : locks) EXPECT_FALSE(fs::exists(git / lock)) << lock;
  EXPECT_TRUE(fs::exists(git / "refs" / "heads" / "other.lock.txt"));
  EXPECT_EQ(plain_git(clone.tree(), {"status", "--porcelain"}), "");
}

TEST_F(CloneTest, LocksAreLookedForThroughNoLink) {
  const auto clone = make_clone();
  const auto git = clone.tree() / ".git";
  const auto other = folder_ / "other";
  fs::create_directories(other / "heads" / "timmy");
  write_atomically(other / "heads" / "timmy" / "issue-12.lock", "precious");
  fs::rename(git / "refs", git / "refs.away");
  fs::create_directory_symlink(other, git / "refs");
  fs::create_directory(git / "index.lock");
  clear_locks(clone);
  EXPECT_TRUE(fs::exists(other / "heads" / "timmy" / "issue-12.lock"));
  EXPECT_TRUE(fs::exists(git / "index.lock"));
}

TEST_F(CloneTest, SharesNoFileWithTheMirror) {
  const auto clone = make_clone();
  EXPECT_FALSE(fs::exists(clone.tree() / ".git" / "objects" / "info" / "alternates"));
  for (const auto& entry : fs::recursive_directory_iterator(clone.folder)) {
    struct stat info {};
    ASSERT_EQ(::lstat(entry.path().c_str(), &info), 0);
    EXPECT_TRUE(!S_ISREG(info.st_mode) || info.st_nlink == 1) << entry.path();
  }
  // Every object of the clone is spoilt; the mirror does not notice.
  for (const auto& entry : fs::recursive_directory_iterator(clone.tree() / ".git" / "objects"))
    if (entry.is_regular_file()) {
      fs::permissions(entry.path(), fs::perms::owner_all);
      put(entry.path(), "spoilt");
    }
  EXPECT_NO_THROW(plain_git(mirror_->git_dir(), {"fsck", "--strict"}));
}

TEST_F(CloneTest, SeesOnlyItsOwnBase) {
  person_commits("secret plans", "other");
  fetch();
  const auto clone = make_clone();
  EXPECT_THROW(plain_git(clone.tree(), {"cat-file", "-t", at_forge("other")->text()}),
               std::runtime_error);
}

TEST_F(CloneTest, OneForEachItem) {
  const auto clone = make_clone();
  const auto error = error_of([&] { return make_clone(); });
  EXPECT_EQ(error->code(), Code::conflict);
  EXPECT_THAT(error->message(), HasSubstr("org/app#12"));
  EXPECT_NO_THROW((void)make_clone(13));
}

TEST_F(CloneTest, NamesThatGitDoesNotTakeAreRefused) {
  auto wrong = request();
  wrong.base_branch = "none";
  EXPECT_EQ(error_of([&] { return clones_->make(*mirror_, wrong); })->code(), Code::not_found);
  for (const char* name : {"--upload-pack=x", "../x", "a b"}) {
    auto branch = request();
    branch.branch = name;
    EXPECT_EQ(error_of([&] { return clones_->make(*mirror_, branch); })->code(), Code::invalid);
    auto base = request();
    base.base_branch = name;
    EXPECT_EQ(error_of([&] { return clones_->make(*mirror_, base); })->code(), Code::invalid);
  }
  auto author = request();
  author.author = "x\n[core]\n\tpager = evil";
  EXPECT_EQ(error_of([&] { return clones_->make(*mirror_, author); })->code(), Code::invalid);
  EXPECT_TRUE(fs::is_empty(clones_->folder())) << "nothing half made is left";
}

TEST_F(CloneTest, AnAuthorsNameStaysAName) {
  auto quoted = request();
  quoted.author = "O\"Neil \\ # ; Sons";
  const auto clone = clones_->make(*mirror_, quoted);
  EXPECT_EQ(plain_git(clone.tree(), {"config", "user.name"}), "O\"Neil \\ # ; Sons\n");
}

// A base whose attributes name filters, as a person may have them: nothing of it runs here.
TEST_F(CloneTest, RunsNothingThatTheBaseNames) {
  put(person() / ".gitattributes", "* filter=evil diff=evil merge=evil\n");
  put(person() / ".gitmodules",
      "[submodule \"x\"]\n\tpath = x\n\turl = ext::" + canary().string() + "\n");
  person_commits("attributes");
  fetch();
  put(folder_ / "home" / ".gitconfig", "[filter \"evil\"]\n\tsmudge = " + canary().string() +
                                           "\n\tclean = " + canary().string() + "\n");
  const auto clone = make_clone();
  EXPECT_EQ(read_file(clone.tree() / "README", 100), "an app\n");
  EXPECT_THAT(what_ran(), IsEmpty());
}

TEST_F(CloneTest, GoesOnFromWorkThatWasImported) {
  auto clone = make_clone();
  put(clone.tree() / "fix", "half");
  const auto work = agent_commits(clone);
  ASSERT_TRUE(bundle(clone));
  ASSERT_THAT(take_in(clone).problems, IsEmpty());
  clones_->remove(clone);
  person_commits("meanwhile");
  fetch();
  auto again = request();
  again.resume = true;
  const auto resumed = clones_->make(*mirror_, again);
  EXPECT_EQ(read_file(resumed.tree() / "fix", 100), "half");
  EXPECT_EQ(resumed.record.base, clone.record.base) << "where the work began, not where main is";
  EXPECT_EQ(resumed.record.imported, work);
  clones_->remove(resumed);
  EXPECT_EQ(make_clone().record.base, *at_forge("main"))
      << "without being asked to, it starts anew";
}

// Its end said: the work is kept.
TEST_F(CloneTest, BegunAnewItLeavesTheWorkThatWasThereInTheMirror) {
  const auto clone = make_clone();
  put(clone.tree() / "fix", "of one playbook");
  const auto old = agent_commits(clone);
  ASSERT_TRUE(bundle(clone));
  ASSERT_THAT(take_in(clone).problems, IsEmpty());
  clones_->remove(clone);
  const auto anew = make_clone();
  EXPECT_EQ(anew.record.imported, std::nullopt);
  put(anew.tree() / "fix", "of another");
  const auto now = agent_commits(anew);
  ASSERT_TRUE(bundle(anew));
  ASSERT_THAT(import_work(*mirror_, {.bundle = anew.bundle(),
                                     .base = anew.record.base,
                                     .branch = anew.record.branch,
                                     .expected = anew.record.imported,
                                     .rules = open_rules()})
                  .problems,
              IsEmpty());
  EXPECT_EQ(mirror_->work_head(anew.record.branch), now);
  EXPECT_THAT(mirror_->kept_work(anew.record.branch), ElementsAre(Pair(1, old)));
  EXPECT_EQ(plain_git(mirror_->git_dir(), {"show", old.text() + ":fix"}), "of one playbook");
}

TEST_F(CloneTest, WhatWasHalfMadeWhenAHostEndedIsRemoved) {
  const auto clone = make_clone();
  put(folder_ / "host" / "clones" / ".making-x" / "tree" / "a", "");
  put(folder_ / "host" / "clones" / ".removing-y" / "tree" / "a", "");
  const Clones again(*git_, folder_ / "host" / "clones", clock_);
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder_ / "host" / "clones"))
    names.push_back(entry.path().filename());
  EXPECT_THAT(names, ::testing::ElementsAre(clone.name()));
}

// As when the disk is full.
TEST_F(CloneTest, WhatFailsHalfwayLeavesNothing) {
  const auto pack = fs::directory_iterator(mirror_->git_dir() / "objects" / "pack");
  for (const auto& entry : pack) fs::rename(entry.path(), folder_ / entry.path().filename());
  EXPECT_THROW((void)make_clone(), Error);
  EXPECT_TRUE(fs::is_empty(clones_->folder()));
}

TEST_F(CloneTest, WhatCannotBeRemovedKeepsNoHostFromStarting) {
  put(clones_->folder() / ".making-x", "a file, which nobody expects");
  put(clones_->folder() / ".removing-y" / "tree" / "a", "");
  EXPECT_NO_THROW(Clones(*git_, clones_->folder(), clock_));
  EXPECT_FALSE(fs::exists(clones_->folder() / ".removing-y")) << "the others go";
}

TEST_F(CloneTest, IsOfOneOwnerAndSetAsideForTheNext) {
  auto wanted = request();
  wanted.owner = 3;
  const auto first = clones_->make(*mirror_, wanted);
  put(first.tree() / "notes", "half");
  EXPECT_TRUE(clones_->take(item(), 3));
  EXPECT_FALSE(clones_->take(item(), 4));
  clones_->set_aside(clones_->find(item()).value());
  EXPECT_FALSE(clones_->find(item()));
  // The same owner again, and one that an older host did not write down.
  clones_->set_aside(clones_->make(*mirror_, wanted));
  wanted.owner = 0;
  clones_->set_aside(clones_->make(*mirror_, wanted));
  wanted.owner = 4;
  (void)clones_->make(*mirror_, wanted);
  std::vector<std::string> names;
  for (const auto& clone : clones_->list().clones) names.push_back(clone.name());
  EXPECT_THAT(names,
              ::testing::UnorderedElementsAre(first.name(), first.name() + ".of-3",
                                              first.name() + ".of-3-2", first.name() + ".of-0"));
  EXPECT_EQ(read_file(clones_->folder() / (first.name() + ".of-3") / "tree" / "notes", 100),
            "half");
}

TEST_F(CloneTest, AreListedLongestUnusedFirst) {
  auto one = make_clone(1);
  auto two = make_clone(2);
  clock_.now += std::chrono::hours(1);
  clones_->save(one);
  put(folder_ / "host" / "clones" / "broken" / "record.json", "{\"repository\": 7}");
  const auto list = clones_->list();
  ASSERT_EQ(list.clones.size(), 2u);
  EXPECT_EQ(list.clones[0].record.item.number, 2);
  EXPECT_EQ(list.clones[1].record.item.number, 1);
  EXPECT_THAT(list.unreadable, ::testing::ElementsAre("broken"));
}

TEST(CloneRecord, ComesBackAsItWas) {
  const TestFolder folder;
  const auto id = *ObjectId::parse(std::string(40, 'a'));
  const CloneRecord record{{"org/app", 12, "bug-fixer"}, "timmy/issue-12",      "main", id, id,
                           WallTime(Duration(7)),        WallTime(Duration(9)), true,   3};
  write_record(folder / "r", record);
  EXPECT_EQ(read_record(folder / "r"), record);
  auto older = parse_json(read_file(folder / "r", 1 << 16), "r");
  older.erase("disposable");
  put(folder / "r", to_text(older));
  older.erase("owner");
  put(folder / "r", to_text(older));
  EXPECT_FALSE(read_record(folder / "r").disposable) << "an older host kept all";
  EXPECT_EQ(read_record(folder / "r").owner, 0) << "and wrote no owner down";
  for (const char* text : {"", "[]", "{}", "{\"repository\":1}"}) {
    put(folder / "r", text);
    EXPECT_EQ(error_of([&] { return read_record(folder / "r"); })->code(), Code::corrupt) << text;
  }
}

class BundleWork : public CloneTest {};

TEST_F(BundleWork, TakesWhateverBranchTheAgentIsOn) {
  const auto clone = make_clone();
  EXPECT_FALSE(bundle(clone)) << "there are no commits";
  plain_git(clone.tree(), {"checkout", "--quiet", "-b", "my-own-idea"});
  const auto on_branch = agent_commits(clone);
  ASSERT_TRUE(bundle(clone));
  EXPECT_EQ(take_in(clone).head, on_branch);
  plain_git(clone.tree(), {"checkout", "--quiet", "--detach"});
  const auto detached = agent_commits(clone);
  ASSERT_TRUE(bundle(clone));
  EXPECT_EQ(take_in(clone).head, detached);
}

// What git says decides: it must say it in the language that is expected.
TEST_F(BundleWork, HasGitSpeakEnglish) {
  class Asked final : public CagedRunner {
   public:
    BoundedEnding run(const CagedCommand& command, const OutputSink&) override {
      environment = command.environment;
      return {.number = 128, .errors = "fatal: Refusing to create empty bundle."};
    }
    std::map<std::string, std::string> environment;
  };
  Asked cage;
  EXPECT_FALSE(bundle_work(cage, *git_, make_clone(), 1000));
  EXPECT_THAT(cage.environment, ::testing::Contains(std::pair("LC_ALL", "C")));
}

TEST_F(BundleWork, IsBounded) {
  const auto clone = make_clone();
  std::string noise;
  for (int i = 0; noise.size() < 200'000; ++i) noise += sha256_hex(std::to_string(i));
  put(clone.tree() / "noise", noise);
  agent_commits(clone);
  EXPECT_EQ(error_of([&] { return bundle_work(cage_, *git_, clone, 10'000); })->code(),
            Code::too_large);
  EXPECT_LE(fs::file_size(clone.bundle()), 10'000u);
}

TEST_F(BundleWork, AClonedRepositoryThatIsBrokenIsToldAsSuch) {
  const auto clone = make_clone();
  fs::remove(clone.tree() / ".git" / "HEAD");
  const auto error = error_of([&] { return bundle(clone); });
  EXPECT_EQ(error->code(), Code::invalid);
  EXPECT_THAT(error->next_step(), HasSubstr(clone.tree().string()));
}

TEST_F(BundleWork, NeverFollowsALinkInPlaceOfTheBundle) {
  const auto clone = make_clone();
  put(folder_ / "precious", "mine");
  fs::create_symlink(folder_ / "precious", clone.bundle());
  agent_commits(clone);
  EXPECT_THROW((void)bundle(clone), Error);
  EXPECT_EQ(read_file(folder_ / "precious", 100), "mine");
}

// Its folder goes by the repository's id; the name in its record is for people.
TEST_F(CloneTest, OfARenamedRepositoryIsFoundAndKnowsTheNewName) {
  auto of = item();
  of.repository_id = 7;
  const auto made = clones_->make(
      *mirror_, {.item = of, .branch = branch_of(of), .base_branch = "main", .owner = 3});
  auto renamed = of;
  renamed.repository = "other/web";
  ASSERT_TRUE(clones_->find(renamed));
  EXPECT_EQ(clones_->find(renamed)->folder, made.folder);
  EXPECT_EQ(clones_->take(renamed, 3)->record.item, renamed);
  EXPECT_EQ(clones_->find(of)->record.item, renamed) << "as it was written down";
  auto other = of;
  other.repository_id = 8;
  EXPECT_FALSE(clones_->find(other)) << "another repository has that name now";
}

}  // namespace
}  // namespace host::workspaces
