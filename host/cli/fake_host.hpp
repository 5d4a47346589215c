// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/file.hpp"
#include "base/json.hpp"
#include "config/paths.hpp"
#include "http/server.hpp"

namespace host::cli {

// What a running host is to a command: it answers at the admin socket with what a test set, on a
// thread of its own.
class FakeHost {
 public:
  explicit FakeHost(const Paths& paths) {
    make_directories(paths.run, 0700);
    write_atomically(paths.cookie(), "cookie\n", 0600);
    on_loop([&] { server_.listen_unix(paths.socket(), 0600); });
    set("GET /v1/config", Json::object());
  }
  ~FakeHost() {
    work_.reset();
    context_.stop();
    thread_.join();
  }

  // What "GET /v1/tasks" is answered with; without a query. Everything else is not found.
  void set(const std::string& request, Json reply, int status = 200) {
    on_loop([&] { replies_[request] = {status, std::move(reply)}; });
  }
  // What it is answered with, as a line, in an answer that does not end before its client goes.
  void hold(const std::string& request, Json reply) {
    on_loop([&] { held_[request] = std::move(reply); });
  }
  // Clients of these that have gone.
  int gone() {
    int count = 0;
    on_loop([&] { count = gone_; });
    return count;
  }
  // Method, target and body of every request until now.
  std::vector<std::string> requests() {
    std::vector<std::string> copy;
    on_loop([&] { copy = requests_; });
    return copy;
  }

 private:
  class Held final : public ServerStream {
   public:
    Held(std::string line, int& gone) : line_(std::move(line)), gone_(&gone) {}
    ~Held() override { ++*gone_; }
    void next(std::function<void(std::string)> give) override {
      if (!line_.empty()) give(std::exchange(line_, {}));
    }

   private:
    std::string line_;
    int* gone_;
  };

  void on_loop(const std::function<void()>& work) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }
  void answer(const ServerRequest& request, const HttpServer::Respond& respond) {
    requests_.push_back(request.method + " " + request.target + " " + request.body);
    if (const auto held = held_.find(request.method + " " + request.path); held != held_.end())
      return respond(
          {200, {}, {}, std::nullopt, std::make_shared<Held>(held->second.dump() + "\n", gone_)});
    const auto reply = replies_.find(request.method + " " + request.path);
    if (reply == replies_.end())
      return respond({404, {}, R"({"error": {"code": "not_found", "message": "no such route"}})"});
    respond({reply->second.first, {}, reply->second.second.dump()});
  }

  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      boost::asio::make_work_guard(context_)};
  std::map<std::string, std::pair<int, Json>> replies_;
  std::map<std::string, Json> held_;
  int gone_ = 0;
  std::vector<std::string> requests_;
  HttpServer server_{context_,
                     [this](const ServerRequest& request, const HttpServer::Respond& respond) {
                       answer(request, respond);
                     }};
  std::thread thread_{[this] { context_.run(); }};
};

}  // namespace host::cli
