// SPDX-License-Identifier: Apache-2.0
#include "dispatch/item_store.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/fake_loop.hpp"
#include "store/inline_store.hpp"

namespace host::dispatch {
namespace {

using std::chrono::hours;

class ItemStore : public testing::Test {
 protected:
  FakeLoop loop_;
  InlineStore store_{loop_};

  WallTime now() { return loop_.clock().wall(); }

  static Item item_of(const std::string& repository, std::int64_t number,
                      const std::string& playbook = "bug-fixer") {
    Item item;
    item.repository = repository;
    item.number = number;
    item.playbook = playbook;
    item.source = "matching";
    item.branch = "timmy/issue-" + std::to_string(number);
    return item;
  }
  Item insert(const Item& item) {
    return store_.run_now([&](Unit& unit) { return insert_item(unit, item, now()); });
  }
  Item move(const Item& item, Move move, const std::string& reason = {},
            std::optional<Json> evidence = {}) {
    return store_.run_now([&](Unit& unit) {
      return move_item(unit, item, move, {.reason = reason, .evidence = evidence}, now());
    });
  }
  Item read(ItemId id) {
    return store_.run_now([&](Unit& unit) { return read_item(unit, id); });
  }
  std::vector<GateVisit> visits(ItemId id) {
    return store_.run_now([&](Unit& unit) { return gate_visits(unit, id); });
  }
  std::optional<ItemId> claim(const std::string& repository, std::int64_t number) {
    return store_.run_now([&](Unit& unit) { return claim_on(unit, repository, number); });
  }
  Code refused(const std::function<void()>& work) {
    try {
      work();
    } catch (const Error& error) {
      return error.code();
    }
    ADD_FAILURE() << "was not refused";
    return Code::internal;
  }
};

TEST_F(ItemStore, KeepsAllOfAnItem) {
  Item item = item_of("Org/App", 12);
  item.is_pull = true;
  item.title = "Crash";
  item.matched = false;
  item.lane = "code";
  item.own_login = "timmy";
  item.assignees = {"ada", "bob"};
  item.reason = "why";
  item.instance = 4;
  item.due = now() + hours(1);
  item.run = "1.2";
  item.run_open = true;
  item.runs = 2, item.attempts = 1, item.interruptions = 3;
  item.rate_limits = 6;
  item.feedback = "mend it";
  item.base_branch = "main";
  item.base = "b", item.head = "h", item.sealed = "s", item.pushed = "p";
  item.pull = 7;
  const auto kept = insert(item);
  EXPECT_EQ(to_json(read(kept.id)), to_json(kept));
  const auto row = read(kept.id);
  EXPECT_EQ(row.assignees, item.assignees);
  EXPECT_EQ(row.due, item.due);
  EXPECT_EQ(row.sealed, "s");
  EXPECT_TRUE(row.run_open);
  EXPECT_FALSE(row.matched);
  EXPECT_EQ(row.feedback, "mend it");
  EXPECT_EQ(row.instance, 4);
}

TEST_F(ItemStore, AnIssueIsClaimedOnceWhateverThePlaybookAndTheCase) {
  const auto first = insert(item_of("org/app", 12, "triage"));
  EXPECT_EQ(refused([&] { insert(item_of("Org/APP", 12, "bug-fixer")); }), Code::conflict);
  EXPECT_EQ(claim("ORG/app", 12), first.id);
  insert(item_of("org/app", 13));
  insert(item_of("org/other", 12));
}

TEST_F(ItemStore, AClaimGoesWithTheEndOfItsItem) {
  for (const auto end : {Move::fail, Move::stop, Move::decline}) {
    const auto item = insert(item_of("org/app", 12));
    move(item, end, "enough");
    EXPECT_FALSE(claim("org/app", 12));
  }
}

TEST_F(ItemStore, AnItemIsReopenedOnlyWhileNobodyElseHasTheIssue) {
  auto first = move(insert(item_of("org/app", 12)), Move::fail, "enough");
  const auto second = insert(item_of("org/app", 12, "triage"));
  EXPECT_EQ(refused([&] { move(first, Move::reopen); }), Code::conflict);
  move(second, Move::stop);
  first.attempts = 3;
  first = move(first, Move::reopen);
  EXPECT_EQ(first.at, Position{});
  EXPECT_EQ(first.attempts, 0);
  EXPECT_FALSE(first.ended);
  EXPECT_EQ(claim("org/app", 12), first.id);
}

TEST_F(ItemStore, AStepThatWasOvertakenChangesNothing) {
  const auto before = insert(item_of("org/app", 12));
  const auto after = move(before, Move::begin);
  EXPECT_EQ(refused([&] { move(before, Move::stop); }), Code::stale);
  EXPECT_EQ(read(before.id).at, after.at);
  EXPECT_TRUE(claim("org/app", 12));
}

TEST_F(ItemStore, AForbiddenMoveIsRefused) {
  const auto item = insert(item_of("org/app", 12));
  EXPECT_EQ(refused([&] { move(item, Move::pass); }), Code::internal);
}

TEST_F(ItemStore, AVisitToAGateKeepsItsEvidenceAndHowItEnded) {
  auto item = insert(item_of("org/app", 12));
  item = move(item, Move::begin);
  ASSERT_EQ(visits(item.id).size(), 1U);
  EXPECT_EQ(visits(item.id)[0].verdict, GateVerdict::open);
  item = move(item, Move::wait, "the forge is away", Json{{"looked", 1}});
  item = move(item, Move::begin);
  item = move(item, Move::pass, "nobody works on it");
  item = move(item, Move::begin);
  item = move(item, Move::stop, "it was closed");
  const auto all = visits(item.id);
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].gate, Gate::intake);
  EXPECT_EQ(all[0].verdict, GateVerdict::passed);
  EXPECT_EQ(all[0].evidence, (Json{{"looked", 1}}));
  EXPECT_EQ(all[1].gate, Gate::triage);
  EXPECT_EQ(all[1].verdict, GateVerdict::stopped);
  EXPECT_EQ(all[1].reason, "it was closed");
  EXPECT_TRUE(all[1].ended);
}

TEST_F(ItemStore, OneThatEndsWhileItWaitsSaysWhyToo) {
  const auto item = move(insert(item_of("org/app", 12)), Move::stop, "cancelled");
  const auto all = visits(item.id);
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].verdict, GateVerdict::stopped);
  EXPECT_EQ(all[0].reason, "cancelled");
}

TEST_F(ItemStore, WhatWasPushedIsKnownToTheNextItemOfTheIssue) {
  auto first = insert(item_of("org/app", 12));
  first.pushed = "abc";
  move(first, Move::stop);
  EXPECT_EQ(insert(item_of("org/app", 12)).pushed, "abc");
  EXPECT_EQ(insert(item_of("org/app", 13)).pushed, "");
}

TEST_F(ItemStore, AskedToStopItStaysAskedWhateverStepIsUnderWay) {
  const auto item = insert(item_of("org/app", 12));
  store_.run_now([&](Unit& unit) { (void)ask_stop(unit, item.id, "enough"); });
  const auto begun = move(item, Move::begin);
  EXPECT_EQ(read(item.id).stop, "enough");
  const auto ended = move(begun, Move::stop, "enough");
  EXPECT_EQ(
      refused([&] { store_.run_now([&](Unit& unit) { (void)ask_stop(unit, item.id, "again"); }); }),
      Code::conflict);
  move(ended, Move::reopen);
  EXPECT_EQ(read(item.id).stop, "");
}

TEST_F(ItemStore, ListsNewestFirstByWhatIsAskedFor) {
  const auto one = insert(item_of("org/app", 1));
  const auto two = insert(item_of("org/app", 2, "triage"));
  const auto three = move(insert(item_of("org/lib", 1)), Move::fail, "no");
  const auto ids = [&](const ItemFilter& filter) {
    std::vector<ItemId> found;
    for (const auto& item : store_.run_now([&](Unit& unit) { return list_items(unit, filter); }))
      found.push_back(item.id);
    return found;
  };
  using Ids = std::vector<ItemId>;
  EXPECT_EQ(ids({}), (Ids{three.id, two.id, one.id}));
  EXPECT_EQ(ids({.state = {}, .live = true}), (Ids{two.id, one.id}));
  EXPECT_EQ(ids({.state = ItemState::failed}), (Ids{three.id}));
  EXPECT_EQ(ids({.state = {}, .repository = "ORG/app", .number = 2}), (Ids{two.id}));
  EXPECT_EQ(ids({.state = {}, .playbook = "triage"}), (Ids{two.id}));
  EXPECT_EQ(ids({.state = {}, .before = three.id, .limit = 1}), (Ids{two.id}));
}

TEST_F(ItemStore, WhatIsSettledStaysUntilItIsRearmed) {
  const auto failed = move(insert(item_of("org/app", 1)), Move::fail, "no");
  auto order = item_of("org/app", 2);
  order.matched = false;
  const auto ordered = move(insert(order), Move::fail, "no");
  insert(item_of("org/app", 3));
  const auto settled = [&] {
    return store_.run_now([&](Unit& unit) { return settled_items(unit, "org/APP"); });
  };
  ASSERT_EQ(settled().size(), 2U) << "one that somebody ordered says that it was worked on, too";
  EXPECT_EQ(settled()[0].id, ordered.id);
  EXPECT_EQ(settled()[1].id, failed.id);
  store_.run_now([&](Unit& unit) { rearm_items(unit, {failed.id, ordered.id}); });
  EXPECT_TRUE(settled().empty());
}

TEST_F(ItemStore, ForgetsWhatEndedLongAgoAndNothingThatLives) {
  const auto old = move(move(insert(item_of("org/app", 1)), Move::begin), Move::fail, "no");
  const auto settled = move(insert(item_of("org/app", 2)), Move::fail, "no");
  const auto lives = insert(item_of("org/app", 3));
  store_.run_now([&](Unit& unit) { rearm_items(unit, {old.id}); });
  const auto prune = [&](const ItemRetention& keep) {
    store_.run_now([&](Unit& unit) { (void)prune_items(unit, keep, now()); });
  };
  loop_.fake_clock().advance(hours(24 * 31));
  prune({});
  EXPECT_TRUE(visits(old.id).empty());
  EXPECT_EQ(read(old.id).id, old.id);
  loop_.fake_clock().advance(hours(24 * 60));
  prune({});
  EXPECT_EQ(refused([&] { read(old.id); }), Code::not_found);
  EXPECT_EQ(read(settled.id).id, settled.id);
  EXPECT_EQ(read(lives.id).id, lives.id);
  prune({.most = 0});
  EXPECT_EQ(refused([&] { read(settled.id); }), Code::not_found);
  EXPECT_EQ(read(lives.id).id, lives.id);
}

TEST_F(ItemStore, WorkIsPublishedOnceEachItemOfItsIssueIsDone) {
  const auto finish = [&](Item item) {
    for (int gate = 0; gate < 6; ++gate) item = move(move(item, Move::begin), Move::pass);
  };
  const auto published = [&] {
    std::vector<std::string> names;
    for (const auto& [repository, branch, id] :
         store_.run_now([](Unit& unit) { return published_work(unit); }))
      names.push_back(repository + " " + branch);
    return names;
  };
  finish(insert(item_of("org/app", 1)));
  (void)move(insert(item_of("org/app", 2)), Move::stop);
  (void)insert(item_of("org/app", 3));
  EXPECT_EQ(published(), std::vector<std::string>{"org/app timmy/issue-1"});
  const auto again = insert(item_of("org/app", 1));
  EXPECT_TRUE(published().empty()) << "it is gone on from";
  finish(again);
  EXPECT_EQ(published().size(), 1U);
}

TEST_F(ItemStore, FollowsARenamedRepository) {
  const auto item = insert(item_of("org/app", 1));
  store_.run_now([&](Unit& unit) { rename_items(unit, "org/app", "org/new"); });
  EXPECT_EQ(read(item.id).repository, "org/new");
  EXPECT_EQ(claim("org/new", 1), item.id);
  EXPECT_FALSE(claim("org/app", 1));
}

TEST_F(ItemStore, FollowsARepositoryByItsIdWhateverItsItemsCallIt) {
  const auto of = [&](const std::string& repository, std::int64_t number, std::int64_t id) {
    auto item = item_of(repository, number);
    item.repository_id = id;
    return insert(item);
  };
  const auto follow = [&](std::int64_t id, const std::string& name) {
    return store_.run_now([&](Unit& unit) { return follow_repository(unit, id, name); });
  };
  const auto moved = of("org/app", 1, 7);
  const auto ended = move(of("org/app", 2, 7), Move::stop);
  const auto taken = of("org/old", 3, 7);
  const auto other = of("org/app", 4, 8);
  const auto holder = of("org/web", 3, 7);
  EXPECT_TRUE(follow(7, "org/web"));
  EXPECT_EQ(read(moved.id).repository, "org/web");
  EXPECT_EQ(read(moved.id).repository_id, 7);
  EXPECT_EQ(claim("org/web", 1), moved.id);
  EXPECT_EQ(read(ended.id).repository, "org/web");
  EXPECT_EQ(read(other.id).repository, "org/app") << "it has the name now";
  EXPECT_EQ(read(taken.id).repository, "org/old") << "another one has the claim";
  EXPECT_EQ(claim("org/web", 3), holder.id);
  EXPECT_FALSE(follow(7, "org/web")) << "nothing is left to be done";
  EXPECT_FALSE(follow(7, "Org/Web")) << "the forge compares without case";
  EXPECT_FALSE(follow(0, "org/web"));
}

TEST_F(ItemStore, WhatWasPushedToARepositoryIsNothingToAnotherOneOfItsName) {
  const auto of = [&](std::int64_t id) {
    auto item = item_of("org/app", 1);
    item.branch = "timmy/issue-1";
    item.repository_id = id;
    return item;
  };
  auto before = insert(of(7));
  before.pushed = "c0ffee";
  (void)move(std::move(before), Move::stop);
  auto other = insert(of(8));
  EXPECT_EQ(other.pushed, "");
  (void)move(std::move(other), Move::stop);
  EXPECT_EQ(insert(of(7)).pushed, "c0ffee");
}

TEST_F(ItemStore, WorkIsPublishedByRepositoryAndNotByName) {
  const auto of = [&](std::int64_t id) {
    auto item = item_of("org/app", 1);
    item.branch = "timmy/issue-1";
    item.repository_id = id;
    return insert(item);
  };
  (void)move(of(7), Move::stop);
  auto item = of(8);
  for (int gate = 0; gate < 6; ++gate) item = move(move(item, Move::begin), Move::pass);
  const auto published = store_.run_now([](Unit& unit) { return published_work(unit); });
  ASSERT_EQ(published.size(), 1U);
  EXPECT_EQ(published.front().repository_id, 8);
}

}  // namespace
}  // namespace host::dispatch
