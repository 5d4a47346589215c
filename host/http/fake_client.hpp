// SPDX-License-Identifier: Apache-2.0
//
// The HTTP client's in-memory twin, for tests.
#pragma once

#include <deque>
#include <functional>
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

 private:
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
};

}  // namespace host
