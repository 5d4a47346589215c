// SPDX-License-Identifier: Apache-2.0
//
// Peers that fail (rows G1, G4 and G5 of the fault matrix), over real sockets.
#include <gmock/gmock.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <optional>
#include <vector>

#include "base/error.hpp"
#include "base/loop.hpp"
#include "http/client.hpp"
#include "http/test_peer.hpp"

namespace host {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;
namespace asio = boost::asio;

constexpr std::string_view kHello = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

class ClientFaultsTest : public ::testing::Test {
 protected:
  void serve(RawServer::Script script) { server_.emplace(context_, std::move(script)); }
  // Says these bytes to every request, then closes.
  void serve_bytes(std::string bytes) {
    serve([bytes](const RawServer::Socket& socket, const std::string&) {
      boost::system::error_code ignored;
      asio::write(*socket, asio::buffer(bytes), ignored);
      socket->close(ignored);
    });
  }
  HttpRequest request(std::string method = "GET", Duration timeout = 10s) {
    HttpRequest request;
    request.method = std::move(method);
    request.url = server_ ? server_->url() : "http://127.0.0.1:1/";
    request.timeout = timeout;
    request.sent = sent_ = std::make_shared<bool>(false);
    return request;
  }
  Result<HttpResponse> send(HttpRequest request) {
    std::optional<Result<HttpResponse>> result;
    client_->send(std::move(request), [&](Result<HttpResponse> got) { result = std::move(got); });
    run_until(context_, [&] { return result.has_value(); });
    return result ? *result : Error(Code::internal, "nothing came");
  }
  Error failure(HttpRequest request) {
    const auto result = send(std::move(request));
    if (result.ok()) return {Code::internal, "it succeeded: " + result.value().body};
    return result.error();
  }

  asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  std::optional<RawServer> server_;
  std::shared_ptr<bool> sent_;
  CurlOptions options_ = [] {
    CurlOptions options;
    options.connect_timeout = 2s;
    return options;
  }();
  std::optional<CurlClient> client_{std::in_place, context_, loop_, options_};
};

TEST_F(ClientFaultsTest, RefusedIsUnavailableAndNothingWasSent) {
  const auto error = failure(request("POST"));
  EXPECT_EQ(error.code(), Code::unavailable);
  EXPECT_TRUE(error.transient());
  EXPECT_FALSE(*sent_);
  EXPECT_THAT(error.message(), HasSubstr("POST http://127.0.0.1:1/"));
  EXPECT_THAT(error.next_step(), HasSubstr("127.0.0.1:1"));
}

TEST_F(ClientFaultsTest, ANameThatDoesNotResolveIsUnavailable) {
  auto unknown = request();
  unknown.url = "http://no-such-host.invalid/";
  EXPECT_EQ(failure(unknown).code(), Code::unavailable);
  EXPECT_FALSE(*sent_);
}

TEST_F(ClientFaultsTest, APeerThatAcceptsAndSaysNothingTimesOut) {
  serve([](const RawServer::Socket&, const std::string&) {});
  const auto error = failure(request("POST", 150ms));
  EXPECT_EQ(error.code(), Code::timed_out);
  EXPECT_TRUE(*sent_);
}

TEST_F(ClientFaultsTest, SilenceEndsARequestBeforeItsTimeout) {
  serve([](const RawServer::Socket&, const std::string&) {});
  auto quiet = request("GET", 60s);
  quiet.silence = 1s;
  EXPECT_EQ(failure(quiet).code(), Code::timed_out);
}

TEST_F(ClientFaultsTest, ASlowDripIsBoundedByTheTimeout) {
  auto timer = std::make_shared<asio::steady_timer>(context_);
  std::function<void(RawServer::Socket)> drip = [&](const RawServer::Socket& socket) {
    timer->expires_after(10ms);
    timer->async_wait([&, socket](auto failed) {
      boost::system::error_code gone;
      asio::write(*socket, asio::buffer("x", 1), gone);
      if (!failed && !gone) drip(socket);
    });
  };
  serve([&](const RawServer::Socket& socket, const std::string&) {
    asio::write(*socket,
                asio::buffer(std::string("HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")));
    drip(socket);
  });
  EXPECT_EQ(failure(request("GET", 300ms)).code(), Code::timed_out);
  timer->cancel();
}

TEST_F(ClientFaultsTest, WhatIsCutShortIsAFailureNotAReply) {
  serve_bytes("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  EXPECT_EQ(failure(request()).code(), Code::unavailable);
  EXPECT_TRUE(*sent_);
  serve_bytes("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n");
  EXPECT_EQ(failure(request()).code(), Code::unavailable);
  serve_bytes("HTTP/1.1 200 OK\r\nContent-");
  EXPECT_EQ(failure(request()).code(), Code::unavailable);
}

TEST_F(ClientFaultsTest, GarbageIsAFailureNotAReply) {
  for (const std::string bytes :
       {"SSH-2.0-OpenSSH_9.2\r\n", "\x16\x03\x01\x02", "", "HTTP/9.9 banana\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    serve_bytes(bytes);
    const auto error = failure(request());
    EXPECT_EQ(error.code(), Code::unavailable) << bytes << ": " << error.what();
  }
}

TEST_F(ClientFaultsTest, AResetIsUnavailable) {
  serve([](const RawServer::Socket& socket, const std::string&) {
    socket->set_option(asio::socket_base::linger(true, 0));
    socket->close();
  });
  EXPECT_EQ(failure(request("POST")).code(), Code::unavailable);
  EXPECT_TRUE(*sent_);
}

// G6: what the server may have applied is never sent again behind the caller's back.
TEST_F(ClientFaultsTest, APostIsNeverWrittenTwiceWhenAConnectionDies) {
  int posts = 0;
  serve([&](const RawServer::Socket& socket, const std::string& received) {
    if (received.starts_with("GET")) {
      asio::write(*socket, asio::buffer(kHello));
      return;
    }
    ++posts;
    socket->close();
  });
  EXPECT_TRUE(send(request()).ok());
  EXPECT_EQ(failure(request("POST")).code(), Code::unavailable);
  EXPECT_EQ(posts, 1);
}

TEST_F(ClientFaultsTest, NeitherIsOneThatGoesOverAConnectionThatWasKept) {
  std::vector<RawServer::Socket> posts;
  serve([&](const RawServer::Socket& socket, const std::string&) {
    posts.push_back(socket);
    if (posts.size() > 1) return socket->close();
    asio::write(*socket, asio::buffer(kHello));
  });
  options_.reuse_for_posts = 10s;
  client_.emplace(context_, loop_, options_);
  EXPECT_TRUE(send(request("POST")).ok());
  EXPECT_EQ(failure(request("POST")).code(), Code::unavailable);
  // libcurl connects again, and is kept from writing.
  ASSERT_EQ(posts.size(), 2u) << "the second once";
  EXPECT_EQ(posts[0], posts[1]) << "both over the same";
  EXPECT_TRUE(*sent_);
}

TEST_F(ClientFaultsTest, APostTakesNoKeptConnectionThatItsPeerHasClosed) {
  RawServer::Socket first;
  serve([&](const RawServer::Socket& socket, const std::string&) {
    if (!first) first = socket;
    asio::write(*socket, asio::buffer(kHello));
  });
  options_.reuse_for_posts = 10s;
  client_.emplace(context_, loop_, options_);
  EXPECT_TRUE(send(request("POST")).ok());
  first->close();
  EXPECT_TRUE(send(request("POST")).ok());
  EXPECT_EQ(server_->connections(), 2);
}

TEST_F(ClientFaultsTest, APostTakesNoAnswerThatCameBeforeItWasAsked) {
  RawServer::Socket first;
  int posts = 0;
  serve([&](const RawServer::Socket& socket, const std::string&) {
    if (!first) first = socket;
    const auto body = "answer " + std::to_string(++posts);
    asio::write(*socket, asio::buffer("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + body));
  });
  options_.reuse_for_posts = 10s;
  client_.emplace(context_, loop_, options_);
  EXPECT_EQ(send(request("POST")).value().body, "answer 1");
  // The server says it a second time, later.
  asio::write(*first,
              asio::buffer(std::string("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nanswer 1")));
  EXPECT_EQ(send(request("POST")).value().body, "answer 2");
  EXPECT_EQ(server_->connections(), 2) << "nothing is asked on the first one any more";
  EXPECT_EQ(send(request("POST")).value().body, "answer 3");
  EXPECT_EQ(server_->connections(), 2) << "the new one is kept";
}

TEST_F(ClientFaultsTest, AReadOverAConnectionThatDiedMeanwhileIsRepeated) {
  RawServer::Socket first;
  serve([&](const RawServer::Socket& socket, const std::string&) {
    if (!first) first = socket;
    asio::write(*socket, asio::buffer(kHello));
  });
  EXPECT_TRUE(send(request()).ok());
  first->close();
  EXPECT_TRUE(send(request()).ok());
  EXPECT_EQ(server_->connections(), 2);
}

// G4: memory stays bounded whatever a peer sends.
TEST_F(ClientFaultsTest, AnEndlessBodyEndsAtItsCap) {
  const auto block = std::make_shared<std::string>(65536, 'x');
  std::size_t written = 0;
  std::function<void(RawServer::Socket)> pour = [&](const RawServer::Socket& socket) {
    asio::async_write(*socket, asio::buffer(*block), [&, socket](auto failed, auto size) {
      written += size;
      if (!failed) pour(socket);
    });
  };
  serve([&](const RawServer::Socket& socket, const std::string&) {
    asio::write(*socket, asio::buffer(std::string("HTTP/1.1 200 OK\r\n\r\n")));
    pour(socket);
  });
  auto capped = request();
  capped.body_cap = std::size_t{1} << 20;
  const auto error = failure(capped);
  EXPECT_EQ(error.code(), Code::too_large);
  EXPECT_THAT(error.message(), HasSubstr("1048576"));
  EXPECT_LT(written, std::size_t{16} << 20);
}

TEST_F(ClientFaultsTest, EndlessHeadersEndAtTheirCap) {
  serve_bytes("HTTP/1.1 200 OK\r\n" + [] {
    std::string lines;
    for (int i = 0; i < 20000; ++i) lines += "X-Filler: 0123456789012345678901234567890\r\n";
    return lines;
  }());
  EXPECT_EQ(failure(request()).code(), Code::too_large);
}

TEST_F(ClientFaultsTest, OthersGoOnWhileOnePeerHangs) {
  serve([](const RawServer::Socket& socket, const std::string& received) {
    if (received.starts_with("GET")) asio::write(*socket, asio::buffer(kHello));
  });
  bool hung = true;
  client_->send(request("POST", 60s), [&](const Result<HttpResponse>&) { hung = false; });
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(send(request()).ok());
  EXPECT_TRUE(hung);
  EXPECT_EQ(client_->active(), 1u);
}

}  // namespace
}  // namespace host
