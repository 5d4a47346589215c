// SPDX-License-Identifier: Apache-2.0
//
// The other end of a connection, for tests: a client that says what it is told, and a server that
// breaks every rule.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"

namespace host {

// Runs the loop until `done` holds; fails the test when it does not within `cap`.
inline void run_until(boost::asio::io_context& context, const std::function<bool()>& done,
                      Duration cap = std::chrono::seconds(20)) {
  const auto end = std::chrono::steady_clock::now() + cap;
  context.restart();
  while (!done()) {
    if (std::chrono::steady_clock::now() >= end) FAIL() << "nothing happened in time";
    context.run_one_for(std::chrono::milliseconds(50));
    if (context.stopped()) context.restart();
  }
}

// A client without manners. Collects what comes until the other side closes.
class RawClient {
 public:
  RawClient(boost::asio::io_context& context, std::uint16_t port)
      : socket_(std::make_shared<boost::asio::ip::tcp::socket>(context)) {
    socket_->connect({boost::asio::ip::address_v4::loopback(), port});
    read();
  }
  ~RawClient() {
    boost::system::error_code ignored;
    socket_->close(ignored);
  }
  void say(std::string_view bytes) {
    boost::system::error_code ignored;
    boost::asio::write(*socket_, boost::asio::buffer(bytes), ignored);
  }
  [[nodiscard]] const std::string& heard() const { return state_->heard; }
  [[nodiscard]] bool closed() const { return state_->closed; }
  [[nodiscard]] bool heard(std::string_view text) const {
    return state_->heard.find(text) != std::string::npos;
  }

 private:
  struct State {
    std::string heard;
    std::string block = std::string(4096, '\0');
    bool closed = false;
  };
  void read() { read(socket_, state_); }
  static void read(std::shared_ptr<boost::asio::ip::tcp::socket> socket,
                   std::shared_ptr<State> state) {
    auto& block = state->block;
    socket->async_read_some(boost::asio::buffer(block), [socket, state](auto failed, auto size) {
      state->heard.append(state->block, 0, size);
      if (failed)
        state->closed = true;
      else
        read(socket, state);
    });
  }

  std::shared_ptr<boost::asio::ip::tcp::socket> socket_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

// A server that breaks every rule: calls `script` with whatever bytes come on a connection, until
// the script or the peer closes it.
class RawServer {
 public:
  using Socket = std::shared_ptr<boost::asio::ip::tcp::socket>;
  using Script = std::function<void(Socket, const std::string& received)>;

  RawServer(boost::asio::io_context& context, Script script)
      : context_(&context),
        acceptor_(context, {boost::asio::ip::address_v4::loopback(), 0}),
        script_(std::move(script)) {
    accept();
  }
  [[nodiscard]] std::string url(std::string_view path = "/") const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) +
           std::string(path);
  }
  // How many connections came, and how many times bytes came on any.
  [[nodiscard]] int connections() const { return connections_; }
  [[nodiscard]] int requests() const { return requests_; }

 private:
  void accept() {
    auto socket = std::make_shared<boost::asio::ip::tcp::socket>(*context_);
    acceptor_.async_accept(*socket, [this, socket](auto failed) {
      if (failed) return;
      ++connections_;
      listen(socket);
      accept();
    });
  }
  void listen(const Socket& socket) {
    auto block = std::make_shared<std::string>(65536, '\0');
    socket->async_read_some(boost::asio::buffer(*block),
                            [this, socket, block](auto failed, auto size) {
                              if (failed) return;
                              ++requests_;
                              script_(socket, block->substr(0, size));
                              if (socket->is_open()) listen(socket);
                            });
  }

  boost::asio::io_context* context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  Script script_;
  int connections_ = 0;
  int requests_ = 0;
};

}  // namespace host
