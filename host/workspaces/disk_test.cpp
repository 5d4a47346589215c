// SPDX-License-Identifier: Apache-2.0
#include "workspaces/disk.hpp"

#include "workspaces/git_fixture.hpp"

namespace host::workspaces {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DiskTest : public ForgeTest {
 protected:
  void SetUp() override {
    ForgeTest::SetUp();
    if (!IsSkipped()) fetch();
  }
  // A clone that was last used that many hours from the start.
  Clone clone_at(std::int64_t hour) {
    clock_.now = WallTime(std::chrono::hours(hour));
    return make_clone(hour);
  }
  DiskReport make_room(const DiskLimits& limits, const std::set<std::string>& in_use = {}) {
    return DiskRoom(
               *clones_, [this](const WorkItem&) { return *mirror_; }, limits)
        .make_room({in_use, WallTime::max()});
  }
  static constexpr std::uint64_t kPlenty = std::uint64_t{1} << 60;
};

TEST_F(DiskTest, RemovesNothingWhileThereIsRoom) {
  (void)clone_at(1);
  EXPECT_THAT(make_room({.clones = 2, .free_bytes = 0}).removed, IsEmpty());
}

TEST_F(DiskTest, TheLongestUnusedGoesFirst) {
  const auto newer = clone_at(3);
  const auto oldest = clone_at(1);
  const auto old = clone_at(2);
  EXPECT_THAT(make_room({.clones = 3, .free_bytes = 0}).removed, ElementsAre(oldest.name()));
  EXPECT_FALSE(fs::exists(oldest.folder));
  EXPECT_THAT(make_room({.clones = 1, .free_bytes = 0}).removed,
              ElementsAre(old.name(), newer.name()));
}

TEST_F(DiskTest, WorkIsNeverRemoved) {
  const auto committed = clone_at(1);
  agent_commits(committed);
  const auto dirty = clone_at(2);
  put(dirty.tree() / "new", "x");
  const auto clean = clone_at(3);
  const auto report = make_room({.clones = 3, .free_bytes = 0});
  EXPECT_THAT(report.removed, ElementsAre(clean.name()));
  ASSERT_EQ(report.kept.size(), 2u);
  EXPECT_EQ(report.kept[0].name, committed.name());
  EXPECT_THAT(report.kept[0].reason, HasSubstr("was not imported"));
  EXPECT_THAT(report.kept[1].reason, HasSubstr("new is not committed"));

  const auto error = error_of([&] { return make_room({.clones = 1, .free_bytes = 0}); });
  EXPECT_EQ(error->code(), Code::unavailable);
  EXPECT_THAT(error->message(), HasSubstr(committed.name()));
  EXPECT_TRUE(fs::exists(committed.tree()));
  EXPECT_TRUE(fs::exists(dirty.tree() / "new"));
}

TEST_F(DiskTest, WorkThatWasImportedMayGo) {
  const auto clone = clone_at(1);
  agent_commits(clone);
  ASSERT_TRUE(bundle(clone));
  ASSERT_THAT(take_in(clone).problems, IsEmpty());
  EXPECT_THAT(make_room({.clones = 1, .free_bytes = 0}).removed, ElementsAre(clone.name()));
}

TEST_F(DiskTest, WorkWhoseImportWasRefusedStays) {
  const auto clone = clone_at(1);
  put(clone.tree() / "-rf", "x");
  agent_commits(clone);
  ASSERT_TRUE(bundle(clone));
  ASSERT_FALSE(take_in(clone).problems.empty());
  EXPECT_THROW((void)make_room({.clones = 1, .free_bytes = 0}), Error);
  EXPECT_TRUE(fs::exists(clone.tree()));
}

TEST_F(DiskTest, WhatARunIsInStays) {
  const auto used = clone_at(1);
  const auto other = clone_at(2);
  EXPECT_THAT(make_room({.clones = 2, .free_bytes = 0}, {used.name()}).removed,
              ElementsAre(other.name()));
  EXPECT_THROW((void)make_room({.clones = 1, .free_bytes = 0}, {used.name()}), Error);
}

TEST_F(DiskTest, BytesAreBoundedToo) {
  const auto one = clone_at(1);
  const auto two = clone_at(2);
  EXPECT_THAT(make_room({.clone_bytes = kPlenty, .free_bytes = 0}).removed, IsEmpty());
  EXPECT_THAT(make_room({.clone_bytes = 4096, .free_bytes = 0}).removed,
              ElementsAre(one.name(), two.name()));
}

TEST_F(DiskTest, SpaceIsLeftOnTheDisk) {
  const auto clone = clone_at(1);
  const auto error = error_of([&] { return make_room({.free_bytes = kPlenty}); });
  EXPECT_EQ(error->code(), Code::unavailable);
  EXPECT_FALSE(fs::exists(clone.folder)) << "what could go went";
}

TEST_F(DiskTest, OneThatCannotBeLookedAtKeepsNoOtherInPlace) {
  const auto bad = clone_at(1);
  const auto good = clone_at(2);
  int asked = 0;
  const DiskRoom room(*clones_,
                      [&](const WorkItem&) -> Mirror {
                        if (asked++ == 0) throw Error(Code::denied, "no mirror today");
                        return *mirror_;
                      },
                      {.clones = 2, .free_bytes = 0});
  DiskReport report;
  ASSERT_NO_THROW(report = room.make_room({.names = {}, .at = WallTime::max()}));
  EXPECT_THAT(report.removed, ElementsAre(good.name()));
  ASSERT_EQ(report.kept.size(), 1u);
  EXPECT_EQ(report.kept[0].name, bad.name());
  EXPECT_THAT(report.kept[0].reason, HasSubstr("no mirror today"));
}

TEST_F(DiskTest, AFolderThatCannotBeReadCountsAndStays) {
  put(clones_->folder() / "broken" / "record.json", "{");
  put(clones_->folder() / "broken" / "tree" / "precious", "x");
  const auto error = error_of([&] { return make_room({.clones = 1, .free_bytes = 0}); });
  EXPECT_THAT(error->message(), HasSubstr("broken"));
  EXPECT_TRUE(fs::exists(clones_->folder() / "broken" / "tree" / "precious"));
}

// Whose item goes on while room is made: it was not in use when that was asked.
TEST_F(DiskTest, WhatWasTakenSinceItWasAskedWhatIsInUseStays) {
  const auto taken = clone_at(1);
  const auto other = clone_at(2);
  const auto asked = WallTime(std::chrono::hours(3));
  clock_.now = WallTime(std::chrono::hours(4));
  ASSERT_TRUE(clones_->take(taken.record.item, 0));
  const DiskRoom room(*clones_, [this](const WorkItem&) { return *mirror_; },
                      {.clones = 2, .free_bytes = 0});
  EXPECT_THAT(room.make_room({{}, asked}).removed, ElementsAre(other.name()));
  EXPECT_TRUE(fs::exists(taken.tree()));
}

TEST_F(DiskTest, WhatIsTakenWhileItIsLookedAtStays) {
  const auto clone = clone_at(1);
  clock_.now = WallTime(std::chrono::hours(2));
  const DiskRoom room(*clones_,
                      [&](const WorkItem&) {
                        (void)clones_->take(clone.record.item, 0);
                        return *mirror_;
                      },
                      {});
  const auto report = room.remove_ended([](const Clone&) { return true; },
                                        {{}, WallTime(std::chrono::hours(1) + 1s)});
  EXPECT_THAT(report.removed, IsEmpty());
  EXPECT_THAT(report.kept.at(0).reason, HasSubstr("used a moment ago"));
  EXPECT_TRUE(fs::exists(clone.tree()));
}

// A step of its item is at work in it, and git must not look into it meanwhile.
TEST_F(DiskTest, WhatAStepHasInHandIsNotLookedInto) {
  const auto held = clone_at(1);
  const auto other = clone_at(2);
  std::vector<std::int64_t> looked_at;
  const DiskRoom room(*clones_,
                      [&](const WorkItem& of) {
                        looked_at.push_back(of.number);
                        EXPECT_FALSE(clones_->hold_unused(other)) << "nor a step begin now";
                        return *mirror_;
                      },
                      {.clones = 1, .free_bytes = 0});
  const auto all = [](const Clone&) { return true; };
  {
    const auto step = clones_->hold(held.record.item);
    const auto report = room.remove_ended(all, {{}, WallTime::max()});
    EXPECT_THAT(report.removed, ElementsAre(other.name()));
    EXPECT_THAT(report.kept, IsEmpty()) << "nobody need look at it";
    EXPECT_THROW((void)room.make_room({{}, WallTime::max()}), Error);
    EXPECT_THAT(looked_at, ElementsAre(2));
  }
  const auto after = DiskRoom(*clones_, [this](const WorkItem&) { return *mirror_; }, {})
                         .remove_ended(all, {{}, WallTime::max()});
  EXPECT_THAT(after.removed, ElementsAre(held.name()));
}

TEST_F(DiskTest, WhatIsKeptIsNamedByItsIssue) {
  put(clone_at(1).tree() / "new", "x");
  EXPECT_THAT(error_of([&] { return make_room({.clones = 1, .free_bytes = 0}); })->message(),
              HasSubstr("of org/app#1 (new is not committed)"));
}

TEST_F(DiskTest, OfItemsThatHaveEndedAllGoThatHoldNothing) {
  const auto live = clone_at(1);
  const auto in_use = clone_at(2);
  const auto clean = clone_at(3);
  const auto work = clone_at(4);
  put(work.tree() / "new", "x");
  const DiskRoom room(*clones_, [this](const WorkItem&) { return *mirror_; }, {});
  const auto report =
      room.remove_ended([&](const Clone& each) { return each.record != live.record; },
                        {{in_use.name()}, WallTime::max()});
  EXPECT_THAT(report.removed, ElementsAre(clean.name()));
  EXPECT_THAT(report.kept.at(0).reason, HasSubstr("new is not committed"));
  EXPECT_TRUE(fs::exists(live.tree()));
  EXPECT_TRUE(fs::exists(in_use.tree()));
  EXPECT_TRUE(fs::exists(work.tree() / "new"));
}

TEST_F(DiskTest, ADisposableOneGoesWithItsItemWhateverItHolds) {
  const auto made = [this](std::int64_t number) {
    const auto clone = clones_->make(*mirror_, {.item = item(number),
                                                .branch = branch_of(item(number)),
                                                .base_branch = "main",
                                                .disposable = true});
    put(clone.tree() / "notes", "x");
    return clone;
  };
  clock_.now = WallTime(std::chrono::hours(1));
  const auto live = made(1);
  const auto ended = made(2);
  const DiskRoom room(*clones_, [this](const WorkItem&) { return *mirror_; }, {.clones = 1});
  const auto report = room.remove_ended(
      [&](const Clone& each) { return each.record != live.record; }, {{}, WallTime::max()});
  EXPECT_THAT(report.removed, ElementsAre(ended.name()));
  EXPECT_FALSE(fs::exists(ended.folder));
  EXPECT_EQ(error_of([&] {
              return room.make_room({{}, WallTime::max()});
            })->code(),
            Code::unavailable)
      << "another attempt of it may go on from what is there";
  EXPECT_TRUE(fs::exists(live.tree() / "notes"));
}

}  // namespace
}  // namespace host::workspaces
