// SPDX-License-Identifier: Apache-2.0
//
// The meter on the real ledger: runs that race for what is left, and a host that dies in between.
#include <algorithm>

#include "store/inline_store.hpp"
#include "tokens/ledger.hpp"
#include "tokens/meter_fixture.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Peer = FakeUpstream::Peer;
using Request = FakeUpstream::Request;

class MeterLedgerTest : public MeterTest {
 protected:
  void SetUp() override {
    write_key("sk-the-real-key-1");
    start();
    budget(R"({"day": {"tokens": 4000}})");
  }
  void start() {
    ledger_of_store_ = std::make_unique<Ledger>(store_, loop_, clock_, Log::to_memory(lines_),
                                                "allegro", "boot 1");
    recovery_ = wait<Ledger::Recovery>([&](auto done) { ledger_of_store_->recover(done); }).value();
    meter_ = std::make_unique<Meter>(
        loop_,
        [this](Loop& callers) { return make_call_ledger(*ledger_of_store_, loop_, callers); },
        routes(), redactor_, Log::to_memory(lines_), MeterOptions{});
  }
  void budget(const std::string& json) {
    (void)wait<Done>([&](auto done) {
      ledger_of_store_->set_budget(parse_budget(json, "token_budget.json"), done);
    }).value();
  }
  template <class T, class Ask>
  Result<T> wait(Ask ask) {
    std::optional<Result<T>> answer;
    ask(Reply<T>([&](Result<T> result) { answer = std::move(result); }));
    run_until(context_, [&] { return answer.has_value(); });
    return *answer;
  }
  MeteredRun run_of(std::int64_t tokens, std::vector<OwnCap> caps = {}) {
    RunTerms terms;
    terms.route = "main";
    terms.reservation = Tokens(tokens);
    terms.spender.pipeline = "code";
    terms.caps = std::move(caps);
    return wait<MeteredRun>([&](auto done) { meter_->open_run(terms, done); }).value();
  }
  Standing day() {
    const auto all =
        wait<std::vector<Standing>>([&](auto done) { ledger_of_store_->standings(done); }).value();
    return all.at(0);
  }
  std::vector<OwnStanding> own_caps() {
    return wait<std::vector<OwnStanding>>(
               [&](auto done) { ledger_of_store_->own_standings(meter_->runs(), done); })
        .value();
  }
  // A call of each run at once, each of which takes its whole hold, so that one too many would
  // show. How many were served; the others were refused. `look` is called all the while.
  std::int64_t race(const std::vector<MeteredRun>& runs, const std::function<void()>& look) {
    upstream_.set_script([](const Request& request, const Peer& peer) {
      const auto input = static_cast<std::int64_t>(request.body.size());
      peer.say(http_reply(
          to_text(completion("hi", input, request.json()["max_tokens"].get<std::int64_t>()))));
    });
    std::vector<std::unique_ptr<RawClient>> clients;
    for (const auto& each : runs) {
      run_ = each;
      clients.push_back(client());
      clients.back()->say(request(chat()));
    }
    run_until(context_, [&] {
      look();
      return std::all_of(clients.begin(), clients.end(),
                         [](const auto& each) { return each->closed(); });
    });
    const auto heard = [&](const char* text) {
      return std::count_if(clients.begin(), clients.end(),
                           [&](const auto& each) { return each->heard(text); });
    };
    const auto served = heard(" 200 OK");
    EXPECT_EQ(served + heard("HTTP/1.1 429"), std::ssize(runs));
    run_until(context_, [&] { return day().held == Tokens(0); });
    return served;
  }

  InlineStore store_{loop_};
  Ledger::Recovery recovery_;
  std::unique_ptr<Ledger> ledger_of_store_;
};

TEST_F(MeterLedgerTest, FiftyRunsRaceForTheLastTokensAndNoneGoesPast) {
  std::vector<MeteredRun> runs;
  for (int i = 0; i < 50; ++i) runs.push_back(run_of(i % 2 == 0 ? 0 : 50));
  const auto served = race(runs, [this] {
    const auto standing = day();
    EXPECT_LE(standing.settled + standing.held + standing.reserved, Tokens(4000));
  });
  EXPECT_GT(served, 10);
  const auto end = day();
  EXPECT_LE(end.settled, Tokens(4000));
  EXPECT_GT(end.settled, Tokens(2000));
  EXPECT_EQ(end.overrun, Tokens(0));
}

TEST_F(MeterLedgerTest, NorPastACapThatTheySetOnThemselves) {
  budget(R"({"day": {"tokens": 1000000}})");
  std::vector<MeteredRun> runs;
  for (int i = 0; i < 50; ++i)
    runs.push_back(
        run_of(0, {{Dimension::pipeline, Tokens(4000), "the lane's cap,", "Raise it."}}));
  const auto served = race(runs, [this] {
    const auto standing = day();
    EXPECT_LE(standing.settled + standing.held, Tokens(4000));
  });
  EXPECT_GT(served, 10);
  EXPECT_LT(served, 50);
  EXPECT_GT(day().settled, Tokens(2000));
}

TEST_F(MeterLedgerTest, WhatAnotherCallHoldsIsAskedForAgainAndHadOnceItEnds) {
  std::optional<Peer> busy;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    if (!busy) return void(busy = peer);
    peer.say(http_reply(to_text(completion("hi", 60, 50))));
  });
  run_ = run_of(0);
  const auto first = client();
  first->say(request(chat()));
  run_until(context_, [&] { return busy.has_value(); });
  // Too little for another one now, and enough once the first gives back what it does not use.
  const auto second = chat({{"user", std::string(500, 'x')}});
  const auto cap = std::to_string(day().held.count() + std::ssize(second) - 20);
  budget(R"({"pipelines": {"code": {"tokens": )" + cap + R"(, "when_reached": "pause"}}})");
  run_ = run_of(0);
  const auto heard = exchange(request(second));
  EXPECT_THAT(heard, HasSubstr("HTTP/1.1 429"));
  EXPECT_THAT(heard, HasSubstr("retry-after: 10"));
  EXPECT_THAT(heard, Not(HasSubstr("x-should-retry")));
  EXPECT_THAT(heard, HasSubstr(R"("code":"rate_limit_exceeded")"));
  EXPECT_THAT(heard, HasSubstr("are held by calls under way"));
  EXPECT_TRUE(ledger_of_store_->pauses().empty());
  busy->say(http_reply(to_text(completion("hi", 60, 50))));
  run_until(context_, [&] { return first->closed() && day().held == Tokens(0); });
  EXPECT_THAT(exchange(request(second)), HasSubstr(" 200 OK"));
  EXPECT_TRUE(ledger_of_store_->pauses().empty());
}

TEST_F(MeterLedgerTest, TheOwnCapsOfARunStandWhileItIsOpen) {
  run_ = run_of(0, {{Dimension::run, Tokens(2000), "limits.tokens of the playbook fixer, 2000,",
                     "Raise it."}});
  EXPECT_THAT(exchange(request(chat())), HasSubstr(" 200 OK"));
  run_until(context_, [&] { return day().held == Tokens(0); });
  const auto open = own_caps();
  ASSERT_EQ(open.size(), 1u);
  EXPECT_EQ(open[0].spender.run, run_.id);
  EXPECT_EQ(open[0].what, "limits.tokens of the playbook fixer, 2000");
  EXPECT_EQ(open[0].standing.settled, Tokens(15));
  EXPECT_EQ(open[0].standing.left(), Tokens(1985));
  close_run();
  EXPECT_TRUE(own_caps().empty());
}

TEST_F(MeterLedgerTest, ARunLivesOnItsReservationAndGivesTheRestBack) {
  run_ = run_of(3000);
  EXPECT_EQ(day().reserved, Tokens(3000));
  exchange(request(chat()));
  run_until(context_, [&] { return day().held == Tokens(0); });
  EXPECT_EQ(day().settled, Tokens(15));
  EXPECT_EQ(day().reserved, Tokens(2985));
  close_run();
  EXPECT_EQ(day().reserved, Tokens(0));
  EXPECT_EQ(day().settled, Tokens(15));
}

TEST_F(MeterLedgerTest, WhatAHostThatDiedLeftOpenIsChargedWhole) {
  std::optional<Peer> upstream;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(stream_head() + piece("hi"));
    upstream = peer;
  });
  run_ = run_of(0);
  const auto peer = client();
  peer->say(request(streamed()));
  run_until(context_, [&] { return peer->heard("hi"); });
  const auto held = day().held;
  EXPECT_GT(held, Tokens(100));
  meter_.reset();
  ledger_of_store_.reset();
  start();
  EXPECT_EQ(recovery_.holds, 1);
  EXPECT_EQ(day().settled, held);
  EXPECT_EQ(day().held, Tokens(0));
}

TEST_F(MeterLedgerTest, WithoutABudgetNoRunIsOpened) {
  (void)wait<Done>([&](auto done) { ledger_of_store_->withdraw_budget(done); }).value();
  RunTerms terms;
  terms.route = "main";
  const auto opened = wait<MeteredRun>([&](auto done) { meter_->open_run(terms, done); });
  ASSERT_FALSE(opened.ok());
  EXPECT_EQ(opened.error().code(), Code::unavailable);
  EXPECT_EQ(meter_->open_runs(), 0u);
}

TEST_F(MeterLedgerTest, ARunsOwnCapIsToldToItsClient) {
  budget(R"({"day": {"tokens": 4000}, "run": {"tokens": 60}})");
  run_ = run_of(0);
  EXPECT_THAT(exchange(request(chat())), HasSubstr("run"));
}

}  // namespace
}  // namespace host
