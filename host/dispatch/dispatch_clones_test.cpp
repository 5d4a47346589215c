// SPDX-License-Identifier: Apache-2.0
//
// clones.most and clones.size of host.yaml, as items meet them.
#include <fmt/format.h>

#include <algorithm>
#include <future>

#include "base/file.hpp"
#include "dispatch/dispatch_real_fixture.hpp"

namespace host::dispatch {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kLimits = "limits: { attempts: 2, tokens: 10000, wall: 2m, stall: 60s }\n";

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
  // The first one, whose clone was looked at by then, and kept.
  Item ended_item_with_clone() {
    const auto item = ended_item();
    EXPECT_TRUE(run_until([this] {
      return std::any_of(lines_->begin(), lines_->end(), [](const std::string& line) {
        return line.find("its clone is kept") != line.npos;
      });
    }));
    return item;
  }
  // An item that is stopped once its agent has committed that, and nothing else is in its clone.
  Item stopped_item_with(const std::string& work) {
    agent_is(fmt::format(
        "git commit --quiet --allow-empty --message {}\necho committed\nsleep 600\n", work));
    if (!life_) {
      start_host();
    } else {
      life_->dispatcher->dispatch({"org/app", issue_, "bug-fixer", "", std::string(kByOperator)},
                                  [](const auto& taken) { EXPECT_TRUE(taken.ok()); });
    }
    EXPECT_TRUE(run_until([this] {
      const auto all = items();
      return !all.empty() && all.front().run_open &&
             std::filesystem::exists(state() / "runs" / all.front().run / "output.log") &&
             output(all.front().run).find("committed") != std::string::npos;
    }));
    life_->dispatcher->cancel(items().front().id, "by hand", [](const auto&) {});
    const auto item = ended_item();
    EXPECT_EQ(item.at.state, ItemState::stopped) << item.reason;
    EXPECT_TRUE(run_until([this] { return std::filesystem::is_empty(state() / "clones"); }));
    return item;
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
  EXPECT_EQ(ended_item_with_clone().at.state, ItemState::failed);
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
  EXPECT_EQ(ended_item_with_clone().at.state, ItemState::failed);
  disk_ = limits(1, std::uint64_t{1} << 40);
  EXPECT_THAT(waiting_item().reason, HasSubstr("no room for another clone: 1 clones"));
}

// Neither what it left in its clone nor what came in of it is the next one's.
TEST_F(DispatchClonesTest, ANewItemOfTheIssueBeginsAnewAndTheOldOnesCloneIsKept) {
  agent_is(R"(echo half > half && git add half && git commit --quiet --message half
echo notes > NOTES
sleep 600
)");
  start_host_with(std::string(kLimits) +
                  "workspace: { setup: [ { run: [touch, .git/was-set-up] } ] }\n");
  std::filesystem::path old;
  ASSERT_TRUE(run_until([&] {
    for (const auto& clone : life_->git.clones().list().clones)
      if (std::filesystem::exists((old = clone.folder) / "tree" / "NOTES")) return true;
    return false;
  })) << testing::PrintToString(*lines_);
  life_->dispatcher->cancel(items().front().id, "by hand", [](const auto&) {});
  const auto first = ended_item();
  ASSERT_EQ(first.at.state, ItemState::stopped) << first.reason;
  ASSERT_NE(first.head, "");
  agent_is(R"(test -e .git/was-set-up && echo it was set up
ls
git log --format=%s
)");
  life_->dispatcher->dispatch(
      {"org/app", issue_, "bug-fixer", "", std::string(kByOperator)},
      [](const Result<Item>& taken) { EXPECT_TRUE(taken.ok()) << taken.error().what(); });
  ASSERT_TRUE(run_until([this] { return items().size() == 2 && !items().front().live(); }));
  const auto second = items().front();
  EXPECT_EQ(second.reason, "it committed nothing") << "what an earlier one did is not its work";
  EXPECT_EQ(second.head, "");
  EXPECT_THAT(output(second.run), HasSubstr("it was set up"));
  EXPECT_THAT(output(second.run), Not(HasSubstr("NOTES")));
  EXPECT_THAT(output(second.run), Not(HasSubstr("half")));
  const auto aside = old.string() + fmt::format(".of-{}", first.id.value());
  EXPECT_EQ(read_file(std::filesystem::path(aside) / "tree" / "NOTES", 100), "notes\n");
  const auto kept = life_->git.mirror_of(first).kept_work(first.branch);
  ASSERT_EQ(kept.size(), 1U);
  EXPECT_EQ(kept.begin()->second.text(), first.head);
}

TEST_F(DispatchClonesTest, ARetryGoesOnFromItsOwnWorkAndFromNoOtherItems) {
  const auto first = stopped_item_with("one");
  const auto second = stopped_item_with("two");
  ASSERT_NE(first.id, second.id);
  agent_is("git log --format=%s\n");
  const auto log_of_retried = [this](ItemId id) {
    life_->dispatcher->retry(id, [](const auto& taken) { EXPECT_TRUE(taken.ok()); });
    const auto item = [this, id] {
      return store_->run_now([&](Unit& unit) { return read_item(unit, id); });
    };
    EXPECT_TRUE(run_until([&] { return item().runs > 1 && !item().live(); }));
    EXPECT_TRUE(run_until([this] { return std::filesystem::is_empty(state() / "clones"); }));
    return output(item().run);
  };
  EXPECT_THAT(log_of_retried(second.id), HasSubstr("two"));
  EXPECT_EQ(log_of_retried(first.id), "tests\nfirst\n") << "it begins anew";
  const auto kept = life_->git.mirror_of(first).kept_work(first.branch);
  EXPECT_EQ(kept.size(), 2U);
}

// A retry may be quicker than what its item's end left to do.
TEST_F(DispatchClonesTest, TheEndOfAnItemTakesNoCloneFromItsRetry) {
  agent_is(kFix);
  start_host();
  const auto item = ended_item();
  ASSERT_EQ(item.at.state, ItemState::done);
  EXPECT_TRUE(run_until([this] { return std::filesystem::is_empty(state() / "clones"); }));
  ItemWork work;
  work.item = item;
  work.playbook = std::make_shared<const Playbook>(
      parse_playbook(playbook_text("bug-fixer", std::string(kLimits) + kGates), "bug-fixer.yaml"));
  work.lane = std::make_shared<const Lane>();
  const auto prepare = [&] {
    std::optional<Result<Workspace>> made;
    life_->workspaces.prepare(work, [&](Result<Workspace> reply) { made = std::move(reply); });
    EXPECT_TRUE(run_until([&] { return made.has_value(); }));
    EXPECT_TRUE(made->ok());
    return made->value().tree;
  };
  const auto tree = prepare();
  // All threads for what is brief have something to do.
  std::promise<void> over;
  const auto until = over.get_future().share();
  for (std::size_t each = 0; each < WorkBounds{}.brief; ++each)
    life_->blocking.run([until] { until.wait(); }, [](const Status&) {});
  bool let_go = false;
  life_->workspaces.let_go(item, [&](const Status& done) { let_go = done.ok(); });
  EXPECT_EQ(prepare(), tree);
  over.set_value();
  EXPECT_TRUE(run_until([&] { return let_go; }));
  EXPECT_TRUE(std::filesystem::exists(tree)) << "its next agent is at work in it";
  let_go = false;
  life_->workspaces.let_go(item, [&](const Status& done) { let_go = done.ok(); });
  EXPECT_TRUE(run_until([&] { return let_go; }));
  EXPECT_FALSE(std::filesystem::exists(tree)) << "it has ended again";
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
