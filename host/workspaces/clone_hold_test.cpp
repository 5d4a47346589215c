// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone_hold.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace host::workspaces {
namespace {

TEST(CloneHold, OneAtATimeHasAClone) {
  const CloneHolds holds;
  {
    const auto held = holds.hold("a");
    EXPECT_FALSE(holds.try_hold("a"));
    EXPECT_TRUE(holds.try_hold("b"));
  }
  EXPECT_TRUE(holds.try_hold("a"));
  EXPECT_TRUE(holds.try_hold("a")) << "it was let go at once";
}

TEST(CloneHold, WhoWaitsHasItOnceItIsLetGo) {
  const CloneHolds holds;
  std::atomic<bool> let_go = false;
  auto held = holds.try_hold("a");
  ASSERT_TRUE(held);
  std::thread other([&] {
    const auto mine = holds.hold("a");
    EXPECT_TRUE(let_go);
  });
  let_go = true;
  held.reset();
  other.join();
  EXPECT_TRUE(holds.try_hold("a"));
}

TEST(CloneHold, MovedItIsLetGoOnce) {
  const CloneHolds holds;
  auto held = holds.try_hold("a");
  {
    const auto moved = std::move(*held);
    held.reset();
    EXPECT_FALSE(holds.try_hold("a"));
  }
  EXPECT_TRUE(holds.try_hold("a"));
}

}  // namespace
}  // namespace host::workspaces
