// SPDX-License-Identifier: Apache-2.0
//
// What a round sees, and whose loss it is when that fails.
#include "deadman/round.hpp"

#include <future>

#include "deadman/round_bench.hpp"
#include "deadman/stamp_looker.hpp"

namespace host::deadman {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

TEST_F(RoundTest, AMarkOfAnyBytesIsTheSameAtTheNextLook) {
  sign_ = {Sign::Kind::untrusted, "/s/\xff\xfe is " + std::string(5000, 'x')};
  for (int minute = 0; minute < 180; ++minute) {
    clock_.advance(1min);
    look();
    state_ = parse_state(to_text(state_));
  }
  EXPECT_THAT(state_.records, SizeIs(1));
  EXPECT_LT(target().trouble.size(), 1100u);
  sign_ = {Sign::Kind::there, "\xff"};
  look();
  state_ = parse_state(to_text(state_));
  pass(5min);
  state_ = parse_state(to_text(state_));
  EXPECT_THAT(pass(5min), Contains("died")) << "it stands still";
}

TEST_F(RoundTest, ALookThatFailsKeepsNoOtherFromItsOwn) {
  settings_.watches.push_back({.name = "other", .stamp = "/stamps/other"});
  for (int minute = 0; minute <= 10; ++minute) {
    clock_.advance(1min);
    Round(settings_, state_,
          {.clock = clock_,
           .boot = "one",
           .runner = runner_,
           .look = [this](const Watch& watch) -> Sign {
             if (watch.name == "hermes") throw std::runtime_error("too many open files");
             return sign_;
           },
           .keep = [](const State&) {}})
        .run();
  }
  EXPECT_EQ(target().trouble, "too many open files");
  EXPECT_TRUE(state_.target(settings_.watches[1]).active) << "it was looked at";
}

TEST_F(RoundTest, AStampWhoseLookNeverReturnsKeepsNoOtherFromItsRestart) {
  Watch away{.name = "away", .stamp = "/away/stamp", .restart = Restart{.unit = "a.service"}};
  away.rules.restarts = true;
  settings_.watches.insert(settings_.watches.begin(), away);
  std::promise<void> back;
  StampLooker looker(1ms, [gone = back.get_future().share()](const auto& stamp, const auto&) {
    if (stamp == "/away/stamp") gone.wait();
    return Sign{Sign::Kind::there, "1"};
  });
  StampLooker patient(1h, [](const auto&, const auto&) { return Sign{Sign::Kind::there, "1"}; });
  std::vector<std::string> events;
  for (int minute = 0; minute <= 10; ++minute) {
    clock_.advance(1min);
    Round round(
        settings_, state_,
        {.clock = clock_,
         .boot = "one",
         .runner = runner_,
         .look =
             [&](const Watch& watch) {
               return (watch.name == "away" ? looker : patient).look(watch.stamp, watch.user);
             },
         .keep = [](const State&) {}});
    for (const auto& record : round.run())
      events.push_back(record.target + " " + std::string(name(record.event)));
  }
  EXPECT_THAT(events, ElementsAre("away unwatchable", "hermes died", "hermes restarting",
                                  "hermes restarted"));
  ASSERT_THAT(runner_.of(kSystemctl), SizeIs(1)) << "what nobody can see is not dead";
  EXPECT_EQ(runner_.of(kSystemctl)[0].arguments.back(), "h.service");
  back.set_value();
}

TEST_F(RoundTest, TheHostComesFirst) {
  settings_.watches.push_back({.name = "z-host", .kind = Watch::Kind::host});
  std::vector<std::string> looked;
  Round(settings_, state_,
        {.clock = clock_,
         .boot = "one",
         .runner = runner_,
         .look =
             [&](const Watch& watch) {
               looked.push_back(watch.name);
               return sign_;
             },
         .keep = [](const State&) {}})
      .run();
  EXPECT_THAT(looked, ElementsAre("z-host", "hermes"));
}

TEST_F(RoundTest, AnotherStampIsNotDeadForItsPredecessor) {
  look();
  pass(9min);
  settings_.watches[0].stamp = "/stamps/other";
  sign_ = {Sign::Kind::missing, ""};
  EXPECT_THAT(pass(3h), ElementsAre("unwatchable")) << "it never lived";
  EXPECT_THAT(runner_.of(kSystemctl), IsEmpty());
}

TEST_F(RoundTest, ABootWithoutANameIsSaidAndNotPassedOver) {
  Round round(settings_, state_,
              {.clock = clock_,
               .runner = runner_,
               .look = [this](const Watch&) { return sign_; },
               .keep = [](const State&) {}});
  EXPECT_THROW(round.run(), Error);
}

TEST_F(RoundTest, OneTargetsDeathIsNobodyElses) {
  settings_.watches.push_back(settings_.watches[0]);
  settings_.watches[1].name = "other";
  settings_.watches[1].restart->unit = "o.service";
  int beats = 0;
  const auto look_at_both = [&] {
    clock_.advance(1min);
    ++beats;
    Round round(settings_, state_,
                {.clock = clock_,
                 .boot = "one",
                 .runner = runner_,
                 .look =
                     [&](const Watch& watch) {
                       return watch.name == "other" ? Sign{Sign::Kind::there, std::to_string(beats)}
                                                    : sign_;
                     },
                 .keep = [](const State&) {}});
    round.run();
  };
  for (int i = 0; i < 100; ++i) look_at_both();
  EXPECT_TRUE(target().handed_off);
  EXPECT_FALSE(state_.target(settings_.watches[1]).active);
}

}  // namespace
}  // namespace host::deadman
