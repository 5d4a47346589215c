// SPDX-License-Identifier: Apache-2.0
#include "services/deadman_records.hpp"

#include <gmock/gmock.h>

#include "services/audit.hpp"
#include "services/test_bench.hpp"

namespace host {
namespace {

using deadman::Event;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class DeadmanRecordsTest : public ServiceBench {
 protected:
  DeadmanRecordsTest() { state_.id = "first"; }
  void record(Event event, const std::string& text) {
    state_.add({.at = loop_.clock().wall(),
                .target = "hermes",
                .event = event,
                .text = text,
                .evidence = {{"mark", "7"}}});
  }
  int take_over(std::string_view file = "state.json") {
    return store_.run_now([&](Unit& unit) { return take_over_records(unit, file, state_); });
  }
  std::vector<std::string> audited() {
    return rows(
        "SELECT who || ' ' || what || ' ' || target || ': ' || result FROM audit ORDER BY id");
  }

  deadman::State state_;
};

TEST_F(DeadmanRecordsTest, EachIsTakenOverOnceWithItsEvidence) {
  record(Event::died, "died");
  record(Event::restarting, "is restarted");
  EXPECT_EQ(take_over(), 2);
  EXPECT_THAT(audited(),
              ElementsAre(R"(deadman deadman.died hermes: died {"mark":"7"})",
                          R"(deadman deadman.restarting hermes: is restarted {"mark":"7"})"));
  EXPECT_EQ(take_over(), 0);
  record(Event::restarted, "taken");
  EXPECT_EQ(take_over(), 1);
  EXPECT_EQ(audited().size(), 3u);
}

TEST_F(DeadmanRecordsTest, AnotherStateBeginsAnew) {
  record(Event::died, "died");
  take_over();
  state_ = {.id = "second"};
  record(Event::state_lost, "lost");
  EXPECT_EQ(take_over(), 1);
  EXPECT_EQ(audited().size(), 2u);
}

TEST_F(DeadmanRecordsTest, WhatADryRunRecordsIsCountedByItself) {
  record(Event::died, "died");
  EXPECT_EQ(take_over(), 1);
  EXPECT_EQ(take_over("dry-run.json"), 1);
  EXPECT_EQ(take_over(), 0);
}

TEST_F(DeadmanRecordsTest, WhatFellOutBeforeIsSaidInALine) {
  record(Event::died, "1");
  take_over();
  for (int i = 2; i <= 5; ++i) record(Event::healthy, std::to_string(i));
  while (state_.records.front().number < 4) state_.records.pop_front();
  EXPECT_EQ(take_over(), 3);
  EXPECT_EQ(audited().at(1),
            "deadman deadman.records_missed state.json: records 2 to 3 were dropped before they "
            "were taken over");
  EXPECT_EQ(audited().size(), 4u);
}

TEST_F(DeadmanRecordsTest, WithoutAStateThereIsNothing) {
  state_ = {};
  EXPECT_EQ(take_over(), 0);
  EXPECT_THAT(audited(), IsEmpty());
}

// One whose transaction was undone is taken over by the next.
TEST_F(DeadmanRecordsTest, WhatWasNotCommittedComesAgain) {
  record(Event::died, "died");
  EXPECT_THROW(store_.run_now([&](Unit& unit) {
    take_over_records(unit, "state.json", state_);
    throw Error(Code::io, "no");
  }),
               Error);
  EXPECT_THAT(audited(), IsEmpty());
  EXPECT_EQ(take_over(), 1);
}

}  // namespace
}  // namespace host
