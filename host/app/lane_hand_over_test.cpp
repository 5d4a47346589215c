// SPDX-License-Identifier: Apache-2.0
#include "app/lane_hand_over.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "base/fake_loop.hpp"
#include "deadman/round_fixture.hpp"
#include "store/inline_store.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LaneHandOverTest : public ::testing::Test {
 protected:
  LaneHandOverTest() {
    survey_.settings = deadman::hermes_settings();
    watch().dispatch = deadman::Dispatch{"code", "spare"};
  }
  [[nodiscard]] deadman::Watch& watch() { return survey_.settings.watches.at(0); }
  void dies() {
    auto& target = survey_.state.target(watch());
    target.silence = {{"one", 59min}, "mark", false, true, 40min};
    target.active = target.handed_off = true;
  }
  void look() {
    hand_over_.act(survey_, {"one", 1h});
    loop_.drain();
  }
  void add_item(std::int64_t number, const std::string& lane,
                dispatch::Gate gate = dispatch::Gate::track) {
    dispatch::Item item;
    item.id = dispatch::ItemId(number);
    item.repository = "org/app";
    item.number = number;
    item.lane = lane;
    item.at = {gate, dispatch::ItemState::waiting};
    items_.push_back(item);
  }
  // As a dispatcher does it.
  int move_items(const dispatch::HandOver& order) {
    int count = 0;
    for (auto& item : items_)
      if (item.waits_for_agent_of(order.from)) {
        item.lane = order.to;
        store_.run_now([&](Unit& unit) { order.note(unit, item); });
        ++count;
      }
    return count;
  }
  [[nodiscard]] std::vector<std::string> lanes_of_items() const {
    std::vector<std::string> lanes;
    for (const auto& item : items_) lanes.push_back(item.lane);
    return lanes;
  }
  // who, what, target, result
  std::vector<std::string> audited() {
    return store_.run_now([](Unit& unit) {
      auto& row = unit.query("SELECT who, what, target, result FROM audit ORDER BY id");
      std::vector<std::string> lines;
      while (row.step())
        lines.push_back(row.string(0) + " | " + row.string(1) + " | " + row.string(2) + " | " +
                        row.string(3));
      return lines;
    });
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
  deadman::Survey survey_;
  std::vector<dispatch::Item> items_;
  std::set<std::string> lanes_ = {"code", "spare"};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  LaneHandOver hand_over_{
      {.store = store_,
       .clock = loop_.clock(),
       .lanes = [this] { return lanes_; },
       .live = [this] { return items_; },
       .hand_over = [this](const dispatch::HandOver& order,
                           const Reply<int>& reply) { reply(move_items(order)); },
       .log = Log::to_memory(lines_)}};
};

TEST_F(LaneHandOverTest, ADeadAgentsWorkGoesToTheOtherLaneAndThatIsAudited) {
  add_item(1, "code");
  add_item(2, "code", dispatch::Gate::verify);
  add_item(3, "other");
  look();
  EXPECT_THAT(lanes_of_items(), ElementsAre("code", "code", "other")) << "nobody is dead";
  dies();
  look();
  EXPECT_THAT(lanes_of_items(), ElementsAre("spare", "code", "other"))
      << "what its agent is through with stays";
  EXPECT_THAT(
      audited(),
      ElementsAre("deadman, watch hermes | dispatch.hand_over | org/app#1 | ok: item 1 from "
                  "lane code to spare; hermes has given no sign of life for 40m"));
}

TEST_F(LaneHandOverTest, TheWorkOfOneThatNobodyMayRestartWaitsForNoHandOff) {
  add_item(1, "code");
  dies();
  survey_.state.target(watch()).handed_off = false;
  look();
  EXPECT_THAT(lanes_of_items(), ElementsAre("code"));
  survey_.withheld = {"hermes"};
  look();
  EXPECT_THAT(lanes_of_items(), ElementsAre("spare"));
}

TEST_F(LaneHandOverTest, FurtherLooksMoveOnlyWhatCameSince) {
  add_item(1, "code");
  dies();
  look();
  look();
  EXPECT_EQ(audited().size(), 1U);
  add_item(2, "code");
  look();
  look();
  EXPECT_THAT(lanes_of_items(), ElementsAre("spare", "spare"));
  EXPECT_EQ(audited().size(), 2U);
}

TEST_F(LaneHandOverTest, InADryRunNothingMovesAndEachItemIsToldOnce) {
  add_item(1, "code");
  dies();
  survey_.settings.dry_run = true;
  look();
  look();
  EXPECT_THAT(lanes_of_items(), ElementsAre("code"));
  EXPECT_THAT(
      audited(),
      ElementsAre(HasSubstr("org/app#1 | dry run: item 1 from lane code to spare; hermes has")));
  add_item(2, "code");
  look();
  EXPECT_THAT(audited().back(), HasSubstr("org/app#2 | dry run"));
}

TEST_F(LaneHandOverTest, ALaneThatThereIsNotIsToldBeforeAnybodyIsDead) {
  lanes_ = {"code"};
  look();
  look();
  EXPECT_THAT(hand_over_.faults(),
              ElementsAre(HasSubstr("watch.hermes.dispatch.to names lane spare")));
  EXPECT_EQ(lines_->size(), 1U) << "once";
  add_item(1, "code");
  dies();
  look();
  EXPECT_THAT(lanes_of_items(), ElementsAre("code"));
  EXPECT_THAT(audited(), IsEmpty());
  lanes_.insert("spare");
  look();
  EXPECT_THAT(hand_over_.faults(), IsEmpty());
  EXPECT_THAT(lanes_of_items(), ElementsAre("spare"));
}

}  // namespace
}  // namespace host
