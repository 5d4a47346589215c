// SPDX-License-Identifier: Apache-2.0
#include "http/server.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/write.hpp>
#include <fstream>

#include "base/error.hpp"
#include "base/test_folder.hpp"
#include "http/test_peer.hpp"

namespace host {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;
using namespace std::chrono_literals;

class ServerTest : public ::testing::Test {
 protected:
  HttpServer& serve(HttpServer::Handler handler, HttpServerLimits limits = {},
                    HttpServer::Admission admission = {}) {
    server_ =
        std::make_unique<HttpServer>(context_, std::move(handler), limits, std::move(admission));
    port_ = server_->listen_loopback();
    return *server_;
  }
  // Answers "hello" and keeps the request.
  HttpServer::Handler hello() {
    return [this](ServerRequest request, const HttpServer::Respond& respond) {
      requests_.push_back(std::move(request));
      respond({200, {{"Content-Type", "text/plain"}}, "hello", std::nullopt});
    };
  }
  // What the server answers to these bytes, until it closes.
  std::string exchange(std::string_view bytes) {
    RawClient client(context_, port_);
    client.say(bytes);
    run_until(context_, [&] { return client.closed(); });
    return client.heard();
  }

  boost::asio::io_context context_;
  std::unique_ptr<HttpServer> server_;
  std::uint16_t port_ = 0;
  std::vector<ServerRequest> requests_;
};

TEST_F(ServerTest, TakesARequestApart) {
  serve(hello());
  const auto answer = exchange(
      "POST /repos/org/a%2Fb?state=open&labels=%3Ekind%2Fbug+x&flag HTTP/1.1\r\nHost: x\r\n"
      "X-Thing: One\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbody");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\nhello"));
  ASSERT_EQ(requests_.size(), 1u);
  const auto& request = requests_[0];
  EXPECT_EQ(request.method, "POST");
  EXPECT_EQ(request.path, "/repos/org/a%2Fb");
  EXPECT_THAT(request.segments, ElementsAre("repos", "org", "a/b"));
  EXPECT_EQ(request.query.at("state"), "open");
  EXPECT_EQ(request.query.at("labels"), ">kind/bug x");
  EXPECT_EQ(request.query.at("flag"), "");
  EXPECT_EQ(request.body, "body");
  EXPECT_EQ(*request.header("x-thing"), "One");
  EXPECT_EQ(request.header("x-other"), nullptr);
  EXPECT_THAT(request.peer.address, StartsWith("127.0.0.1:"));
}

TEST_F(ServerTest, KeepsAConnectionForMoreRequestsAndServesPipelinedOnesInOrder) {
  serve([](ServerRequest request, const HttpServer::Respond& respond) {
    respond({200, {}, request.path, std::nullopt});
  });
  const auto answer = exchange(
      "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n"
      "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const auto one = answer.find("/1"), two = answer.find("/2"), three = answer.find("/3");
  ASSERT_NE(three, std::string::npos) << answer;
  EXPECT_LT(one, two);
  EXPECT_LT(two, three);
}

TEST_F(ServerTest, AnswersHeadWithTheLengthAndNoBody) {
  serve(hello());
  const auto answer = exchange("HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_THAT(answer, ::testing::EndsWith("\r\n\r\n"));
}

TEST_F(ServerTest, RefusesWhatIsTooLargeOrNotHttpAndSaysWhich) {
  HttpServerLimits limits;
  limits.header_bytes = 1000;
  limits.body_bytes = 1000;
  serve(hello(), limits);
  EXPECT_THAT(exchange("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1001\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(exchange("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n7d0\r\n" +
                       std::string(2000, 'x')),
              StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(exchange("GET / HTTP/1.1\r\nX: " + std::string(2000, 'x') + "\r\n\r\n"),
              StartsWith("HTTP/1.1 431"));
  EXPECT_THAT(exchange("nonsense\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(exchange("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
              StartsWith("HTTP/1.1 400"));
  EXPECT_TRUE(requests_.empty());
}

TEST_F(ServerTest, TellsAPeerThatIsSlowToAskAndDropsOneThatSaysNothing) {
  HttpServerLimits limits;
  limits.receive_time = 50ms;
  limits.idle_time = 50ms;
  serve(hello(), limits);
  RawClient slow(context_, port_), slower(context_, port_), silent(context_, port_);
  slow.say("GET / HTTP/1.1\r\nHost:");
  slower.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf");
  run_until(context_, [&] { return slow.closed() && slower.closed() && silent.closed(); });
  for (const auto* each : {&slow, &slower}) {
    EXPECT_THAT(each->heard(), StartsWith("HTTP/1.1 408"));
    EXPECT_THAT(each->heard(), HasSubstr("Connection: close"));
  }
  EXPECT_EQ(silent.heard(), "");
  EXPECT_TRUE(requests_.empty());
  run_until(context_, [&] { return server_->connections() == 0; });
}

// One that has bytes at hand is read on from, cancelled or not, while the time to ask ends.
TEST_F(ServerTest, TellsAPeerSoThatGoesOnSendingBitByBit) {
  HttpServerLimits limits;
  limits.receive_time = 20ms;
  serve(hello(), limits);
  int told = 0;
  for (int round = 0; round < 20; ++round) {
    RawClient drip(context_, port_);
    drip.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n");
    run_until(context_, [&] {
      drip.say(std::string(700, 'x'));
      return drip.closed();
    });
    told += drip.heard("HTTP/1.1 408") ? 1 : 0;
  }
  EXPECT_GT(told, 0) << "a reset may overtake an answer, but not each";
  EXPECT_TRUE(requests_.empty());
  run_until(context_, [&] { return server_->connections() == 0; });
}

TEST_F(ServerTest, AnswersLaterFromTheLoopAndOnlyOnce) {
  HttpServer::Respond later;
  serve([&](ServerRequest, const HttpServer::Respond& respond) { later = respond; });
  RawClient client(context_, port_);
  client.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(context_, [&] { return later != nullptr; });
  later({200, {}, "first", std::nullopt});
  later({200, {}, "second", std::nullopt});
  run_until(context_, [&] { return client.heard("first"); });
  EXPECT_FALSE(client.heard("second"));
  server_.reset();
  later({200, {}, "third", std::nullopt});
  run_until(context_, [&] { return client.closed(); });
  EXPECT_FALSE(client.heard("third"));
}

TEST_F(ServerTest, AHandlerThatForgetsOrThrowsStillGetsItsPeerAnAnswer) {
  HttpServerLimits limits;
  limits.answer_time = 50ms;
  serve(
      [](ServerRequest request, const HttpServer::Respond&) {
        if (request.path == "/throw") throw std::runtime_error("inner secret");
      },
      limits);
  EXPECT_THAT(exchange("GET /forget HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 504"));
  const auto answer = exchange("GET /throw HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(answer, ::testing::Not(HasSubstr("inner secret")));
}

TEST_F(ServerTest, WhoeverWorksOnAnAnswerThatCameTooLateIsTold) {
  HttpServerLimits limits;
  limits.answer_time = 50ms;
  bool told = false;
  serve([&](ServerRequest request,
            const HttpServer::Respond&) { request.watch_peer([&] { told = true; }); },
        limits);
  EXPECT_THAT(exchange("GET /forget HTTP/1.1\r\nHost: x\r\n\r\n"), StartsWith("HTTP/1.1 504"));
  run_until(context_, [&] { return told; });
}

TEST_F(ServerTest, ARequestIsRefusedByItsHeadBeforeItsBodyIsRead) {
  serve(hello(), {}, [](const ServerRequest& head, auto&) -> std::optional<ServerResponse> {
    if (head.path == "/throw") throw std::runtime_error("inner secret");
    if (head.header("x-key") != nullptr) return std::nullopt;
    return ServerResponse{401, {}, "no", std::nullopt, nullptr};
  });
  const auto post = [](const std::string& path, const std::string& more) {
    return "POST " + path + " HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n" + more + "\r\n";
  };
  const auto answer = exchange(post("/", ""));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 401"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_THAT(exchange(post("/throw", "")), StartsWith("HTTP/1.1 500"));
  EXPECT_TRUE(requests_.empty());
  EXPECT_THAT(exchange(post("/", "X-Key: k\r\nConnection: close\r\n") + "body"),
              StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(requests_.at(0).body, "body");
  EXPECT_THAT(exchange("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 401"))
      << "also one that has no body";
}

TEST_F(ServerTest, ASeatIsKeptFromTheHeadUntilTheAnswerIsOut) {
  const auto seats = std::make_shared<int>(0);
  std::vector<HttpServer::Respond> waiting;
  serve([&](ServerRequest, const HttpServer::Respond& respond) { waiting.push_back(respond); }, {},
        [&](const ServerRequest&, std::shared_ptr<void>& seat) {
          EXPECT_EQ(seat, nullptr);
          ++*seats;
          seat = std::shared_ptr<void>(nullptr, [seats](void*) { --*seats; });
          return std::nullopt;
        });
  RawClient first(context_, port_);
  first.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n");
  run_until(context_, [&] { return *seats == 1; });
  EXPECT_TRUE(waiting.empty()) << "its body is still to come";
  first.say("body");
  run_until(context_, [&] { return waiting.size() == 1; });
  EXPECT_EQ(*seats, 1);
  waiting[0]({200, {}, "hello", std::nullopt});
  run_until(context_, [&] { return first.heard("hello") && *seats == 0; });
  EXPECT_FALSE(first.closed());
  first.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(context_, [&] { return *seats == 1; });
  {
    RawClient gone(context_, port_);
    gone.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n");
    run_until(context_, [&] { return *seats == 2; });
  }
  run_until(context_, [&] { return *seats == 1; });
}

TEST_F(ServerTest, WhenFullWhoeverSaysNothingMakesRoomForOneThatKnocks) {
  HttpServerLimits limits;
  limits.connections = 2;
  int admitted = 0;
  serve(hello(), limits, [&](const ServerRequest&, auto&) { return ++admitted, std::nullopt; });
  RawClient half(context_, port_);
  half.say("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n");
  run_until(context_, [&] { return admitted == 1; });
  RawClient silent(context_, port_), next(context_, port_);
  next.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(context_, [&] { return silent.closed() && next.heard("hello"); });
  half.say("body");
  run_until(context_, [&] { return half.heard("hello"); });
}

TEST_F(ServerTest, WhenFullTheLongestIdleConnectionMakesRoom) {
  HttpServerLimits limits;
  limits.connections = 2;
  serve(hello(), limits);
  RawClient first(context_, port_);
  first.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(context_, [&] { return first.heard("hello"); });
  EXPECT_FALSE(first.closed());
  RawClient second(context_, port_);
  second.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(context_, [&] { return second.heard("hello"); });
  RawClient third(context_, port_);
  third.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(context_, [&] { return third.heard("hello") && first.closed(); });
  EXPECT_FALSE(second.closed());
}

TEST_F(ServerTest, WhenFullAndBusyTheNextWaitsItsTurn) {
  HttpServerLimits limits;
  limits.connections = 1;
  std::vector<HttpServer::Respond> waiting;
  serve([&](ServerRequest, const HttpServer::Respond& respond) { waiting.push_back(respond); },
        limits);
  RawClient first(context_, port_), second(context_, port_);
  first.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  second.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(context_, [&] { return waiting.size() == 1; });
  context_.poll();
  EXPECT_EQ(server_->connections(), 1u);
  waiting[0]({200, {}, "one", std::nullopt});
  run_until(context_, [&] { return waiting.size() == 2; });
  waiting[1]({200, {}, "two", std::nullopt});
  run_until(context_, [&] { return first.heard("one") && second.heard("two"); });
}

TEST_F(ServerTest, StopsAfterWhatIsUnderWayAndTakesNothingNew) {
  HttpServer::Respond later;
  serve([&](ServerRequest, const HttpServer::Respond& respond) { later = respond; });
  RawClient busy(context_, port_), idle(context_, port_);
  busy.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(context_, [&] { return later && server_->connections() == 2; });
  bool stopped = false;
  server_->stop(10s, [&] { stopped = true; });
  run_until(context_, [&] { return idle.closed(); });
  EXPECT_FALSE(stopped);
  EXPECT_THROW(RawClient(context_, port_), boost::system::system_error);
  later({200, {}, "done", std::nullopt});
  run_until(context_, [&] { return stopped && busy.closed(); });
  EXPECT_TRUE(busy.heard("Connection: close"));
  EXPECT_TRUE(busy.heard("done"));
}

TEST_F(ServerTest, StopDoesNotWaitLongerThanItsGrace) {
  serve([](ServerRequest, const HttpServer::Respond&) {});
  RawClient busy(context_, port_);
  busy.say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  run_until(context_, [&] { return server_->connections() == 1; });
  bool stopped = false;
  server_->stop(50ms, [&] { stopped = true; });
  run_until(context_, [&] { return stopped && busy.closed(); });
}

TEST_F(ServerTest, ListensOnAUnixSocketOfItsModeAndKnowsItsPeer) {
  const TestFolder folder;
  server_ = std::make_unique<HttpServer>(context_, hello());
  server_->listen_unix(folder / "s");
  struct stat info {};
  ASSERT_EQ(::stat((folder / "s").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  boost::asio::local::stream_protocol::socket client(context_);
  client.connect((folder / "s").string());
  boost::asio::write(client,
                     boost::asio::buffer(std::string("GET /x HTTP/1.1\r\nHost: h\r\n\r\n")));
  run_until(context_, [&] { return !requests_.empty(); });
  EXPECT_EQ(requests_[0].peer.uid, ::geteuid());
  EXPECT_EQ(requests_[0].peer.pid, ::getpid());
  server_.reset();
  EXPECT_NE(::stat((folder / "s").c_str(), &info), 0);
}

TEST_F(ServerTest, ReplacesADeadSocketButNothingElse) {
  const TestFolder folder;
  { boost::asio::local::stream_protocol::acceptor dead(context_, (folder / "s").string()); }
  server_ = std::make_unique<HttpServer>(context_, hello());
  server_->listen_unix(folder / "s");
  std::ofstream(folder / "file") << "precious";
  try {
    server_->listen_unix(folder / "file");
    FAIL() << "a file was replaced";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::conflict);
  }
  EXPECT_THROW(server_->listen_unix(folder / std::string(120, 'x')), Error);
}

TEST_F(ServerTest, ATakenPortIsNamed) {
  serve(hello());
  HttpServer other(context_, hello());
  try {
    other.listen_loopback(port_);
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.message(), HasSubstr(std::to_string(port_)));
    EXPECT_FALSE(error.next_step().empty());
  }
}

TEST_F(ServerTest, CanMisbehaveForOthersTests) {
  serve([](ServerRequest, const HttpServer::Respond& respond) {
    respond({200, {}, "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"});
  });
  EXPECT_THAT(exchange("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), ::testing::EndsWith("\r\n\r\nhalf"));
}

}  // namespace
}  // namespace host
