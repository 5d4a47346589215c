// SPDX-License-Identifier: Apache-2.0
//
// Calls through the meter that are not streamed, over real sockets.
#include "tokens/meter.hpp"

#include "tokens/meter_fixture.hpp"
#include "tokens/model_request.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Peer = FakeUpstream::Peer;
using Request = FakeUpstream::Request;

TEST_F(MeterTest, AReplyGoesThroughAndWhatItUsedIsCharged) {
  const auto heard = exchange(request(chat()));
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(heard, HasSubstr(R"("content":"hi")"));
  settle();
  EXPECT_EQ(charge(), "meter 10+5");
  ASSERT_EQ(ledger_.reserved.size(), 1u);
  EXPECT_EQ(ledger_.reserved[0].tokens, Tokens(500));
  EXPECT_EQ(ledger_.reserved[0].spender.pipeline, "nightly");
  EXPECT_EQ(ledger_.reserved[0].spender.run, run_.id);
  EXPECT_EQ(ledger_.asked.at(0).model.text(), "acme/small-1");
}

TEST_F(MeterTest, TheHoldStandsBeforeAByteLeaves) {
  std::size_t open = 0;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    open = ledger_.open.size();
    peer.say(http_reply(to_text(completion("hi", 10, 5))));
  });
  exchange(request(chat()));
  EXPECT_EQ(open, 1u);
}

TEST_F(MeterTest, OnlyWhatMustGoesUpstream) {
  exchange(request(chat({{"model", "ACME/Small-1"}, {"user", "u"}, {"max_tokens", 5000}}),
                   "/v1/chat/completions",
                   "Cookie: c=1\r\nX-Secret: s\r\nOpenAI-Organization: o\r\n"));
  ASSERT_EQ(upstream_.requests().size(), 1u);
  const auto& sent = upstream_.requests()[0];
  EXPECT_THAT(sent.head, StartsWith("POST /v1/chat/completions HTTP/1.1\r\n"));
  EXPECT_TRUE(sent.has("authorization: Bearer sk-the-real-key-1\r\n"));
  EXPECT_FALSE(sent.has("Cookie") || sent.has("X-Secret") || sent.has("OpenAI-Organization"));
  EXPECT_FALSE(sent.has(run_.key.expose()));
  EXPECT_EQ(sent.json(), Json::parse(R"({"model":"small-1","messages":[{"role":"user",
    "content":"hello"}],"user":"u","max_tokens":1000})"));
}

TEST_F(MeterTest, OnlyTheKeyOfAnOpenRunOpens) {
  auto wrong = request(chat());
  wrong.replace(wrong.find("tk-"), 8, "tk-00000");
  EXPECT_THAT(exchange(wrong), StartsWith("HTTP/1.1 401"));
  auto none = request(chat());
  none.replace(none.find("Authorization"), 13, "X-Not-The-One");
  EXPECT_THAT(exchange(none), HasSubstr(R"("code":"invalid_api_key")"));
  close_run();
  EXPECT_THAT(exchange(request(chat())), StartsWith("HTTP/1.1 401"));
  EXPECT_TRUE(upstream_.requests().empty());
  EXPECT_EQ(ledger_.released.size(), 1u);
}

TEST_F(MeterTest, WithoutAKeyNoBodyIsRead) {
  auto wrong = request(chat());
  wrong.replace(wrong.find("tk-"), 8, "tk-00000");
  wrong.resize(wrong.find("\r\n\r\n") + 4);
  const auto heard = exchange(wrong);
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(heard, HasSubstr(R"("code":"invalid_api_key")"));
}

TEST_F(MeterTest, EachRunHasAKeyOfItsOwnThatIsLong) {
  const auto other = open_run();
  EXPECT_NE(run_.key.expose(), other.key.expose());
  EXPECT_EQ(run_.key.expose().size(), 3 + 64u);
  EXPECT_EQ(run_.url, "http://127.0.0.1:" + std::to_string(meter_->address().port) + "/v1");
}

TEST_F(MeterTest, UnknownPathsAreRefusedWithAnErrorOfTheWire) {
  for (const auto* path : {"/v1/completions", "/v1/files", "/v1/responses", "/v1/chat/completions/",
                           "/v1/../v1/chat/completions", "/v1/chat%2Fcompletions", "/"}) {
    const auto heard = exchange(request(chat(), path));
    EXPECT_THAT(heard, StartsWith("HTTP/1.1 404")) << path;
    EXPECT_THAT(heard, HasSubstr(R"("code":"unknown_url")"));
  }
  EXPECT_TRUE(upstream_.requests().empty());
}

TEST_F(MeterTest, WhatIsBannedOrNotOnTheRouteNeverLeaves) {
  EXPECT_THAT(exchange(request(chat({{"model", "big-Claude:free"}}))), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(exchange(request(chat({{"model", "anthropic/small-1"}}))),
              StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(exchange(request(chat({{"model", "medium"}}))), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(exchange(request("[1]")), StartsWith("HTTP/1.1 400"));
  EXPECT_TRUE(upstream_.requests().empty());
  EXPECT_TRUE(ledger_.asked.empty());
}

TEST_F(MeterTest, ARequestTooLargeSaysSo) {
  const auto heard = exchange(request(chat({{"user", std::string(kModelRequestCap, 'x')}})));
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(heard, HasSubstr("larger than 16 MiB"));
}

TEST_F(MeterTest, OnceNothingIsLeftTheNextCallIsRefusedForGood) {
  ledger_.left = Tokens(10);
  const auto heard = exchange(request(chat()));
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 429"));
  EXPECT_THAT(heard, HasSubstr("x-should-retry: false"));
  EXPECT_THAT(heard, HasSubstr(R"("code":"insufficient_quota")"));
  EXPECT_THAT(heard, HasSubstr("the cap of the day is reached. It begins anew at 0:00."));
  EXPECT_TRUE(upstream_.requests().empty());
  EXPECT_TRUE(ledger_.settled.empty());
}

TEST_F(MeterTest, WhatIsLeftBecomesTheBoundOfTheOutput) {
  const auto body = chat({{"n", 2}});
  ledger_.left = Tokens(static_cast<std::int64_t>(body.size()) + 61);
  exchange(request(body));
  ASSERT_EQ(upstream_.requests().size(), 1u);
  EXPECT_EQ(upstream_.requests()[0].json()["max_tokens"], 30);
}

TEST_F(MeterTest, TheRealKeyIsTakenFromItsFileAtEachCallAndNeverShown) {
  upstream_.set_script([](const Request& request, const Peer& peer) {
    peer.say(http_reply(to_text(completion(request.head, 10, 5))));
  });
  EXPECT_THAT(exchange(request(chat())), Not(HasSubstr("sk-the-real-key")));
  write_key("sk-another-key-2");
  const auto heard = exchange(request(chat()));
  EXPECT_THAT(heard, HasSubstr("Bearer [redacted]"));
  EXPECT_TRUE(upstream_.requests().at(1).has("sk-another-key-2"));
  EXPECT_EQ(redactor_->scrub_known("sk-another-key-2"), "[redacted]");
}

TEST_F(MeterTest, WithoutAUsableKeyNothingIsHeld) {
  std::filesystem::permissions(folder_ / "key", std::filesystem::perms::all);
  const auto heard = exchange(request(chat()));
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(heard, Not(HasSubstr(folder_.path().string())));
  EXPECT_TRUE(ledger_.asked.empty());
}

TEST_F(MeterTest, WhatWasRefusedByTheUpstreamUsedNothing) {
  upstream_.set_script([](const Request&, const Peer& peer) {
    peer.say(http_reply(R"({"error":{"message":"too long"}})", 400));
  });
  const auto heard = exchange(request(chat()));
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(heard, HasSubstr("too long"));
  EXPECT_THAT(heard, Not(HasSubstr("x-should-retry")));
  settle();
  EXPECT_EQ(charge(), "dropped");
}

TEST_F(MeterTest, AnUpstreamThatRefusesTheHostsKeyDoesNotBlameTheRuns) {
  upstream_.set_script([](const Request&, const Peer& peer) {
    peer.say(http_reply(R"({"error":{"message":"bad key sk-the-real-key-1"}})", 401));
  });
  const auto heard = exchange(request(chat()));
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 502"));
  EXPECT_THAT(heard, Not(HasSubstr("sk-the")));
}

TEST_F(MeterTest, WhereNobodyAnswersNothingWasUsed) {
  url_ = "http://127.0.0.1:1/v1";
  begin();
  EXPECT_THAT(exchange(request(chat())), StartsWith("HTTP/1.1 502"));
  settle();
  EXPECT_EQ(charge(), "dropped");
}

TEST_F(MeterTest, WhatFailedAfterItWasSentIsChargedItsHold) {
  const std::vector<std::string> answers{
      http_reply(R"({"error":{"message":"overloaded"}})", 500),
      http_reply("<html>", 200),
      http_reply("[]", 200),
      http_reply(R"({"id":"c1","choices":[]})", 200),
      "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{\"id\":",
      "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nConte",
      "garbage\r\n\r\n"};
  for (std::size_t at = 0; at < answers.size(); ++at) {
    upstream_.set_script([&](const Request&, const Peer& peer) {
      peer.say(answers[at]);
      peer.close();
    });
    const auto heard = exchange(request(chat()));
    settle(at + 1);
    EXPECT_EQ(charge(at), "hold") << answers[at];
    EXPECT_EQ(heard.find("x-should-retry: false") == std::string::npos,
              heard.starts_with("HTTP/1.1 200"))
        << "it would cost a hold once more";
  }
}

TEST_F(MeterTest, AnUpstreamThatHasNoRoomUsedNothingAndMayBeAskedAgain) {
  std::size_t count = 0;
  for (const int status : {503, 529})
    for (const auto* body : {R"({"error":{"message":"overloaded"}})", R"({"error":"overloaded"})",
                             R"({"error":{"message":"x"},"usage":{"prompt_tokens":0}})"}) {
      upstream_.set_script(
          [&](const Request&, const Peer& peer) { peer.say(http_reply(body, status)); });
      const auto heard = exchange(request(count % 2 == 0 ? chat() : streamed()));
      EXPECT_THAT(heard, StartsWith("HTTP/1.1 " + std::to_string(status)));
      EXPECT_THAT(heard, HasSubstr(body));
      EXPECT_THAT(heard, Not(HasSubstr("x-should-retry")));
      settle(++count);
      EXPECT_EQ(charge(count - 1), "dropped") << status << body;
    }
}

TEST_F(MeterTest, AStatusAloneDoesNotSayThatNothingWasUsed) {
  struct Case {
    int status;
    std::string body;
    std::string charge;
  };
  const std::string counted = R"({"error":{"message":"x"},"usage":{"prompt_tokens":9,)";
  const std::vector<Case> cases{
      {503, "<html>busy</html>", "hold"},
      {503, "{}", "hold"},
      {503, R"({"error":null})", "hold"},
      {503, R"({"error":{"message":"x"},"choices":[]})", "hold"},
      {503, counted + R"("completion_tokens":2}})", "meter 9+2"},
      {400, counted + R"("completion_tokens":2}})", "meter 9+2"},
      {400, counted + R"("completion_tokens":-2}})", "hold"},
      {502, R"({"error":{"message":"another server's reply was none"}})", "hold"},
  };
  for (std::size_t at = 0; at < cases.size(); ++at) {
    upstream_.set_script([&](const Request&, const Peer& peer) {
      peer.say(http_reply(cases[at].body, cases[at].status));
    });
    const auto heard = exchange(request(chat()));
    settle(at + 1);
    EXPECT_EQ(charge(at), cases[at].charge) << cases[at].status << cases[at].body;
    EXPECT_THAT(heard, HasSubstr("x-should-retry: false"));
  }
}

TEST_F(MeterTest, AReplyByABannedModelIsChargedAndNotShown) {
  auto reply = completion("hi", 10, 5);
  reply["model"] = "anthropic/claude-3";
  upstream_.set_script(
      [&](const Request&, const Peer& peer) { peer.say(http_reply(to_text(reply))); });
  const auto heard = exchange(request(chat()));
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(heard, Not(HasSubstr(R"("content":"hi")")));
  settle();
  EXPECT_EQ(charge(), "meter 10+5");
}

TEST_F(MeterTest, AClientThatGoesStopsTheUpstreamAndTheHoldIsCharged) {
  upstream_.set_script([](const Request&, const Peer&) {});
  auto peer = client();
  peer->say(request(chat()));
  run_until(context_, [&] { return upstream_.requests().size() == 1; });
  peer.reset();
  settle();
  EXPECT_EQ(charge(), "hold");
  run_until(context_, [&] { return upstream_.peers()[0].gone(); });
}

TEST_F(MeterTest, ACallThatGetsNoAnswerInTimeIsEndedByWhoKnowsWhatItCost) {
  MeterOptions options;
  options.answer_time = std::chrono::seconds(1);
  begin(options);
  upstream_.set_script([](const Request&, const Peer&) {});
  const auto heard = exchange(request(chat()));
  EXPECT_EQ(upstream_.requests().size(), 1u);
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 504"));
  EXPECT_THAT(heard, HasSubstr(R"("code":"call_timeout")"));
  EXPECT_THAT(heard, HasSubstr("x-should-retry: false"));
  settle();
  EXPECT_EQ(charge(), "hold");
}

TEST_F(MeterTest, ACallThatNeverLeftInTimeCostsNothing) {
  MeterOptions options;
  options.answer_time = std::chrono::milliseconds(50);
  begin(options);
  ledger_.stuck = true;
  const auto heard = exchange(request(chat()));
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 504"));
  EXPECT_THAT(heard, Not(HasSubstr("x-should-retry")));
  EXPECT_TRUE(upstream_.requests().empty());
}

TEST_F(MeterTest, EmbeddingsAreChargedTheirInput) {
  upstream_.set_script([](const Request&, const Peer& peer) {
    peer.say(
        http_reply(R"({"object":"list","data":[{"index":0,"embedding":[0.5]}],"model":"small-1",
      "usage":{"prompt_tokens":7,"total_tokens":7}})"));
  });
  const auto heard =
      exchange(request(R"({"model":"small-1","input":["a","b"]})", "/v1/embeddings"));
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(upstream_.requests().at(0).head, StartsWith("POST /v1/embeddings "));
  settle();
  EXPECT_EQ(charge(), "meter 7+0");
  EXPECT_EQ(ledger_.asked.at(0).output, Tokens(0));
}

TEST_F(MeterTest, ListsWhatTheRouteCarriesAndIsNotBanned) {
  upstream_.set_script([](const Request&, const Peer& peer) {
    peer.say(http_reply(R"({"object":"list","data":[{"id":"small-1"},{"id":"medium"},
      {"id":"big-claude"},{"id":"big-2","owned_by":"acme"}]})"));
  });
  auto get = request("", "/v1/models");
  get.replace(0, 4, "GET");
  const auto heard = exchange(get);
  EXPECT_THAT(heard, HasSubstr(R"("id":"big-2")"));
  EXPECT_THAT(heard, HasSubstr(R"("id":"small-1")"));
  EXPECT_THAT(heard, Not(HasSubstr("medium")));
  EXPECT_THAT(heard, Not(HasSubstr("claude")));
  EXPECT_TRUE(ledger_.asked.empty());
}

TEST_F(MeterTest, AnUpstreamIsAskedForItsModelsOnceInAWhileForARun) {
  std::vector<Peer> asked;
  upstream_.set_script([&](const Request&, const Peer& peer) { asked.push_back(peer); });
  auto get = request("", "/v1/models");
  get.replace(0, 4, "GET");
  const auto first = client();
  const auto second = client();
  first->say(get);
  second->say(get);
  run_until(context_, [&] { return !asked.empty(); });
  asked[0].say(http_reply(R"({"data":[{"id":"big-2"}]})"));
  run_until(context_, [&] { return first->closed() && second->closed(); });
  EXPECT_THAT(first->heard(), HasSubstr("big-2"));
  EXPECT_THAT(second->heard(), HasSubstr("big-2"));
  EXPECT_THAT(exchange(get), HasSubstr("big-2"));
  EXPECT_EQ(asked.size(), 1u);

  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(http_reply(R"({"data":[{"id":"big-3"}]})"));
  });
  meter_->set_routes(routes());
  EXPECT_THAT(exchange(get), HasSubstr("big-3")) << "other routes, another list";
  run_ = open_run();
  auto others = request("", "/v1/models");
  others.replace(0, 4, "GET");
  EXPECT_THAT(exchange(others), HasSubstr("big-3"));
  EXPECT_EQ(upstream_.requests().size(), 3u);
}

TEST_F(MeterTest, AListOfModelsThatIsOldIsAskedForAnew) {
  MeterOptions options;
  options.models_every = Duration::zero();
  begin(options);
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(http_reply(upstream_.requests().size() == 1 ? R"({"data":[{"id":"big-2"}]})"
                                                         : R"({"data":[{"id":"big-3"}]})"));
  });
  auto get = request("", "/v1/models");
  get.replace(0, 4, "GET");
  EXPECT_THAT(exchange(get), HasSubstr("big-2"));
  EXPECT_THAT(exchange(get), HasSubstr("big-3"));
}

TEST_F(MeterTest, CallsAboveTheRunsShareWaitForTheirTurn) {
  MeterOptions options;
  options.calls_of_run = 2;
  options.waiting_of_run = 1;
  begin(options);
  std::vector<Peer> busy;
  upstream_.set_script([&](const Request&, const Peer& peer) { busy.push_back(peer); });
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(client());
    clients.back()->say(request(chat()));
    if (i < 2) run_until(context_, [&] { return busy.size() == clients.size(); });
  }
  // The third waits, so that the fourth has no place.
  std::string fourth;
  run_until(context_, [&] {
    if (fourth.find("rate_limit_exceeded") == std::string::npos) fourth = exchange(request("{}"));
    return fourth.find("rate_limit_exceeded") != std::string::npos;
  });
  EXPECT_EQ(ledger_.open.size(), 2u);
  busy[0].say(http_reply(to_text(completion("hi", 10, 5))));
  run_until(context_, [&] { return busy.size() == 3; });
}

TEST_F(MeterTest, WhoGoesWhileItWaitsLeavesItsPlaceToOthers) {
  MeterOptions options;
  options.calls_of_run = 1;
  options.waiting_of_run = 2;
  begin(options);
  std::vector<Peer> busy;
  upstream_.set_script([&](const Request&, const Peer& peer) { busy.push_back(peer); });
  const auto first = client();
  first->say(request(chat()));
  run_until(context_, [&] { return busy.size() == 1; });
  const auto has_no_place = [&] {
    return exchange(request("{}")).find("rate_limit_exceeded") != std::string::npos;
  };
  // Not one more than there is room for.
  std::vector<std::unique_ptr<RawClient>> gone;
  while (gone.size() < 2) {
    gone.push_back(client());
    gone.back()->say(request(chat()));
  }
  run_until(context_, has_no_place);
  gone.clear();
  const auto last = client();
  run_until(context_, [&] { return !has_no_place(); });
  last->say(request(chat({{"user", "the last one"}})));
  busy[0].say(http_reply(to_text(completion("hi", 10, 5))));
  run_until(context_, [&] { return busy.size() == 2; });
  EXPECT_THAT(upstream_.requests().back().body, HasSubstr("the last one"));
  EXPECT_EQ(ledger_.asked.size(), 2U) << "nothing is held for who has gone";
}

TEST_F(MeterTest, ACallThatWaitedTooLongLeavesItsPlaceToOthers) {
  MeterOptions options;
  options.calls_of_run = 1;
  options.waiting_of_run = 1;
  options.answer_time = std::chrono::milliseconds(700);
  begin(options);
  upstream_.set_script([](const Request&, const Peer& peer) {
    peer.say(stream_head() + piece("one "));  // a stream is no answer that is late
  });
  const auto first = client();
  first->say(request(streamed()));
  run_until(context_, [&] { return first->heard("one "); });
  EXPECT_THAT(exchange(request(chat())), HasSubstr("call_timeout"));
  EXPECT_THAT(exchange(request(chat())), HasSubstr("call_timeout")) << "it had a place to wait";
  EXPECT_EQ(ledger_.asked.size(), 1U);
}

TEST_F(MeterTest, ClosingARunCutsItsCallsAndSettlesThemFirst) {
  upstream_.set_script([](const Request&, const Peer&) {});
  const auto peer = client();
  peer->say(request(chat()));
  run_until(context_, [&] { return upstream_.requests().size() == 1; });
  close_run();
  EXPECT_EQ(charge(), "hold");
  EXPECT_EQ(ledger_.released.size(), 1u);
  run_until(context_, [&] { return peer->heard("run_closed"); });
}

TEST_F(MeterTest, WhoeverClosesARunThatIsClosingWaitsForItsEnd) {
  std::vector<std::string> told;
  const auto tell = [&](const Status& status) {
    ASSERT_TRUE(status.ok()) << status.error().what();
    EXPECT_EQ(ledger_.released.size(), 1u);
    told.emplace_back("closed");
  };
  meter_->close_run(run_.id, tell);
  meter_->close_run(run_.id, tell);
  run_until(context_, [&] { return told.size() == 2; });
}

TEST_F(MeterTest, StoppingClosesAllRunsAndOpensNone) {
  open_run();
  bool stopped = false;
  meter_->stop([&] { stopped = true; });
  run_until(context_, [&] { return stopped; });
  EXPECT_EQ(ledger_.released.size(), 2u);
  EXPECT_EQ(meter_->open_runs(), 0u);
}

TEST_F(MeterTest, StoppingWaitsOnlySoLongForALedgerThatCannotWrite) {
  MeterOptions options;
  options.last_writes = std::chrono::milliseconds(50);
  begin(options);
  ledger_.stuck = true;
  bool stopped = false;
  meter_->stop([&] { stopped = true; });
  run_until(context_, [&] { return stopped; });
  EXPECT_TRUE(ledger_.released.empty());
}

TEST_F(MeterTest, MovesToAnotherAddressAndStaysAtTheOldOneForTheRunsThatHaveIt) {
  const auto old = meter_->address();
  meter_->move_to(meter_->take_place({"127.0.0.1", 0}));
  EXPECT_NE(meter_->address(), old);
  const auto young = open_run();
  EXPECT_EQ(young.url, "http://" + meter_->address().text() + "/v1");

  const auto peer = std::make_unique<RawClient>(context_, old.port);
  peer->say(request(chat()));
  run_until(context_, [&] { return peer->closed(); });
  EXPECT_THAT(peer->heard(), HasSubstr("200 OK"));
  close_run();
  run_until(context_, [&] { return !listens(old); });
  run_ = young;
  EXPECT_THAT(exchange(request(chat())), HasSubstr("200 OK"));
}

TEST_F(MeterTest, AnAddressThatIsTakenIsSaidAndOneThatIsNotUsedIsGivenUp) {
  const auto taken = attempt([&] {
    (void)meter_->take_place({"127.0.0.1", meter_->address().port});
  });
  EXPECT_THAT(taken.error().message(), HasSubstr(meter_->address().text()));
  EXPECT_EQ(attempt([&] {
              (void)meter_->take_place({"0.0.0.0", 0});
            })
                .error()
                .code(),
            Code::invalid);
  boost::asio::ip::tcp::acceptor free(context_, {boost::asio::ip::address_v4::loopback(), 0});
  const SocketAddress there{"127.0.0.1", free.local_endpoint().port()};
  free.close();
  auto place = meter_->take_place(there);
  EXPECT_TRUE(listens(there));
  place.reset();
  run_until(context_, [&] { return !listens(there); });
  EXPECT_THAT(exchange(request(chat())), HasSubstr("200 OK"));
}

TEST_F(MeterTest, GoesAwayInTheMiddleOfEverything) {
  upstream_.set_script([](const Request&, const Peer& peer) { peer.say(stream_head()); });
  const auto whole = client();
  whole->say(request(chat()));
  const auto stream = client();
  stream->say(request(streamed()));
  run_until(context_, [&] { return upstream_.requests().size() == 2; });
  meter_.reset();
  run_until(context_, [&] { return whole->closed() && stream->closed(); });
  EXPECT_EQ(ledger_.open.size(), 2u);  // charged at the next start
}

}  // namespace
}  // namespace host
