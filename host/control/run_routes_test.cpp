// SPDX-License-Identifier: Apache-2.0
#include "control/run_routes.hpp"

#include "store/inline_store.hpp"
#include "tokens/ledger.hpp"
#include "tokens/meter_fixture.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;

// The routes before a meter and a ledger of its own, with a fake upstream behind.
class RunRoutesTest : public MeterTest {
 protected:
  void SetUp() override {
    write_key("sk-the-real-key-1");
    Budget budget;
    budget.caps[Dimension::day][""] = {.tokens = Tokens(5000)};
    account_.recover([this, budget](Result<Ledger::Recovery>) {
      account_.set_budget(budget, [this](const Status& set) { ready_ = set.ok(); });
    });
    run_until(context_, [&] { return ready_; });
    meter_ = std::make_unique<Meter>(
        loop_, [this](Loop& callers) { return make_call_ledger(account_, loop_, callers); },
        routes(), redactor_, Log::to_memory(lines_));
    TokenSources sources;
    sources.store = &store_;
    sources.ledger = &account_;
    sources.meter = [this]() -> Meter& { return *meter_; };
    runs_.emplace(sources);
  }

  ~RunRoutesTest() override {
    server_.reset();
    runs_.reset();
    meter_.reset();
  }

  // Opens a run as the admin API does, over a socket.
  std::unique_ptr<RawClient> ask(const Json& terms) {
    if (!server_) {
      server_.emplace(context_, [this](const ServerRequest& request, HttpServer::Respond respond) {
        const auto opened = attempt([&] {
          runs_->open(RunRoutes::terms_in(parse_json(request.body, "the request")),
                      runs_->answer_opened(respond));
        });
        if (!opened.ok()) respond_error(respond, opened.error());
      });
      port_ = server_->listen_loopback();
    }
    auto client = std::make_unique<RawClient>(context_, port_);
    const auto body = to_text(terms);
    client->say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) +
                "\r\n\r\n" + body);
    return client;
  }
  // The line that the answer begins with.
  Json opened(RawClient& client) {
    run_until(context_, [&] { return client.heard().find("}\n") != std::string::npos; });
    const auto& heard = client.heard();
    const auto from = heard.find('{');
    return Json::parse(heard.substr(from, heard.find('\n', from) - from));
  }
  Result<Json> close(const std::string& run) {
    std::optional<Result<Json>> closed;
    runs_->close(run, [&](Result<Json> answer) { closed = std::move(answer); });
    run_until(context_, [&] { return closed.has_value(); });
    return *closed;
  }

  InlineStore store_{loop_};
  Ledger account_{store_, loop_, clock_, Log::to_memory(lines_), "allegro"};
  bool ready_ = false;
  std::optional<RunRoutes> runs_;
  std::optional<HttpServer> server_;
  std::uint16_t port_ = 0;
};

TEST_F(RunRoutesTest, ARunIsOpenAsLongAsItsAnswerAndTellsAtItsEndWhatItWasCharged) {
  const auto client = ask({{"pipeline", "nightly"}, {"issue", "Org/App#7"}});
  const Json run = opened(*client);
  EXPECT_EQ(run["route"], "main");
  EXPECT_EQ(run["url"], "http://" + meter_->address().text() + "/v1");
  run_.key = Secret(run["key"].get<std::string>());
  EXPECT_THAT(exchange(request(chat())), HasSubstr("200 OK"));
  EXPECT_FALSE(client->closed());

  const Json closed = close(run["run"]).value();
  EXPECT_EQ(closed["charged"]["total_tokens"], 15);
  EXPECT_EQ(closed["charged"]["calls"], 1);
  EXPECT_EQ(meter_->open_runs(), 0u);
  EXPECT_THAT(exchange(request(chat())), HasSubstr("401"));
  EXPECT_TRUE(client->heard().ends_with("0\r\n\r\n")) << "the answer ends with the run";
  const auto rows = store_.run_now([](Unit& unit) {
    auto& select = unit.prepare(
        "SELECT task || ' ' || pipeline || ' ' || repo || ' ' || issue || ' ' || bypassable FROM "
        "ledger");
    std::vector<std::string> all;
    while (select.step()) all.push_back(select.string(0));
    return all;
  });
  EXPECT_THAT(rows, ::testing::ElementsAre("tokens-run nightly Org/App 7 1"));
  EXPECT_EQ(attempt([&] { (void)close(run["run"]); }).error().code(), Code::not_found);
}

TEST_F(RunRoutesTest, ARunEndsWithTheConnectionOfWhoAskedForIt) {
  auto client = ask(Json::object());
  const Json run = opened(*client);
  EXPECT_EQ(meter_->open_runs(), 1u);
  client.reset();
  run_until(context_, [&] { return meter_->open_runs() == 0; });
  run_.key = Secret(run["key"].get<std::string>());
  EXPECT_THAT(exchange(request(chat())), HasSubstr("401"));
}

TEST_F(RunRoutesTest, WhoHasGoneBeforeTheRunWasOpenLeavesNone) {
  auto client = ask(Json::object());
  run_until(context_, [&] { return meter_->open_runs() == 1; });
  client.reset();
  run_until(context_, [&] { return meter_->open_runs() == 0; });
}

TEST_F(RunRoutesTest, ManyThatAskAtOnceGetNoMoreThanMayBeOpen) {
  int opened = 0, refused = 0;
  for (int i = 0; i < 40; ++i) {
    const auto asked = attempt([&] {
      runs_->open(RunRoutes::terms_in(Json::object()),
                  [&](const Result<MeteredRun>& run) { opened += run.ok() ? 1 : 0; });
    });
    if (asked.ok()) continue;
    EXPECT_EQ(asked.error().code(), Code::rate_limited);
    ++refused;
  }
  EXPECT_EQ(refused, 8);
  run_until(context_, [&] { return opened == 32; });
  EXPECT_NO_THROW(runs_->open(RunRoutes::terms_in(Json::object()), [](const auto&) {}))
      << "what was never held open counts no longer";
}

TEST_F(RunRoutesTest, ARunOfAPausedPipelineIsRefusedWithTheReason) {
  Budget budget;
  budget.caps[Dimension::pipeline]["nightly"] = {.runs = 1, .when = WhenReached::pause};
  bool set = false;
  account_.set_budget(budget, [&](const Status& done) { set = done.ok(); });
  run_until(context_, [&] { return set; });
  const Json nightly{{"pipeline", "nightly"}};
  const auto first = ask(nightly);
  (void)opened(*first);
  const auto second = ask(nightly);
  run_until(context_, [&] { return !account_.pauses().empty(); });
  const auto third = ask(nightly);
  run_until(context_, [&] { return third->heard().find("pauses until") != std::string::npos; });
  EXPECT_THAT(third->heard(), HasSubstr("pipeline nightly pauses until"));
  (void)opened(*ask({{"pipeline", "daily"}}));
}

TEST_F(RunRoutesTest, AStopEndsTheAnswers) {
  const auto client = ask(Json::object());
  (void)opened(*client);
  runs_->stop();
  run_until(context_, [&] { return client->heard().ends_with("0\r\n\r\n"); });
  run_until(context_, [&] { return meter_->open_runs() == 0; });
}

TEST_F(RunRoutesTest, ARunOfOneModelMayAskForNoOther) {
  const auto client = ask({{"model", "SMALL-1"}});
  run_.key = Secret(opened(*client)["key"].get<std::string>());
  EXPECT_THAT(exchange(request(chat())), HasSubstr("200 OK"));
  EXPECT_THAT(exchange(request(chat({{"model", "big-2"}}))), HasSubstr("model_not_allowed"));
  EXPECT_EQ(upstream_.requests().size(), 1u);
}

TEST_F(RunRoutesTest, WhatIsNoRunIsRefused) {
  const auto refused = [](const Json& terms) {
    return attempt([&] { (void)RunRoutes::terms_in(terms); }).error().message();
  };
  EXPECT_THAT(refused({{"pipelin", "nightly"}}), HasSubstr("pipelin"));
  EXPECT_THAT(refused({{"issue", "org"}}), HasSubstr("owner/name#12"));
  EXPECT_THAT(refused({{"reserve", -1}}), HasSubstr("reserve"));
  EXPECT_THAT(refused({{"route", 5}}), HasSubstr("route must be a text"));
  const auto client = ask({{"model", "claude-9"}});
  run_until(context_, [&] { return client->heard().find("banned") != std::string::npos; });
  EXPECT_THAT(client->heard(), HasSubstr("HTTP/1.1 403"));
  EXPECT_EQ(meter_->open_runs(), 0u);
}

}  // namespace
}  // namespace host
