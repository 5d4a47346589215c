// SPDX-License-Identifier: Apache-2.0
//
// For tests: git over HTTP as a forge has it. The project's own HTTP server in front of the real
// `git http-backend`, with one token as the password of any user.
#pragma once

#include <openssl/evp.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <charconv>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/bounded_process.hpp"
#include "http/server.hpp"

namespace host::workspaces {

class GitHttpServer {
 public:
  // Looks at a request before it is served, on the server's thread. What it returns is the answer.
  using Look = std::function<std::optional<ServerResponse>(const ServerRequest&)>;

  // Serves the bare repositories below `root`: URL/owner/name.git.
  GitHttpServer(std::filesystem::path root, std::string token)
      : root_(std::move(root)), token_(std::move(token)) {
    HttpServerLimits limits;
    limits.body_bytes = std::size_t{64} << 20;
    server_ = std::make_unique<HttpServer>(
        context_,
        [this](const ServerRequest& request, const HttpServer::Respond& respond) {
          handle(request, respond);
        },
        limits);
    port_ = server_->listen_loopback();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~GitHttpServer() { stop(); }
  GitHttpServer(const GitHttpServer&) = delete;
  GitHttpServer& operator=(const GitHttpServer&) = delete;

  void stop() {
    if (!thread_.joinable()) return;
    boost::asio::post(context_, [this] {
      silent_.clear();
      server_.reset();
      context_.stop();
    });
    thread_.join();
  }

  [[nodiscard]] std::string url(const std::string& repository) const {
    return "http://127.0.0.1:" + std::to_string(port_) + "/" + repository + ".git";
  }
  void set_look(Look look) {
    const std::scoped_lock held(mutex_);
    look_ = std::move(look);
  }
  // Requests come and get no answer any more.
  void fall_silent() { silent_now_ = true; }
  // Takes what is pushed, and then breaks off instead of saying so.
  void lose_answers(bool lose) { lose_ = lose; }
  // Of the answers to what is posted there only the beginning comes; then nothing does.
  void stop_in_the_middle_of(std::string service, std::size_t bytes) {
    const std::scoped_lock held(mutex_);
    cut_ = {std::move(service), bytes};
  }
  [[nodiscard]] int authorized() const { return authorized_; }

 private:
  class HalfBody final : public ServerStream {
   public:
    explicit HalfBody(std::string text) : text_(std::move(text)) {}
    void next(std::function<void(std::string)> give) override {
      if (text_.empty())
        never_ = std::move(give);
      else
        give(std::exchange(text_, {}));
    }

   private:
    std::string text_;
    std::function<void(std::string)> never_;
  };

  void handle(const ServerRequest& request, const HttpServer::Respond& respond) {
    if (silent_now_) {
      silent_.push_back(respond);
      return;
    }
    Look look;
    std::pair<std::string, std::size_t> cut;
    {
      const std::scoped_lock held(mutex_);
      look = look_;
      cut = cut_;
    }
    if (look)
      if (auto answer = look(request)) return respond(std::move(*answer));
    const auto* sent = request.header("authorization");
    if (sent == nullptr || password_in(*sent) != token_)
      return respond({.status = 401, .headers = {{"WWW-Authenticate", "Basic realm=\"forge\""}}});
    ++authorized_;
    auto answer = serve(request);
    if (lose_ && request.method == "POST" && request.path.ends_with("/git-receive-pack"))
      answer = {.raw = ""};
    if (!cut.first.empty() && request.method == "POST" && request.path.ends_with(cut.first))
      answer.stream = std::make_shared<HalfBody>(answer.body.substr(0, cut.second));
    respond(std::move(answer));
  }

  static std::string password_in(const std::string& header) {
    constexpr std::string_view kBasic = "Basic ";
    if (!header.starts_with(kBasic)) return {};
    const auto encoded = header.substr(kBasic.size());
    std::string pair(encoded.size(), '\0');
    const int size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(pair.data()),
                                     reinterpret_cast<const unsigned char*>(encoded.data()),
                                     static_cast<int>(encoded.size()));
    if (size < 0) return {};
    pair = pair.substr(0, pair.find('\0'));
    const auto colon = pair.find(':');
    return colon == pair.npos ? std::string() : pair.substr(colon + 1);
  }

  ServerResponse serve(const ServerRequest& request) const {
    const auto header = [&](const char* name) {
      const auto* value = request.header(name);
      return value == nullptr ? std::string() : *value;
    };
    const auto question = request.target.find('?');
    BoundedRun run;
    run.request.program = "/usr/bin/git";
    run.request.arguments = {"git", "http-backend"};
    run.request.environment = {
        {"PATH", "/usr/bin:/bin"},
        {"HOME", "/nonexistent"},
        {"GIT_PROJECT_ROOT", root_.string()},
        {"GIT_HTTP_EXPORT_ALL", "1"},
        {"GIT_CONFIG_NOSYSTEM", "1"},
        {"PATH_INFO", request.path},
        {"QUERY_STRING", question == std::string::npos ? "" : request.target.substr(question + 1)},
        {"REQUEST_METHOD", request.method},
        {"CONTENT_TYPE", header("content-type")},
        {"CONTENT_LENGTH", std::to_string(request.body.size())},
        {"HTTP_CONTENT_ENCODING", header("content-encoding")},
        {"GIT_PROTOCOL", header("git-protocol")},
        {"REMOTE_USER", "agent"},
        {"REMOTE_ADDR", "127.0.0.1"}};
    const auto input = memory_file(request.body);
    run.input = input.get();
    std::string output;
    (void)run_bounded(run, [&](std::string_view piece) {
      output.append(piece);
      return true;
    });
    return response_of(output);
  }

  // What a CGI program prints.
  static ServerResponse response_of(const std::string& output) {
    const auto end = output.find("\r\n\r\n");
    if (end == std::string::npos) return {.status = 500};
    ServerResponse response;
    for (std::size_t at = 0; at < end + 2;) {
      const auto line = output.substr(at, output.find("\r\n", at) - at);
      at += line.size() + 2;
      const auto colon = line.find(": ");
      if (line.starts_with("Status: "))
        (void)std::from_chars(line.data() + 8, line.data() + 11, response.status);
      else if (colon != std::string::npos)
        response.headers.emplace_back(line.substr(0, colon), line.substr(colon + 2));
    }
    response.body = output.substr(end + 4);
    return response;
  }

  std::filesystem::path root_;
  std::string token_;
  boost::asio::io_context context_;
  std::unique_ptr<HttpServer> server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
  std::mutex mutex_;
  Look look_;
  std::pair<std::string, std::size_t> cut_;  // a service and where its answers end
  std::atomic<bool> silent_now_ = false;
  std::atomic<bool> lose_ = false;
  std::atomic<int> authorized_ = 0;
  std::vector<HttpServer::Respond> silent_;
};

}  // namespace host::workspaces
