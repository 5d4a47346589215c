// SPDX-License-Identifier: Apache-2.0
//
// Streams through the meter, over real sockets: what clients see of them, and what they are
// charged.
#include "tokens/meter_fixture.hpp"
#include "tokens/model_reply.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Peer = FakeUpstream::Peer;
using Request = FakeUpstream::Request;

class MeterStreamTest : public MeterTest {
 protected:
  // The upstream says this, and closes.
  void say(std::string bytes) {
    upstream_.set_script(
        [bytes = stream_head() + std::move(bytes)](const Request&, const Peer& peer) {
          peer.say(bytes);
          peer.close();
        });
  }
};

TEST_F(MeterStreamTest, AStreamGoesThroughAsItComesAndIsChargedOnce) {
  std::optional<Peer> upstream;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(stream_head() + piece("one "));
    upstream = peer;
  });
  const auto peer = client();
  peer->say(request(streamed()));
  run_until(context_, [&] { return peer->heard("one "); });
  EXPECT_TRUE(ledger_.settled.empty());
  upstream->say(piece("two") + last_piece() + usage_piece(11, 2) + stream_end());
  run_until(context_, [&] { return peer->closed(); });
  settle();
  EXPECT_EQ(charge(), "meter 11+2");
  EXPECT_THAT(peer->heard(), HasSubstr("content-type: text/event-stream"));
  EXPECT_THAT(peer->heard(), HasSubstr("data: [DONE]\n\n"));
}

TEST_F(MeterStreamTest, UsageIsAskedForAndHiddenFromWhoDidNotAsk) {
  say(piece("hi") + last_piece() + usage_piece(11, 2) + stream_end());
  const auto heard = exchange(request(streamed()));
  EXPECT_EQ(upstream_.requests().at(0).json()["stream_options"]["include_usage"], true);
  EXPECT_THAT(heard, Not(HasSubstr("prompt_tokens")));
  EXPECT_THAT(heard, HasSubstr("[DONE]"));
  const auto asked = exchange(request(streamed({{"stream_options", {{"include_usage", true}}}})));
  EXPECT_THAT(asked, HasSubstr(R"("prompt_tokens":11)"));
}

// OpenAI's pieces say so in all but the last one; some servers begin with one that has no choice,
// and tells of their filters.
TEST_F(MeterStreamTest, UsageThatIsNullIsNone) {
  const auto said = [](const Json& choices) {
    return event({{"id", "c1"},
                  {"model", "small-1"},
                  {"choices", choices},
                  {"filters", "passed"},
                  {"usage", nullptr}});
  };
  const Json hi{{{"index", 0}, {"delta", {{"content", "hi"}}}, {"finish_reason", nullptr}}};
  const Json end{{{"index", 0}, {"delta", Json::object()}, {"finish_reason", "stop"}}};
  say(said(Json::array()) + said(hi) + said(end) + usage_piece(11, 2) + stream_end());
  const auto heard = exchange(request(streamed()));
  settle();
  EXPECT_EQ(charge(), "meter 11+2");
  std::size_t pieces = 0;
  for (auto at = heard.find("filters"); at != heard.npos; at = heard.find("filters", at + 1))
    ++pieces;
  EXPECT_EQ(pieces, 3U) << heard;
  EXPECT_THAT(heard, Not(HasSubstr("prompt_tokens")));
  // Without the last one nothing is known.
  say(said(hi) + said(end) + stream_end());
  exchange(request(streamed()));
  settle(2);
  EXPECT_EQ(charge(1), "hold");
}

TEST_F(MeterStreamTest, AStreamIsKnownByItsTypeHoweverThatIsWritten) {
  upstream_.set_script([](const Request&, const Peer& peer) {
    peer.say(
        "HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n"
        "Connection: close\r\n\r\n" +
        piece("hi") + last_piece() + usage_piece(11, 2) + stream_end());
    peer.close();
  });
  EXPECT_THAT(exchange(request(streamed())), HasSubstr("[DONE]"));
  settle();
  EXPECT_EQ(charge(), "meter 11+2");
}

TEST_F(MeterStreamTest, UsageToldTwiceIsChargedOnceAndTheGreater) {
  say(piece("hi") + last_piece() + usage_piece(11, 20) + usage_piece(11, 7) + stream_end());
  exchange(request(streamed()));
  settle();
  EXPECT_EQ(charge(), "meter 11+20");
}

TEST_F(MeterStreamTest, WithoutUsageTheHoldIsCharged) {
  say(piece("hi") + last_piece() + stream_end());
  EXPECT_THAT(exchange(request(streamed())), HasSubstr("[DONE]"));
  settle();
  EXPECT_EQ(charge(), "hold");
}

TEST_F(MeterStreamTest, UsageThatNoCallCanHaveIsNone) {
  const std::vector<Json> lies{{{"prompt_tokens", -5}, {"completion_tokens", 2}},
                               {{"prompt_tokens", 5}, {"completion_tokens", -2}},
                               {{"prompt_tokens", 5}, {"completion_tokens", 1e30}},
                               {{"prompt_tokens", 5}, {"completion_tokens", 999'999'999'999}},
                               {{"prompt_tokens", 18446744073709551615u}, {"completion_tokens", 2}},
                               {{"prompt_tokens", 5}, {"completion_tokens", 2.5}},
                               {{"prompt_tokens", "5"}, {"completion_tokens", 2}},
                               {{"prompt_tokens", 0}, {"completion_tokens", 0}},
                               {{"prompt_tokens", 5}, {"completion_tokens", 0}},  // beside a text
                               Json::array({1, 2})};
  for (std::size_t at = 0; at < lies.size(); ++at) {
    say(piece("hi") + last_piece() + event({{"choices", Json::array()}, {"usage", lies[at]}}) +
        stream_end());
    exchange(request(streamed()));
    settle(at + 1);
    EXPECT_EQ(charge(at), "hold") << lies[at];
  }
}

TEST_F(MeterStreamTest, UsageThatIsTooSmallForItsTextIsNone) {
  const auto say_long = [&](std::int64_t tokens) {
    say(piece(std::string(4500, 'x')) + last_piece() + usage_piece(11, tokens) + stream_end());
    EXPECT_THAT(exchange(request(streamed())), HasSubstr("[DONE]"));
  };
  say_long(1);
  say_long(50);
  settle(2);
  EXPECT_EQ(charge(0), "hold");
  EXPECT_EQ(charge(1), "meter 11+50");
}

TEST_F(MeterStreamTest, UsageAboveTheHoldIsChargedAsItIs) {
  say(piece("hi") + last_piece() + usage_piece(11, 4000) + stream_end());
  EXPECT_THAT(exchange(request(streamed())), HasSubstr("[DONE]"));
  settle();
  EXPECT_EQ(charge(), "meter 11+4000");
}

TEST_F(MeterStreamTest, AStreamWhoseUsageRunsPastItsHoldIsCut) {
  Json running = Json::parse(R"({"choices":[{"index":0,"delta":{"content":"more"}}]})");
  running["usage"] = usage(11, 101);
  std::optional<Peer> upstream;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(stream_head() + piece("hi") + event(running));
    upstream = peer;
  });
  const auto heard = exchange(request(streamed()));
  EXPECT_THAT(heard, HasSubstr(R"("code":"insufficient_quota")"));
  EXPECT_THAT(heard, HasSubstr("100 output tokens"));
  settle();
  // Its input was held at its bytes: the count so far is not all of it.
  EXPECT_THAT(charge(), StartsWith("estimated "));
  EXPECT_EQ(settled().settlement->usage->output, Tokens(101));
  run_until(context_, [&] { return upstream->gone(); });
}

TEST_F(MeterStreamTest, AStreamOfMoreTextThanItsHoldCanHaveIsCut) {
  std::optional<Peer> upstream;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(stream_head());
    for (int i = 0; i < 200; ++i) peer.say(piece(std::string(100, 'a')));
    upstream = peer;
  });
  const auto heard = exchange(request(streamed()));
  EXPECT_THAT(heard, HasSubstr(R"("code":"insufficient_quota")"));
  EXPECT_LT(heard.size(), 200 * piece(std::string(100, 'a')).size());
  settle();
  EXPECT_THAT(charge(), StartsWith("estimated "));
  EXPECT_GT(settled().settlement->usage->output, settled().hold.output);
}

TEST_F(MeterStreamTest, EveryLongTextThatItsHoldMayHavePasses) {
  std::string all;
  for (int i = 0; i < 100; ++i) all += piece(" internationalization");
  say(all + last_piece() + usage_piece(11, 100) + stream_end());
  EXPECT_THAT(exchange(request(streamed())), HasSubstr("[DONE]"));
  settle();
  EXPECT_EQ(charge(), "meter 11+100");
}

TEST_F(MeterStreamTest, HalfAStreamIsAnErrorAndChargedItsHold) {
  const std::vector<std::string> halves{
      piece("hi"), "", piece("hi") + "data: {\"id\":\"c1\",\"cho", "data: [1]\n\n",
      "data: \xff\xfe\n\n", "data: {\"a\":1,\"a\":2}\n\n",
      // As much as it said by then is less than it may have written since.
      piece("hi") + event({{"choices", {{{"index", 0}, {"delta", {{"content", "x"}}}}}},
                           {"usage", usage(5, 2)}})};
  for (std::size_t at = 0; at < halves.size(); ++at) {
    say(halves[at]);
    const auto heard = exchange(request(streamed()));
    EXPECT_THAT(heard, HasSubstr(R"("code":"upstream_failed")")) << halves[at];
    settle(at + 1);
    EXPECT_EQ(charge(at), "hold") << halves[at];
  }
}

TEST_F(MeterStreamTest, AConnectionThatBreaksIsToldInTheStream) {
  upstream_.set_script([](const Request&, const Peer& peer) {
    peer.say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 9999\r\n\r\n" +
             piece("hi"));
    peer.close();
  });
  const auto heard = exchange(request(streamed()));
  EXPECT_THAT(heard, HasSubstr(R"("content":"hi")"));
  EXPECT_THAT(heard, HasSubstr(R"("code":"upstream_failed")"));
  settle();
  EXPECT_EQ(charge(), "hold");
}

TEST_F(MeterStreamTest, AStreamThatBreaksAfterItsUsageIsChargedThat) {
  say(piece("hi") + last_piece() + usage_piece(11, 2));
  EXPECT_THAT(exchange(request(streamed())), Not(HasSubstr("upstream_failed")));
  settle();
  EXPECT_EQ(charge(), "meter 11+2");
}

TEST_F(MeterStreamTest, AnErrorMidwayIsPassedOnAndEndsIt) {
  say(piece("hi") + event({{"error", {{"message", "sk-the-real-key-1 is out of luck"}}}}) +
      piece("more"));
  const auto heard = exchange(request(streamed()));
  EXPECT_THAT(heard, HasSubstr("[redacted] is out of luck"));
  EXPECT_THAT(heard, Not(HasSubstr("more")));
  settle();
  EXPECT_EQ(charge(), "hold");
}

TEST_F(MeterStreamTest, ALineWithoutAnEndIsNotWaitedFor) {
  std::optional<Peer> upstream;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(stream_head() + "data: " + std::string(3 << 20, 'x'));
    upstream = peer;
  });
  EXPECT_THAT(exchange(request(streamed())), HasSubstr("an event of the stream is larger than"));
  run_until(context_, [&] { return upstream->gone(); });
  settle();
  EXPECT_EQ(charge(), "hold");
}

TEST_F(MeterStreamTest, AStreamByABannedModelIsCut) {
  auto other = Json::parse(R"({"model":"us.anthropic.claude","choices":[]})");
  say(piece("hi") + event(other) + piece("secret") + last_piece() + stream_end());
  const auto heard = exchange(request(streamed()));
  EXPECT_THAT(heard, HasSubstr(R"("code":"model_banned")"));
  EXPECT_THAT(heard, Not(HasSubstr("secret")));
  settle();
  EXPECT_EQ(charge(), "hold");
}

TEST_F(MeterStreamTest, WhatIsNoStreamIsAnError) {
  EXPECT_THAT(exchange(request(streamed())), StartsWith("HTTP/1.1 502"));
  settle();
  EXPECT_EQ(charge(), "meter 10+5");
}

TEST_F(MeterStreamTest, SeveralChoicesEndWhenTheLastOneDoes) {
  const auto end_of = [](int index) {
    return event(
        {{"choices", {{{"index", index}, {"delta", Json::object()}, {"finish_reason", "stop"}}}}});
  };
  say(piece("hi") + end_of(0));
  EXPECT_THAT(exchange(request(streamed({{"n", 2}}))), HasSubstr("upstream_failed"));
  say(piece("hi") + end_of(1) + end_of(0) + usage_piece(11, 2));
  EXPECT_THAT(exchange(request(streamed({{"n", 2}}))), Not(HasSubstr("upstream_failed")));
  settle(2);
  EXPECT_EQ(charge(0), "hold");
  EXPECT_EQ(charge(1), "meter 11+2");
}

TEST_F(MeterStreamTest, AClientThatGoesEndsTheUpstreamsWork) {
  std::optional<Peer> upstream;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(stream_head() + piece("hi"));
    upstream = peer;
  });
  auto peer = client();
  peer->say(request(streamed()));
  run_until(context_, [&] { return peer->heard("hi"); });
  peer.reset();
  run_until(context_, [&] { return upstream->gone(); });
  settle();
  EXPECT_EQ(charge(), "hold");
}

TEST_F(MeterStreamTest, AClientThatGoesAfterItsUsageIsChargedThat) {
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(stream_head() + piece("hi") + last_piece() + usage_piece(11, 2) + ":\n\n");
  });
  auto peer = client();
  peer->say(request(streamed({{"stream_options", {{"include_usage", true}}}})));
  run_until(context_, [&] { return peer->heard("prompt_tokens"); });
  peer.reset();
  settle();
  EXPECT_EQ(charge(), "meter 11+2");
}

// Reads nothing, on a connection whose window is small.
TEST_F(MeterStreamTest, ASlowClientSlowsTheUpstreamDown) {
  constexpr std::size_t kAll = std::size_t{64} << 20;
  ledger_.left = Tokens(100'000'000);
  std::optional<Peer> upstream;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(stream_head());
    upstream = peer;
  });
  boost::asio::ip::tcp::socket slow(context_);
  slow.open(boost::asio::ip::tcp::v4());
  slow.set_option(boost::asio::socket_base::receive_buffer_size(8192));
  slow.connect({boost::asio::ip::address_v4::loopback(), meter_->address().port});
  boost::asio::write(slow, boost::asio::buffer(request(streamed())));
  run_until(context_, [&] { return upstream.has_value(); });
  // Comments: as long as anybody likes.
  std::string comments;
  while (comments.size() < (std::size_t{1} << 20)) comments += ": awake\n\n";
  std::size_t said = 0;
  std::size_t before = 1;
  while (said < kAll && upstream->written() != before) {
    before = upstream->written();
    upstream->say(comments);
    said += comments.size();
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
    while (std::chrono::steady_clock::now() < end && upstream->queued() > 0)
      context_.run_one_for(std::chrono::milliseconds(20));
    context_.run_for(std::chrono::milliseconds(50));
  }
  EXPECT_LT(said, kAll);
  slow.close();
  settle();
}

TEST_F(MeterStreamTest, AClientThatTakesNothingIsGivenUp) {
  MeterOptions options;
  options.send_time = std::chrono::milliseconds(200);
  begin(options);
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(stream_head());
    std::string comments;
    while (comments.size() < (std::size_t{32} << 20)) comments += ": awake\n\n";
    peer.say(comments);
  });
  boost::asio::ip::tcp::socket slow(context_);
  slow.open(boost::asio::ip::tcp::v4());
  slow.set_option(boost::asio::socket_base::receive_buffer_size(8192));
  slow.connect({boost::asio::ip::address_v4::loopback(), meter_->address().port});
  boost::asio::write(slow, boost::asio::buffer(request(streamed())));
  settle();
  EXPECT_EQ(charge(), "hold");
}

TEST_F(MeterStreamTest, ClosingARunCutsItsStreamsAndSettlesThemFirst) {
  upstream_.set_script(
      [](const Request&, const Peer& peer) { peer.say(stream_head() + piece("hi")); });
  const auto peer = client();
  peer->say(request(streamed()));
  run_until(context_, [&] { return peer->heard("hi"); });
  close_run();
  EXPECT_EQ(charge(), "hold");
  run_until(context_, [&] { return peer->closed(); });
  EXPECT_THAT(peer->heard(), HasSubstr(R"("code":"run_closed")"));
}

TEST_F(MeterStreamTest, AHundredStreamsAtOnceAreEachChargedTheirOwn) {
  MeterOptions options;
  options.calls_of_run = 100;
  options.connections_of_run = 100;
  begin(options);
  std::vector<Peer> busy;
  upstream_.set_script([&](const Request&, const Peer& peer) {
    peer.say(stream_head() + piece("hi"));
    busy.push_back(peer);
  });
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(client());
  for (const auto& each : clients) each->say(request(streamed()));
  run_until(context_, [&] { return busy.size() == 100; });
  EXPECT_EQ(ledger_.open.size(), 100u);
  for (int i = 0; i < 100; ++i) busy[i].say(last_piece() + usage_piece(11, 1 + i) + stream_end());
  settle(100);
  std::int64_t sum = 0;
  for (const auto& each : ledger_.settled) sum += each.settlement->usage->output.count();
  EXPECT_EQ(sum, 5050);
}

TEST_F(MeterStreamTest, AConnectionIsKeptForTheNextCall) {
  say(piece("hi") + last_piece() + usage_piece(11, 2) + stream_end());
  auto bytes = request(streamed());
  bytes.erase(bytes.find("Connection: close\r\n"), 19);
  const auto peer = client();
  peer->say(bytes);
  run_until(context_, [&] { return peer->heard("0\r\n\r\n"); });
  upstream_.set_script([](const Request&, const Peer& other) {
    other.say(http_reply(to_text(completion("again", 10, 5))));
  });
  peer->say(request(chat()));
  run_until(context_, [&] { return peer->heard("again"); });
  settle(2);
}

}  // namespace
}  // namespace host
