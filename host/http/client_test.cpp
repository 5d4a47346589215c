// SPDX-License-Identifier: Apache-2.0
#include "http/client.hpp"

#include <gmock/gmock.h>

#include <cstdlib>

#include "base/error.hpp"
#include "base/fake_loop.hpp"
#include "base/test_folder.hpp"
#include "http/fake_client.hpp"
#include "http/server.hpp"
#include "http/test_peer.hpp"

namespace host {
namespace {

using ::testing::StartsWith;
using namespace std::chrono_literals;

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    server_.emplace(
        context_,
        [this](ServerRequest request, const HttpServer::Respond& respond) {
          requests_.push_back(std::move(request));
          respond(answer_);
        },
        limits());
    url_ = "http://127.0.0.1:" + std::to_string(server_->listen_loopback());
  }

  static HttpServerLimits limits() {
    HttpServerLimits limits;
    limits.body_bytes = std::size_t{4} << 20;
    return limits;
  }
  Result<HttpResponse> send(HttpRequest request) {
    std::optional<Result<HttpResponse>> result;
    client_->send(std::move(request), [&](Result<HttpResponse> got) { result = std::move(got); });
    EXPECT_FALSE(result) << "called from inside the call";
    run_until(context_, [&] { return result.has_value(); });
    return result ? *result : Error(Code::internal, "nothing came");
  }
  HttpRequest to(std::string path, std::string method = "GET", std::string body = "") {
    HttpRequest request;
    request.method = std::move(method);
    request.url = url_ + path;
    request.body = std::move(body);
    return request;
  }

  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  std::optional<HttpServer> server_;
  std::string url_;
  std::vector<ServerRequest> requests_;
  ServerResponse answer_{200, {{"X-Thing", " One "}, {"x-thing", "Two"}}, "hello", std::nullopt};
  std::optional<CurlClient> client_{std::in_place, context_, loop_};
};

TEST_F(ClientTest, HandsOverStatusHeadersAndBody) {
  answer_.status = 404;
  const auto response = send(to("/a%2Fb/../c?x=1")).value();
  EXPECT_EQ(response.status, 404);
  EXPECT_EQ(response.body, "hello");
  EXPECT_EQ(*response.header("x-thing"), "One");
  EXPECT_EQ(*response.header("content-length"), "5");
  EXPECT_EQ(response.header("none"), nullptr);
  EXPECT_EQ(requests_.at(0).target, "/a%2Fb/../c?x=1");
  EXPECT_THAT(*requests_[0].header("user-agent"), StartsWith("timmy-host/"));
}

TEST_F(ClientTest, SendsBodiesAsTheyAreWithTheTypeThatWasGivenAndNoOther) {
  auto request = to("/", "POST", "{\"a\":1}");
  request.headers = {{"Content-Type", "application/json"}, {"X-Empty", ""}};
  (void)send(request).value();
  EXPECT_EQ(requests_.at(0).body, "{\"a\":1}");
  EXPECT_EQ(*requests_[0].header("content-type"), "application/json");
  ASSERT_NE(requests_[0].header("x-empty"), nullptr);
  (void)send(to("/", "POST", std::string(2'000'000, 'x'))).value();
  EXPECT_EQ(requests_.at(1).body.size(), 2'000'000u);
  EXPECT_EQ(requests_[1].header("content-type"), nullptr);
  EXPECT_EQ(requests_[1].header("expect"), nullptr);
}

TEST_F(ClientTest, SpeaksEveryMethodThatTheForgeNeeds) {
  for (const std::string method : {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}) {
    requests_.clear();
    EXPECT_EQ(send(to("/", method)).value().status, 200) << method;
    EXPECT_EQ(requests_.at(0).method, method);
    EXPECT_EQ(requests_[0].body, "");
  }
  for (const std::string method : {"PUT", "PATCH", "DELETE"}) {
    requests_.clear();
    (void)send(to("/", method, "body")).value();
    EXPECT_EQ(requests_.at(0).method, method);
    EXPECT_EQ(requests_[0].body, "body");
  }
}

TEST_F(ClientTest, ReusesAConnectionForReadsAndTakesANewOneForWhatMustNotGoTwice) {
  for (int i = 0; i < 3; ++i) (void)send(to("/")).value();
  EXPECT_EQ(requests_.at(0).peer.address, requests_.at(2).peer.address);
  (void)send(to("/", "POST", "x")).value();
  EXPECT_NE(requests_.at(3).peer.address, requests_.at(2).peer.address);
}

TEST_F(ClientTest, RunsManyRequestsAtOnce) {
  std::vector<HttpServer::Respond> held;
  server_.emplace(context_, [&](ServerRequest, const HttpServer::Respond& respond) {
    held.push_back(respond);
    if (held.size() == 5)
      for (const auto& each : held) each({200, {}, "together", std::nullopt});
  });
  url_ = "http://127.0.0.1:" + std::to_string(server_->listen_loopback());
  int got = 0;
  for (int i = 0; i < 5; ++i)
    client_->send(to("/"), [&](const Result<HttpResponse>& result) { got += result.ok(); });
  EXPECT_EQ(client_->active(), 5u);
  run_until(context_, [&] { return got == 5; });
  EXPECT_EQ(client_->active(), 0u);
}

// G5.
TEST_F(ClientTest, FollowsNoRedirect) {
  answer_ = {302, {{"Location", url_ + "/elsewhere"}}, "", std::nullopt};
  auto request = to("/");
  request.headers = {{"Authorization", "token s3cret"}};
  EXPECT_EQ(send(request).value().status, 302);
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_F(ClientTest, ConnectsToAUnixSocket) {
  const TestFolder folder;
  server_->listen_unix(folder / "s");
  auto request = to("/x");
  request.url = "http://host/x";
  request.unix_socket = (folder / "s").string();
  EXPECT_EQ(send(request).value().body, "hello");
  EXPECT_TRUE(requests_.at(0).peer.uid.has_value());
}

TEST_F(ClientTest, CountsTheDecodedBodyAgainstItsCap) {
  const std::string gzipped(
      "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x07\x00\x86\xa6\x10\x36\x05\x00"
      "\x00\x00",
      25);
  answer_ = {200, {{"Content-Encoding", "gzip"}}, gzipped, std::nullopt};
  auto request = to("/");
  request.body_cap = 5;
  EXPECT_EQ(send(request).value().body, "hello");
  request.body_cap = 4;
  const auto result = send(request);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code(), Code::too_large);
}

TEST_F(ClientTest, CapsHeadersToo) {
  CurlOptions options;
  options.header_cap = 1000;
  client_.emplace(context_, loop_, options);
  answer_.headers.emplace_back("X-Long", std::string(2000, 'x'));
  EXPECT_EQ(send(to("/")).error().code(), Code::too_large);
}

TEST_F(ClientTest, RefusesToSendWhatCouldBeReadAsSomethingElse) {
  const auto code = [&](const std::function<void(HttpRequest&)>& change) {
    auto request = to("/");
    change(request);
    const auto result = send(request);
    return result.ok() ? Code::internal : result.error().code();
  };
  EXPECT_EQ(code([](auto& r) { r.headers = {{"X", "a\r\nY: b"}}; }), Code::usage);
  EXPECT_EQ(code([](auto& r) { r.headers = {{"X\r\nY", "a"}}; }), Code::usage);
  EXPECT_EQ(code([](auto& r) { r.headers = {{"", "a"}}; }), Code::usage);
  EXPECT_EQ(code([](auto& r) { r.headers = {{"host", "other"}}; }), Code::usage);
  EXPECT_EQ(code([](auto& r) { r.headers = {{"Transfer-Encoding", "chunked"}}; }), Code::usage);
  EXPECT_EQ(code([](auto& r) { r.method = "GET / HTTP/1.1\r\nX:"; }), Code::usage);
  EXPECT_EQ(code([](auto& r) { r.url = "ftp://127.0.0.1/"; }), Code::usage);
  EXPECT_EQ(code([](auto& r) { r.url = "file:///etc/passwd"; }), Code::usage);
  EXPECT_EQ(code([](auto& r) { r.url = "http://user:pw@127.0.0.1/"; }), Code::usage);
  EXPECT_TRUE(requests_.empty());
}

TEST_F(ClientTest, AProxyOfTheEnvironmentNeverGetsWhatIsMeantForThisMachine) {
  ::setenv("http_proxy", "http://127.0.0.1:1", 1);
  ::unsetenv("no_proxy");
  EXPECT_TRUE(send(to("/")).ok());
  ::unsetenv("http_proxy");
}

TEST_F(ClientTest, MayBeDestroyedByItsOwnReplyAndThenCallsNobody) {
  int replies = 0;
  for (int i = 0; i < 3; ++i)
    client_->send(to("/"), [&](const Result<HttpResponse>&) {
      ++replies;
      client_.reset();
    });
  run_until(context_, [&] { return replies > 0 && requests_.size() == 3; });
  context_.poll();
  EXPECT_EQ(replies, 1);
}

TEST_F(ClientTest, GivesConnectionsBackAfterAWhileAndMakesNewOnesWhenNeeded) {
  CurlOptions options;
  options.idle_after = 20ms;
  client_.emplace(context_, loop_, options);
  EXPECT_TRUE(send(to("/")).ok());
  EXPECT_EQ(server_->connections(), 1u);
  run_until(context_, [&] { return server_->connections() == 0; });
  EXPECT_TRUE(send(to("/")).ok());
}

TEST(FakeHttpClient, AnswersLikeTheRealOneAndKeepsSilentLikeIt) {
  FakeLoop loop;
  FakeHttpClient http(loop);
  HttpRequest request;
  request.sent = std::make_shared<bool>(false);
  request.timeout = 5s;
  std::vector<std::string> got;
  const auto reply = [&](const Result<HttpResponse>& result) {
    got.push_back(result.ok() ? result.value().body : result.error().message());
  };
  http.send(request, reply);
  EXPECT_TRUE(got.empty());
  loop.drain();
  EXPECT_EQ(got.back(), "connection refused");
  EXPECT_FALSE(*request.sent);
  http.enqueue(200, "{}");
  http.send(request, reply);
  loop.drain();
  EXPECT_EQ(got.back(), "{}");
  EXPECT_TRUE(*request.sent);
  http.enqueue(std::nullopt);
  http.send(request, reply);
  loop.advance(4s);
  EXPECT_EQ(http.active(), 1u);
  loop.advance(2s);
  EXPECT_EQ(got.back(), "no answer in time");
}

}  // namespace
}  // namespace host
