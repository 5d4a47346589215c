// SPDX-License-Identifier: Apache-2.0
//
// clones.most and clones.size of host.yaml, as items meet them.
#include "dispatch/dispatch_real_fixture.hpp"

namespace host::dispatch {
namespace {

using ::testing::HasSubstr;

// Leaves something that it did not commit, which is nobody's to throw away.
constexpr const char* kLeavesWork = "echo notes > NOTES\n";

class DispatchClonesTest : public DispatchForReal {
 protected:
  [[nodiscard]] static workspaces::DiskLimits limits(int most, std::uint64_t bytes) {
    return disk_limits({.most = most, .bytes = bytes}, Lanes{});
  }
  // An issue more, and the item that is made of it.
  Item next_item() {
    auto& made = forge_.add_issue("org/app", "Crash again");
    made.labels.push_back({0, "bug", "", "", false});
    life_->dispatcher->look();
    EXPECT_TRUE(run_until([this] { return items().size() == 2; }));
    return items().front();
  }
  Item waiting_item() {
    const auto id = next_item().id;
    Item item;
    EXPECT_TRUE(run_until([&] {
      item = store_->run_now([&](Unit& unit) { return read_item(unit, id); });
      return item.at == Position{Gate::track, ItemState::waiting} &&
             item.reason.find("no room") != std::string::npos;
    })) << item.reason;
    return item;
  }
};

TEST_F(DispatchClonesTest, WhereClonesTakeWhatTheyMayAndHoldWorkNoneIsBegun) {
  agent_is(kLeavesWork);
  start_host();
  const auto first = ended_item();
  EXPECT_EQ(first.at.state, ItemState::failed);
  disk_ = limits(64, 1);
  const auto second = waiting_item();
  EXPECT_THAT(second.reason, HasSubstr("no room for another clone"));
  EXPECT_THAT(second.reason, HasSubstr("org/app#1"));
  EXPECT_THAT(second.reason, HasSubstr("NOTES is not committed"));
  EXPECT_EQ(second.runs, 0);
  EXPECT_EQ(second.attempts, 0) << "it is no fault of its own";
}

TEST_F(DispatchClonesTest, TheirNumberIsBoundedLikewise) {
  agent_is(kLeavesWork);
  start_host();
  EXPECT_EQ(ended_item().at.state, ItemState::failed);
  disk_ = limits(1, std::uint64_t{1} << 40);
  EXPECT_THAT(waiting_item().reason, HasSubstr("no room for another clone: 1 clones"));
}

TEST_F(DispatchClonesTest, CleanOnesGoToMakeRoom) {
  agent_is(kFix);
  // Of an item of which nobody knows any more.
  start_host();
  ASSERT_EQ(ended_item().at.state, ItemState::done);
  EXPECT_TRUE(run_until([this] { return std::filesystem::is_empty(state() / "clones"); }));
  const auto mirror = life_->git.mirror_of(items().front());
  const auto old = life_->git.clones().make(
      mirror,
      {.item = {"org/app", 99, "bug-fixer", 1}, .branch = "timmy/issue-99", .base_branch = "main"});
  disk_ = limits(1, std::uint64_t{1} << 40);
  const auto second = next_item();
  EXPECT_TRUE(run_until([&] {
    return !store_->run_now([&](Unit& unit) { return read_item(unit, second.id); }).live();
  }));
  EXPECT_FALSE(std::filesystem::exists(old.folder));
  EXPECT_EQ(items().front().at.state, ItemState::done) << items().front().reason;
}

}  // namespace
}  // namespace host::dispatch
