// SPDX-License-Identifier: Apache-2.0
//
// The whole way over real sockets: client, libcurl, and a server that fails (G1, G4, G5).
#include <boost/asio/io_context.hpp>

#include "base/loop.hpp"
#include "gitea/test_server.hpp"
#include "http/server.hpp"
#include "http/test_peer.hpp"

namespace host {
namespace {

using namespace std::chrono_literals;

class FaultsTest : public ::testing::Test {
 protected:
  FaultsTest() {
    std::ofstream(folder_ / "token") << kToken;
    std::filesystem::permissions(folder_ / "token", std::filesystem::perms(0600));
    options_.token_files = {folder_ / "token"};
    options_.backoff_base = 1ms;
    options_.request_timeout = 200ms;
    options_.seed = 1;
  }
  // The server answers every request with these bytes and closes.
  void serve_raw(std::string bytes) {
    serve([bytes](const ServerRequest&, const HttpServer::Respond& respond) {
      respond({200, {}, "", bytes});
    });
  }
  void serve(HttpServer::Handler handler) {
    server_.emplace(context_,
                    [this, handler](ServerRequest request, const HttpServer::Respond& respond) {
                      ++requests_;
                      handler(std::move(request), respond);
                    });
    options_.url = "http://127.0.0.1:" + std::to_string(server_->listen_loopback());
    requests_ = 0;
  }
  Result<User> whoami() {
    GiteaClient gitea(http_, loop_, Log::to_memory(lines_), options_);
    std::optional<Result<User>> result;
    gitea.whoami([&](Result<User> got) { result = std::move(got); });
    run_until(context_, [&] { return result.has_value(); });
    return result ? *result : Error(Code::internal, "no reply");
  }
  Code code() {
    const auto result = whoami();
    return result.ok() ? Code::internal : result.error().code();
  }

  TestFolder folder_;
  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  CurlClient http_{context_, loop_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  GiteaOptions options_;
  std::optional<HttpServer> server_;
  int requests_ = 0;
};

TEST_F(FaultsTest, AWholeServerIsUnderstood) {
  serve([](const ServerRequest& request, const HttpServer::Respond& respond) {
    EXPECT_EQ(*request.header("authorization"), "token " + std::string(kToken));
    EXPECT_EQ(request.path, "/api/v1/user");
    respond({200, {{"Content-Type", "application/json"}}, R"({"id":1,"login":"timmy"})", {}});
  });
  EXPECT_EQ(whoami().value().login, "timmy");
}

TEST_F(FaultsTest, RefusedIsUnavailable) {
  options_.url = "http://127.0.0.1:1";
  EXPECT_EQ(code(), Code::unavailable);
}

TEST_F(FaultsTest, SilenceTimesOutAndIsRepeated) {
  serve([](const ServerRequest&, const HttpServer::Respond&) {});
  EXPECT_EQ(code(), Code::timed_out);
  EXPECT_EQ(requests_, 4);
}

TEST_F(FaultsTest, TruncatedAndGarbageAreRepeatedThenUnavailable) {
  for (const std::string bytes :
       {"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{\"id\"",
        "\x15\x03\x01 garbage", ""}) {
    serve_raw(bytes);
    EXPECT_EQ(code(), Code::unavailable) << bytes;
    EXPECT_EQ(requests_, 4);
  }
}

TEST_F(FaultsTest, ARecoveryWithinTheCallIsNotAFailure) {
  serve([this](const ServerRequest&, const HttpServer::Respond& respond) {
    if (requests_ < 3) return respond({502, {{"Content-Type", "text/html"}}, "<html>", {}});
    respond({200, {{"Content-Type", "application/json"}}, R"({"id":1,"login":"timmy"})", {}});
  });
  EXPECT_TRUE(whoami().ok());
}

TEST_F(FaultsTest, AnEndlessBodyIsCutOff) {
  serve([](const ServerRequest&, const HttpServer::Respond& respond) {
    respond({200,
             {},
             "",
             "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n" +
                 std::string(std::size_t{17} << 20, '[')});
  });
  options_.request_timeout = 10s;
  EXPECT_EQ(code(), Code::too_large);
  EXPECT_EQ(requests_, 1);
}

TEST_F(FaultsTest, WhatIsNotTheApiIsInvalid) {
  for (const std::string body : {"<html>", "{\"login\":", "[[[[[", "{\"login\":1e400}", "\xff"}) {
    serve([body](const ServerRequest&, const HttpServer::Respond& respond) {
      respond({200, {{"Content-Type", "application/json"}}, body, {}});
    });
    EXPECT_EQ(code(), Code::invalid) << body;
  }
}

TEST_F(FaultsTest, ARedirectElsewhereNeverCarriesTheToken) {
  int elsewhere = 0;
  HttpServer other(context_, [&](const ServerRequest&, const HttpServer::Respond& respond) {
    ++elsewhere;
    respond({200, {{"Content-Type", "application/json"}}, R"({"id":1,"login":"thief"})", {}});
  });
  const auto to = "http://127.0.0.1:" + std::to_string(other.listen_loopback()) + "/api/v1/user";
  serve([to](const ServerRequest&, const HttpServer::Respond& respond) {
    respond({302, {{"Location", to}}, "", {}});
  });
  EXPECT_EQ(code(), Code::denied);
  EXPECT_EQ(elsewhere, 0);
}

}  // namespace
}  // namespace host
