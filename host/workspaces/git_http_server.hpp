// SPDX-License-Identifier: Apache-2.0
//
// For tests: git over HTTP as a forge has it. The project's own HTTP server in front of the real
// `git http-backend`, with one token as the password of any user.
#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "http/server.hpp"
#include "workspaces/git_http_backend.hpp"

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
    if (password_of(request) != token_) return respond(ask_for_password());
    ++authorized_;
    auto answer = serve_git(root_, request);
    if (lose_ && request.method == "POST" && request.path.ends_with("/git-receive-pack"))
      answer = {.raw = ""};
    if (!cut.first.empty() && request.method == "POST" && request.path.ends_with(cut.first))
      answer.stream = std::make_shared<HalfBody>(answer.body.substr(0, cut.second));
    respond(std::move(answer));
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
