// SPDX-License-Identifier: Apache-2.0
//
// The HTTP client's in-memory twin, for tests.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/loop.hpp"
#include "http/client.hpp"

namespace host {

// Answers through the loop: first from what was enqueued, in order, then by the handler, else with
// "connection refused". Keeps every request.
class FakeHttpClient final : public HttpClient {
 public:
  // nullopt: no answer ever, so the request's timeout passes.
  using Answer = std::optional<Result<HttpResponse>>;
  using Handler = std::function<Answer(const HttpRequest&)>;

  explicit FakeHttpClient(Loop& loop) : loop_(&loop) {}

  void enqueue(Answer answer) { queue_.push_back(std::move(answer)); }
  void enqueue(int status, std::string body, HttpHeaders headers = json_type()) {
    enqueue(HttpResponse{status, std::move(headers), std::move(body)});
  }
  void set_handler(Handler handler) { handler_ = std::move(handler); }

  static HttpHeaders json_type() { return {{"content-type", "application/json;charset=utf-8"}}; }
  // No connection: nothing was sent.
  static Error refused() { return {Code::unavailable, "connection refused"}; }
  // The connection broke after the request went out.
  static Error broken() { return {Code::unavailable, kBroken}; }

  [[nodiscard]] const std::vector<HttpRequest>& requests() const { return requests_; }
  // How many are without an answer.
  [[nodiscard]] std::size_t active() const { return active_; }

  void send(HttpRequest request, Reply<HttpResponse> reply) override {
    requests_.push_back(request);
    ++active_;
    loop_->post([this, request = std::move(request), reply = std::move(reply)]() mutable {
      Answer answer = next(request);
      if (answer && !answer->ok() && answer->error().message() == refused().message())
        return finish(reply, std::move(*answer));
      if (request.sent) *request.sent = true;
      if (answer) return finish(reply, std::move(*answer));
      silent_.push_back(loop_->after(request.timeout, [this, reply = std::move(reply)] {
        finish(reply, Error(Code::timed_out, "no answer in time"));
      }));
    });
  }

  std::unique_ptr<HttpBody> open(HttpRequest request, Reply<HttpResponse> head) override {
    auto state = std::make_shared<Body::State>();
    state->loop = loop_;
    send(std::move(request), [state, head = std::move(head)](Result<HttpResponse> answer) {
      if (state->dropped) return;
      state->ended = true;
      if (!answer.ok()) return head(answer.error());
      state->text = std::exchange(answer.value().body, {});
      head(std::move(answer));
    });
    return std::make_unique<Body>(std::move(state), dropped_);
  }
  // How many were given up without an answer.
  [[nodiscard]] int dropped() const { return *dropped_; }

 private:
  class Body final : public HttpBody {
   public:
    struct State {
      Loop* loop = nullptr;
      std::string text;
      bool ended = false;
      bool dropped = false;
    };
    Body(std::shared_ptr<State> state, std::shared_ptr<int> dropped)
        : state_(std::move(state)), dropped_(std::move(dropped)) {}
    ~Body() override {
      state_->dropped = true;
      if (!state_->ended) ++*dropped_;
    }
    void read(Reply<std::string> reply) override {
      state_->loop->post([state = state_, reply = std::move(reply)] {
        if (!state->dropped) reply(std::exchange(state->text, {}));
      });
    }

   private:
    std::shared_ptr<State> state_;
    std::shared_ptr<int> dropped_;
  };

  static constexpr const char* kBroken = "the connection broke";

  Answer next(const HttpRequest& request) {
    if (!queue_.empty()) {
      Answer answer = std::move(queue_.front());
      queue_.pop_front();
      return answer;
    }
    return handler_ ? handler_(request) : Answer(refused());
  }
  void finish(const Reply<HttpResponse>& reply, Result<HttpResponse> result) {
    --active_;
    reply(std::move(result));
  }

  Loop* loop_;
  std::deque<Answer> queue_;
  Handler handler_;
  std::vector<HttpRequest> requests_;
  std::vector<Timer> silent_;
  std::size_t active_ = 0;
  std::shared_ptr<int> dropped_ = std::make_shared<int>();
};

}  // namespace host
