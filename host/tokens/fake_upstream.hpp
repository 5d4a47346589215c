// SPDX-License-Identifier: Apache-2.0
//
// An upstream for tests, over a real socket: each request is read whole and handed to a script,
// which says what it likes, when it likes.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/json.hpp"

namespace host {

class FakeUpstream {
 public:
  // One connection. Cheap to copy.
  class Peer {
   public:
    explicit Peer(boost::asio::io_context& context) : state_(std::make_shared<State>(context)) {}

    // Queues bytes.
    void say(std::string_view bytes) const {
      state_->queued.append(bytes);
      if (!state_->writing) write(state_);
    }
    // After what was said.
    void close() const {
      state_->closing = true;
      if (!state_->writing) state_->shut();
    }
    // Whether the other side has closed it.
    [[nodiscard]] bool gone() const { return state_->gone; }
    // Taken by the kernel so far; and what still waits.
    [[nodiscard]] std::size_t written() const { return state_->written; }
    [[nodiscard]] std::size_t queued() const { return state_->queued.size(); }

   private:
    friend class FakeUpstream;
    struct State {
      explicit State(boost::asio::io_context& context) : socket(context) {}
      void shut() {
        boost::system::error_code ignored;
        socket.shutdown(boost::asio::ip::tcp::socket::shutdown_both, ignored);
        socket.close(ignored);
      }
      boost::asio::ip::tcp::socket socket;
      std::string received;
      std::string block = std::string(65536, '\0');
      std::string queued;
      std::string sending;
      std::size_t written = 0;
      bool writing = false;
      bool closing = false;
      bool gone = false;
    };
    static void write(const std::shared_ptr<State>& state) {
      state->writing = true;
      state->sending = std::exchange(state->queued, {});
      boost::asio::async_write(state->socket, boost::asio::buffer(state->sending),
                               [state](auto failed, auto size) {
                                 state->writing = false;
                                 state->written += size;
                                 if (failed) {
                                   state->gone = true;
                                 } else if (!state->queued.empty()) {
                                   write(state);
                                 } else if (state->closing) {
                                   state->shut();
                                 }
                               });
    }
    std::shared_ptr<State> state_;
  };

  struct Request {
    std::string head;  // request line and headers, as they came
    std::string body;
    [[nodiscard]] Json json() const { return parse_json(body, "what came upstream"); }
    [[nodiscard]] bool has(std::string_view text) const {
      return head.find(text) != std::string::npos;
    }
  };
  using Script = std::function<void(const Request&, Peer)>;

  FakeUpstream(boost::asio::io_context& context, Script script)
      : context_(&context),
        acceptor_(context, {boost::asio::ip::address_v4::loopback(), 0}),
        script_(std::move(script)) {
    accept();
  }
  void set_script(Script script) { script_ = std::move(script); }
  [[nodiscard]] std::string url() const {
    return "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/v1";
  }
  [[nodiscard]] const std::vector<Request>& requests() const { return requests_; }
  [[nodiscard]] const std::vector<Peer>& peers() const { return peers_; }

 private:
  void accept() {
    Peer peer(*context_);
    acceptor_.async_accept(peer.state_->socket, [this, peer](auto failed) {
      if (failed) return;
      peers_.push_back(peer);
      read(peer);
      accept();
    });
  }
  void read(const Peer& peer) {
    const auto state = peer.state_;
    state->socket.async_read_some(boost::asio::buffer(state->block),
                                  [this, peer, state](auto failed, auto size) {
                                    state->gone = state->gone || failed;
                                    if (failed) return;
                                    state->received.append(state->block, 0, size);
                                    take(peer);
                                    read(peer);
                                  });
  }
  void take(const Peer& peer) {
    auto& received = peer.state_->received;
    const auto end = received.find("\r\n\r\n");
    if (end == std::string::npos) return;
    Request request{received.substr(0, end + 2), {}};
    std::size_t size = 0;
    if (const auto at = request.head.find("Content-Length: "); at != std::string::npos)
      size = std::stoul(request.head.substr(at + 16));
    if (received.size() < end + 4 + size) return;
    request.body = received.substr(end + 4, size);
    received.erase(0, end + 4 + size);
    requests_.push_back(request);
    script_(request, peer);
  }

  boost::asio::io_context* context_;
  boost::asio::ip::tcp::acceptor acceptor_;
  Script script_;
  std::vector<Request> requests_;
  std::vector<Peer> peers_;
};

// What upstreams say.
inline std::string http_reply(std::string_view body, int status = 200,
                              std::string_view type = "application/json") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}
inline std::string stream_head() {
  return "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n";
}
inline std::string event(const Json& data) { return "data: " + to_text(data) + "\n\n"; }
inline std::string piece(std::string_view text) {
  return event(
      {{"id", "c1"},
       {"object", "chat.completion.chunk"},
       {"model", "small-1"},
       {"choices", {{{"index", 0}, {"delta", {{"content", text}}}, {"finish_reason", nullptr}}}}});
}
inline std::string last_piece() {
  return event(
      {{"id", "c1"},
       {"object", "chat.completion.chunk"},
       {"model", "small-1"},
       {"choices", {{{"index", 0}, {"delta", Json::object()}, {"finish_reason", "stop"}}}}});
}
inline Json usage(std::int64_t input, std::int64_t output) {
  return {
      {"prompt_tokens", input}, {"completion_tokens", output}, {"total_tokens", input + output}};
}
inline std::string usage_piece(std::int64_t input, std::int64_t output) {
  return event({{"id", "c1"},
                {"object", "chat.completion.chunk"},
                {"model", "small-1"},
                {"choices", Json::array()},
                {"usage", usage(input, output)}});
}
inline std::string stream_end() { return "data: [DONE]\n\n"; }
inline Json completion(std::string_view text, std::int64_t input, std::int64_t output) {
  return {{"id", "c1"},
          {"object", "chat.completion"},
          {"created", 1},
          {"model", "small-1"},
          {"choices",
           {{{"index", 0},
             {"message", {{"role", "assistant"}, {"content", text}}},
             {"finish_reason", "stop"}}}},
          {"usage", usage(input, output)}};
}

}  // namespace host
