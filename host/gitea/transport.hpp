// SPDX-License-Identifier: Apache-2.0
//
// How every request to the forge travels: in its turn, past the breaker, with the token, again
// where that is safe. transport_answers.cpp has what becomes of an answer. Private to gitea/.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/redactor.hpp"
#include "gitea/breaker.hpp"
#include "gitea/client.hpp"
#include "gitea/server_url.hpp"
#include "gitea/token.hpp"
#include "http/client.hpp"

namespace host {

// What every server answers, whatever its data are like.
inline constexpr const char* kVersionPath = "/version";

struct ApiRequest {
  std::string method = "GET";
  std::string path;  // after /api/v1, encoded, with its query
  std::string body;  // JSON; empty: none
  std::string what;  // for people: "adding labels to org/app#5"
  bool token_optional = false;
};

// What a request came to. `response` is 2xx, anything else is an Error.
struct ApiOutcome {
  Result<HttpResponse> response;
  // Only with an Error, and only for what changes something: the server may have done it.
  bool maybe_applied = false;
};
using ApiReply = std::function<void(ApiOutcome)>;

// Loop thread only.
class Transport : public std::enable_shared_from_this<Transport> {
 public:
  Transport(HttpClient& http, Loop& loop, Log log);

  // Drops every call without a reply; nothing is called after it.
  void close();

  // Throws Error{usage} and changes nothing when the URL can't be used.
  void configure(const GiteaOptions& options);

  // GET, PUT and DELETE are repeated after connection failures and 502 to 504 (GET also, once,
  // after a 500); others only when nothing of them was sent or the server said that it did nothing
  // (429). The reply never comes from inside the call.
  void call(ApiRequest request, ApiReply reply);

  // Run `work` on the loop, at once or once `delay` has passed, unless closed by then.
  void post(std::function<void()> work);
  void later(Duration delay, std::function<void()> work);

  [[nodiscard]] bool available() const;
  void set_available_handler(std::function<void(bool)> handler) { handler_ = std::move(handler); }
  void set_renamed_handler(std::function<void(const RepoName&, const RepoName&)> handler) {
    renamed_handler_ = std::move(handler);
  }
  void set_waiting(bool waiting);
  [[nodiscard]] MonotonicTime now() const { return loop_.clock().monotonic(); }
  [[nodiscard]] bool authorised() const { return !server_ || server_->authorised; }
  // Grows with every token and every configure(): whose calls these are may have changed.
  [[nodiscard]] std::uint64_t identity() const;
  [[nodiscard]] const GiteaStats& stats() const { return stats_; }

 private:
  struct Server {
    Server(ServerUrl u, TokenSource t) : url(std::move(u)), tokens(std::move(t)) {}
    ServerUrl url;
    TokenSource tokens;
    Redactor sent_tokens;
    bool authorised = true;
    bool token_gone = false;               // the file of the token that is still used
    std::uint64_t refused_generation = 0;  // the token that got a 401
    MonotonicTime ask_again_at{};          // when it is tried again though it has not changed
  };
  struct Call {
    ApiRequest request;
    ApiReply reply;
    std::shared_ptr<Server> server;
    MonotonicTime end{};
    std::string path;  // where it goes now: request.path, or where a redirect pointed
    std::optional<std::uint64_t> generation;  // of the token sent last; nullopt: none was
    int tries = 0;                            // but for those that a 429 came of
    int pauses = 0;                           // that the server asked for without saying how long
    bool failed_inside = false;               // got a 500
    bool redirected = false;
    bool token_renewed = false;
    bool is_probe = false;
    bool maybe_applied = false;
    std::shared_ptr<bool> sent;
  };
  using CallPtr = std::shared_ptr<Call>;

  void enqueue(const CallPtr& call);
  void pump();
  void start(const CallPtr& call);
  // The token's value, or nullopt where the call does without. Throws Error{denied}.
  [[nodiscard]] std::optional<std::string> authorise(const CallPtr& call);
  void send(const CallPtr& call, const std::optional<std::string>& token);
  void received(const CallPtr& call, Result<HttpResponse> result);
  void connection_failed(const CallPtr& call, const Error& error);
  void judge(const CallPtr& call, HttpResponse response);
  void unauthorised(const CallPtr& call, const HttpResponse& response);
  void moved(const CallPtr& call, const HttpResponse& response);
  void limited(const CallPtr& call, const HttpResponse& response);
  void server_error(const CallPtr& call, const HttpResponse& response);
  // After a back-off, unless the call's time is up or it has had all its tries.
  [[nodiscard]] bool retry(const CallPtr& call, std::optional<Duration> at_least = std::nullopt);
  void again(const CallPtr& call);  // at once, before all that wait
  void finish(const CallPtr& call, Result<HttpResponse> result);
  void fail(const CallPtr& call, const Error& error);
  // The breaker, or null when the call is to a server that is no longer the configured one.
  [[nodiscard]] Breaker* breaker(const CallPtr& call) const;

  void probe();
  void breaker_changed(bool open);
  void pause(Duration length);
  [[nodiscard]] Duration pause_left() const;
  [[nodiscard]] Duration backoff(int tries);
  // Fails the calls that can't outlast the server's pause.
  void fail_impatient();
  [[nodiscard]] Error open_error() const;
  void tell_available();

  HttpClient& http_;
  Loop& loop_;
  Log log_;
  GiteaOptions options_;
  std::mt19937_64 random_;
  std::shared_ptr<Server> server_;
  std::unique_ptr<Breaker> breaker_;
  std::string last_failure_;
  std::deque<CallPtr> queue_;
  std::size_t in_flight_ = 0;
  std::unordered_map<Call*, Timer> backing_off_;
  std::unordered_map<std::uint64_t, Timer> later_;
  std::uint64_t last_later_ = 0;
  MonotonicTime paused_until_{};
  Timer pause_timer_;
  bool waiting_ = false;
  bool closed_ = false;
  bool was_available_ = true;
  std::uint64_t configured_ = 0;
  std::function<void(bool)> handler_;
  std::function<void(const RepoName&, const RepoName&)> renamed_handler_;
  GiteaStats stats_;
};

}  // namespace host
