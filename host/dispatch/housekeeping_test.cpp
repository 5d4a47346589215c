// SPDX-License-Identifier: Apache-2.0
//
// With real git and real folders; only the items are rows.
#include "dispatch/housekeeping.hpp"

#include <gmock/gmock.h>

#include <boost/asio/io_context.hpp>

#include "dispatch/item_store.hpp"
#include "store/inline_store.hpp"
#include "workspaces/git_fixture.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

class HousekeepingTest : public workspaces::ForgeTest {
 protected:
  void SetUp() override {
    ForgeTest::SetUp();
    if (IsSkipped()) return;
    fetch();
    begin_life();
  }
  // A host starts.
  void begin_life() {
    housekeeping_.reset();
    git_of_host_ = std::make_unique<ItemGit>(workspaces::GitSettings{.home = folder_ / "home"},
                                             folder_ / "host" / "mirrors",
                                             folder_ / "host" / "clones", clock_);
    housekeeping_ = std::make_unique<Housekeeping>(
        HousekeepingWorld{.loop = loop_,
                          .store = store_,
                          .git = *git_of_host_,
                          .blocking = blocking_,
                          .folders = {folder_ / "runs", folder_ / "attempts"},
                          .live = [this] { return live_items_now(); },
                          .at_work = [this] { return at_work_; },
                          .clock = clock_,
                          .life = 2,
                          .log = log_},
        HousekeepingSettings{.every = 1h, .tidy_limit = 1min, .most_packs = most_packs_});
  }
  std::vector<Item> live_items_now() {
    return store_.run_now([](Unit& unit) { return live_items(unit); });
  }
  // Of the clone's item, with the work that came in.
  Item add_item(const workspaces::Clone& clone) {
    Item item;
    item.repository = clone.record.item.repository;
    item.number = clone.record.item.number;
    item.playbook = clone.record.item.playbook;
    item.source = "matching";
    item.branch = clone.record.branch;
    return store_.run_now([&](Unit& unit) { return insert_item(unit, item, clock_.wall()); });
  }
  void end_item(Item item, ItemState how) {
    const auto go = [&](Move move) {
      item = store_.run_now([&](Unit& unit) { return move_item(unit, item, move, {}, {}); });
    };
    if (how != ItemState::done) return go(Move::stop);
    for (int gate = 0; gate < 6; ++gate) {
      go(Move::begin);
      go(Move::pass);
    }
  }
  // A clone whose work has come in.
  workspaces::Clone clone_with_work(std::int64_t number) {
    auto clone = make_clone(number);
    workspaces::put(clone.tree() / "new", "x");
    agent_commits(clone);
    EXPECT_TRUE(bundle(clone));
    EXPECT_THAT(take_in(clone).problems, IsEmpty());
    clock_.now += 1h;
    return clone;
  }
  template <class Met>
  [[nodiscard]] bool run_until(Met met) {
    const auto until = std::chrono::steady_clock::now() + 1min;
    while (!met() && std::chrono::steady_clock::now() < until) {
      context_.restart();
      context_.run_one_for(50ms);
    }
    return met();
  }
  Cleared clear() {
    std::optional<Result<Cleared>> got;
    housekeeping_->clear([&](Result<Cleared> cleared) { got = std::move(cleared); });
    EXPECT_TRUE(run_until([&] { return got.has_value(); }));
    EXPECT_TRUE(got->ok());
    return got->value();
  }
  [[nodiscard]] std::size_t packs() const {
    std::size_t count = 0;
    for (const auto& each : fs::directory_iterator(mirror_->git_dir() / "objects" / "pack"))
      count += each.path().extension() == ".pack" ? 1 : 0;
    return count;
  }

  boost::asio::io_context context_;
  SystemClock wall_;
  AsioLoop loop_{context_, wall_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  Log log_ = Log::to_memory(lines_);
  InlineStore store_{loop_};
  BlockingWork blocking_{loop_};
  std::set<std::string> at_work_;
  std::size_t most_packs_ = 20;
  std::unique_ptr<ItemGit> git_of_host_;
  std::unique_ptr<Housekeeping> housekeeping_;
};

TEST_F(HousekeepingTest, OfAnItemThatIsDoneNeitherCloneNorWorkIsKept) {
  const auto clone = clone_with_work(12);
  end_item(add_item(clone), ItemState::done);
  const auto cleared = clear();
  EXPECT_THAT(cleared.clones, ElementsAre(clone.name()));
  EXPECT_THAT(cleared.work, ElementsAre("org/app " + clone.record.branch));
  EXPECT_FALSE(fs::exists(clone.folder));
  EXPECT_THAT(mirror_->work(), IsEmpty());
  EXPECT_TRUE(mirror_->forge_head("main")) << "what the forge has is not touched";
}

TEST_F(HousekeepingTest, TheWorkOfAnItemThatWasStoppedIsKeptForAnotherTry) {
  const auto clone = clone_with_work(12);
  end_item(add_item(clone), ItemState::stopped);
  const auto cleared = clear();
  EXPECT_THAT(cleared.clones, ElementsAre(clone.name())) << "the mirror has all that is in it";
  EXPECT_THAT(cleared.work, IsEmpty());
  EXPECT_EQ(mirror_->work().size(), 1U);
}

TEST_F(HousekeepingTest, WorkThatWasNotTakenInIsNeverRemoved) {
  const auto clone = clone_with_work(12);
  workspaces::put(clone.tree() / "more", "x");
  end_item(add_item(clone), ItemState::done);
  const auto cleared = clear();
  EXPECT_THAT(cleared.clones, IsEmpty());
  EXPECT_THAT(cleared.work, IsEmpty()) << "its clone is judged by it";
  EXPECT_TRUE(fs::exists(clone.tree() / "more"));
}

// Or the store of clones fills up, and nobody sees why.
TEST_F(HousekeepingTest, WhatIsKeptIsSaidUntilItIsGone) {
  std::vector<workspaces::Clone> clones;
  for (const int number : {1, 2, 3, 4, 5, 6, 7}) {
    clones.push_back(clone_with_work(number));
    workspaces::put(clones.back().tree() / "more", "x");
    end_item(add_item(clones.back()), ItemState::done);
  }
  (void)clear();
  const auto lines = housekeeping_->attention();
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_THAT(lines.front(), HasSubstr(clones.front().name()));
  EXPECT_THAT(lines.front(), HasSubstr("more is not committed"));
  EXPECT_THAT(lines.back(), HasSubstr("2 more"));
  for (const auto& clone : clones) fs::remove(clone.tree() / "more");
  (void)clear();
  EXPECT_THAT(housekeeping_->attention(), IsEmpty());
}

TEST_F(HousekeepingTest, WhatWasSetAsideIsSaidAlsoWhileTheNextItemIsAtWork) {
  const auto clone = clone_with_work(12);
  workspaces::put(clone.tree() / "more", "x");
  end_item(add_item(clone), ItemState::stopped);
  git_of_host_->clones().set_aside(clone);
  add_item(make_clone(12));
  clock_.now += 1h;
  (void)clear();
  ASSERT_EQ(housekeeping_->attention().size(), 1U);
  EXPECT_THAT(housekeeping_->attention().front(), HasSubstr(clone.name() + ".of-0 of org/app#12"));
  const auto aside = clone.folder.string() + ".of-0";
  fs::remove(fs::path(aside) / "tree" / "more");
  EXPECT_THAT(clear().clones, ElementsAre(clone.name() + ".of-0")) << "it holds nothing any more";
  EXPECT_TRUE(fs::exists(clone.folder)) << "the next one's";
}

TEST_F(HousekeepingTest, WhatIsInWorkStays) {
  const auto clone = clone_with_work(12);
  const auto item = add_item(clone);
  const auto run = folder_ / "runs" / run_name(item.id, 1);
  fs::create_directories(run);
  fs::create_directories(folder_ / "attempts" / "d99.1");
  at_work_ = {"d99.1"};
  housekeeping_->set_bounds({.most = 0, .bytes = 0});
  const auto cleared = clear();
  EXPECT_THAT(cleared.clones, IsEmpty());
  EXPECT_THAT(cleared.work, IsEmpty());
  EXPECT_TRUE(fs::exists(run));
  EXPECT_TRUE(fs::exists(folder_ / "attempts" / "d99.1"));
  at_work_.clear();
  end_item(item, ItemState::stopped);
  EXPECT_THAT(clear().runs.runs, ElementsAre(run_name(item.id, 1)));
  EXPECT_FALSE(fs::exists(folder_ / "attempts" / "d99.1"));
}

// Another item of the issue goes on from the same branch.
TEST_F(HousekeepingTest, WorkThatAnotherItemGoesOnFromStays) {
  const auto clone = clone_with_work(12);
  end_item(add_item(clone), ItemState::done);
  add_item(clone);
  EXPECT_THAT(clear().work, IsEmpty());
  EXPECT_EQ(mirror_->work().size(), 1U);
}

TEST_F(HousekeepingTest, AtTheStartOfALifeWhatAKilledHostLeftInMirrorsGoes) {
  const auto lock = mirror_->git_dir() / "refs" / "forge" / "heads" / "main.lock";
  const auto half = mirror_->quarantines() / "import.x" / "pack";
  workspaces::put(lock, "");
  workspaces::put(half, "half");
  (void)clear();
  EXPECT_FALSE(fs::exists(lock));
  EXPECT_FALSE(fs::exists(half));
}

// An import of this host may be under way.
TEST_F(HousekeepingTest, LaterInALifeItIsNotTouched) {
  (void)git_of_host_->mirror_of(item());
  const auto half = mirror_->quarantines() / "import.x" / "pack";
  workspaces::put(half, "at work");
  (void)clear();
  EXPECT_TRUE(fs::exists(half));
}

TEST_F(HousekeepingTest, ManyPacksBecomeOne) {
  person_commits("second");
  fetch();
  person_commits("third");
  fetch();
  ASSERT_EQ(packs(), 3U);
  most_packs_ = 2;
  begin_life();
  (void)clear();
  EXPECT_EQ(packs(), 1U);
  EXPECT_EQ(mirror_->forge_head("main"), at_forge("main"));
}

TEST_F(HousekeepingTest, WhatFailsInOnePlaceKeepsNoOtherFromBeingCleared) {
  const auto clone = clone_with_work(12);
  end_item(add_item(clone), ItemState::done);
  fs::create_directory(folder_ / "elsewhere");
  fs::create_directory_symlink(folder_ / "elsewhere", folder_ / "runs");
  const auto cleared = clear();
  ASSERT_EQ(cleared.failed.size(), 1U);
  EXPECT_THAT(cleared.failed.front(), HasSubstr("symbolic link"));
  EXPECT_THAT(cleared.clones, ElementsAre(clone.name()));
}

TEST_F(HousekeepingTest, TwoAtOnceAreOne) {
  std::optional<Result<Cleared>> first, second;
  housekeeping_->clear([&](Result<Cleared> cleared) { first = std::move(cleared); });
  housekeeping_->clear([&](Result<Cleared> cleared) { second = std::move(cleared); });
  EXPECT_TRUE(run_until([&] { return first && second; }));
  EXPECT_TRUE(first->ok());
  EXPECT_EQ(second->error().code(), Code::conflict);
}

// Its let_go() may be at work in it at this moment.
TEST_F(HousekeepingTest, ACloneIsNotTouchedWhileAStepHasItInHand) {
  const auto clone = clone_with_work(12);
  end_item(add_item(clone), ItemState::done);
  {
    const auto step = git_of_host_->clones().hold(clone.record.item);
    EXPECT_THAT(clear().clones, IsEmpty());
    EXPECT_TRUE(fs::exists(clone.folder));
    EXPECT_THAT(housekeeping_->attention(), IsEmpty());
  }
  EXPECT_THAT(clear().clones, ElementsAre(clone.name()));
}

}  // namespace
}  // namespace host::dispatch
