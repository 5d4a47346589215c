// SPDX-License-Identifier: Apache-2.0
#include "services/process_service.hpp"

#include <gmock/gmock.h>

#include "services/test_bench.hpp"

namespace host {
namespace {

using deadman::Event;
using deadman::Sign;
using deadman::Watch;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

// Answers with what the test says, and remembers what it was asked.
class FakeDesk final : public DeadmanDesk {
 public:
  explicit FakeDesk(Loop& loop) : loop_(loop) {}
  void survey(bool dry_run, Reply<deadman::Survey> reply) override {
    surveys.push_back(dry_run);
    loop_.post([this, dry_run, reply] {
      auto answer = settings;
      answer.dry_run = dry_run;
      reply(deadman::Survey{answer, state});
    });
  }
  void look(deadman::LookOrder order, Reply<deadman::Looked> reply) override {
    orders.push_back(order);
    loop_.post([this, order, reply] {
      reply(attempt([&] {
        const Watch& watch = settings.find(order.watch);
        return deadman::Looked{watch,
                               deadman::standing_of(watch, state, now(), order.dry_run),
                               order.dry_run,
                               {state.records.begin(), state.records.end()},
                               state};
      }));
    });
  }
  [[nodiscard]] deadman::Moment now() const override { return {"one", std::chrono::hours(1)}; }
  [[nodiscard]] std::string host_name() const override { return "allegro"; }

  deadman::Settings settings;
  deadman::State state{.id = "s"};
  std::vector<bool> surveys;
  std::vector<deadman::LookOrder> orders;

 private:
  Loop& loop_;
};

class ProcessServiceTest : public ServiceBench {
 protected:
  ProcessServiceTest() {
    Watch hermes{.name = "hermes", .stamp = "/stamps/hermes"};
    hermes.restart = deadman::Restart{.command = {"/usr/bin/docker", "restart", "--secret"}};
    hermes.rules.restarts = true;
    Watch ada{.name = "ada", .kind = Watch::Kind::work, .work = {{"org/app"}, "ada"}};
    desk_.settings.watches = {ada, hermes};
    table_.add(make_process_service(desk_));
  }
  void record(const std::string& watch, Event event, const std::string& text) {
    desk_.state.add({.at = loop_.clock().wall(),
                     .target = watch,
                     .event = event,
                     .text = text,
                     .evidence = {{"command", {"/usr/bin/docker", "--secret"}}}});
  }

  FakeDesk desk_{loop_};
};

TEST_F(ProcessServiceTest, TellsTheWatchesThatAreGranted) {
  const auto all = call(*open({{"process.watch", {"*"}}}), "process/1.watches").value();
  EXPECT_EQ(all["host"], "allegro");
  ASSERT_THAT(all["watches"], SizeIs(2));
  EXPECT_EQ(all["watches"][0]["work"], (Json{{"repositories", {"org/app"}}, {"user", "ada"}}));
  EXPECT_EQ(all["watches"][0]["kind"], "work");
  EXPECT_EQ(all["watches"][1]["kind"], "stamp");
  EXPECT_EQ(all["watches"][1]["state"], "unseen");
  const auto some = call(*open({{"process.watch", {"ada"}}}), "process/1.watches").value();
  EXPECT_THAT(some["watches"], SizeIs(1));
}

TEST_F(ProcessServiceTest, WithoutAGrantNothingIsToldOrLookedAt) {
  const auto run = open({{"process.restart", {"*"}}});
  EXPECT_EQ(call(*run, "process/1.watches").error().code(), Code::not_granted);
  const auto refused = call(*run, "process/1.look", {{"name", "hermes"}}).error();
  EXPECT_EQ(refused.code(), Code::not_granted);
  EXPECT_THAT(refused.what(), HasSubstr("process.watch: [\"hermes\"]"));
  EXPECT_THAT(desk_.orders, IsEmpty());
}

TEST_F(ProcessServiceTest, OnlyWhoIsGrantedItMayRestart) {
  const auto watcher = open({{"process.watch", {"*"}}});
  const auto looked = call(*watcher, "process/1.look", {{"name", "hermes"}}).value();
  EXPECT_FALSE(desk_.orders.back().may_restart);
  EXPECT_THAT(looked["withheld"].get<std::string>(), HasSubstr("process.restart: [\"hermes\"]"));
  const auto other = open({{"process.watch", {"*"}}, {"process.restart", {"ada"}}});
  (void)call(*other, "process/1.look", {{"name", "hermes"}});
  EXPECT_FALSE(desk_.orders.back().may_restart);
  const auto full = open({{"process.watch", {"*"}}, {"process.restart", {"hermes"}}});
  EXPECT_EQ(call(*full, "process/1.look", {{"name", "hermes"}}).value()["withheld"], "");
  EXPECT_TRUE(desk_.orders.back().may_restart);
}

TEST_F(ProcessServiceTest, TheSignOfWorkIsHandedOn) {
  const auto run = open({{"process.watch", {"*"}}});
  const auto hand_in = [&](const Json& sign) {
    return call(*run, "process/1.look", {{"name", "ada"}, {"sign", sign}});
  };
  ASSERT_TRUE(hand_in({{"kind", "there"}, {"mark", "comment 7"}}).ok());
  EXPECT_EQ(desk_.orders.back().sign->kind, Sign::Kind::there);
  EXPECT_EQ(desk_.orders.back().sign->mark, "comment 7");
  ASSERT_TRUE(hand_in({{"kind", "missing"}}).ok());
  EXPECT_EQ(desk_.orders.back().sign->kind, Sign::Kind::missing);
  ASSERT_TRUE(hand_in({{"kind", "untrusted"}, {"mark", "why"}}).ok());
  EXPECT_EQ(desk_.orders.back().sign->kind, Sign::Kind::untrusted);
  EXPECT_EQ(hand_in({{"kind", "alive"}}).error().code(), Code::usage);
  EXPECT_EQ(hand_in({{"mark", "7"}}).error().code(), Code::usage);
  EXPECT_EQ(hand_in("there").error().code(), Code::usage);
}

TEST_F(ProcessServiceTest, ARunThatLooksWithoutEndIsStopped) {
  const auto run = open({{"process.watch", {"*"}}});
  const auto look = [&](RunContext& by) {
    return call(by, "process/1.look", {{"name", "hermes"}});
  };
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(look(*run).ok());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(look(*run).error().code(), Code::rate_limited);
  EXPECT_THAT(desk_.orders, SizeIs(200));
  EXPECT_TRUE(call(*run, "process/1.watches").ok()) << "it may still ask how things stand";
  EXPECT_TRUE(look(*open({{"process.watch", {"*"}}})).ok()) << "another run";
}

TEST_F(ProcessServiceTest, ADryRunOfThePluginIsOne) {
  const auto run = open({{"process.watch", {"*"}}});
  run->writes.dry_run = true;
  EXPECT_EQ(call(*run, "process/1.watches").value()["dry_run"], true);
  EXPECT_EQ(call(*run, "process/1.look", {{"name", "hermes"}}).value()["dry_run"], true);
  EXPECT_THAT(desk_.surveys, ElementsAre(true));
  EXPECT_TRUE(desk_.orders.back().dry_run);
}

TEST_F(ProcessServiceTest, WhatHappenedIsToldWithoutAnyCommand) {
  for (int i = 0; i < 12; ++i) record("hermes", Event::healthy, "well " + std::to_string(i));
  record("ada", Event::died, "died");
  const auto looked =
      call(*open({{"process.watch", {"*"}}}), "process/1.look", {{"name", "hermes"}}).value();
  ASSERT_THAT(looked["history"], SizeIs(10)) << "of its own, the last ten";
  EXPECT_EQ(looked["history"][0]["text"], "well 2");
  EXPECT_EQ(looked["history"][9], (Json{{"number", 12},
                                        {"at", "2026-01-05T12:00:00Z"},
                                        {"event", "healthy"},
                                        {"text", "well 11"}}));
  EXPECT_EQ(looked["state_id"], "s");
  EXPECT_THAT(looked["records"], SizeIs(12)) << "nothing of another watch";
  EXPECT_THAT(to_text(looked), Not(HasSubstr("docker")));
}

TEST_F(ProcessServiceTest, WhatTheHostRefusesIsTold) {
  const auto run = open({{"process.watch", {"*"}}});
  EXPECT_EQ(call(*run, "process/1.look", {{"name", "nobody"}}).error().code(), Code::not_found);
  EXPECT_EQ(call(*run, "process/1.look").error().code(), Code::usage);
  EXPECT_EQ(call(*run, "process/1.kill", {{"name", "hermes"}}).error().code(), Code::usage);
}

}  // namespace
}  // namespace host
