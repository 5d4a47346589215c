// SPDX-License-Identifier: Apache-2.0
//
// What a request came to: done, over, in another place, or to be sent again.
#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/redactor.hpp"
#include "gitea/api_path.hpp"
#include "gitea/failure.hpp"
#include "gitea/redirect.hpp"
#include "gitea/transport.hpp"
#include "http/retry_after.hpp"

namespace host {
namespace {

// How long a refused token that has not changed is not tried again.
constexpr Duration kRefusedToken = std::chrono::seconds(30);

bool idempotent(const std::string& method) { return method != "POST" && method != "PATCH"; }

// A server, or what stands before it, that echoes requests must not carry the token into errors,
// and from there into jobs, the database and plugins. Other secrets of this host are none that it
// was ever sent: a word that happens to be one stays what it is.
void scrub(HttpResponse& response, const Redactor& redactor) {
  response.body = redactor.scrub_json(response.body);
  for (auto& [name, value] : response.headers) value = redactor.scrub_known(value);
}

}  // namespace

void Transport::received(const CallPtr& call, Result<HttpResponse> result) {
  if (closed_) return;
  --in_flight_;
  if (result.ok()) {
    auto response = std::move(result).value();
    scrub(response, call->server->sent_tokens);
    judge(call, std::move(response));
  } else {
    connection_failed(call, result.error());
  }
  pump();
}

void Transport::connection_failed(const CallPtr& call, const Error& error) {
  Breaker* guard = breaker(call);
  const bool changes = call->request.method != "GET";
  if (changes && *call->sent) call->maybe_applied = true;
  if (error.code() == Code::too_large) {
    if (guard != nullptr) guard->succeeded();
    return fail(call, error);
  }
  if (!error.transient() && error.code() != Code::denied) {
    if (guard != nullptr) guard->undecided();
    return fail(call, error);
  }
  ++stats_.failures;
  last_failure_ = error.message();
  if (guard != nullptr) guard->failed();
  const bool safe = idempotent(call->request.method) || !*call->sent;
  if (!error.transient() || !safe || !retry(call)) fail(call, error);
}

void Transport::judge(const CallPtr& call, HttpResponse response) {
  if (response.status >= 500) return server_error(call, response);
  if (Breaker* guard = breaker(call)) guard->succeeded();
  if (response.status == 429) return limited(call, response);
  if (response.status == 401 && call->generation) return unauthorised(call, response);
  if (is_redirect(response.status)) return moved(call, response);
  if (response.status < 200 || response.status > 299)
    return fail(call, classify(response, call->request.what));
  if (call->generation) {
    call->server->authorised = true;
    call->server->refused_generation = 0;
  }
  finish(call, std::move(response));
}

void Transport::unauthorised(const CallPtr& call, const HttpResponse& response) {
  auto& server = *call->server;
  try {
    (void)server.tokens.get();
  } catch (...) {
    server.authorised = false;
    return fail(call, current_error());
  }
  if (server.tokens.generation() != *call->generation && !std::exchange(call->token_renewed, true))
    return again(call);
  if (std::exchange(server.authorised, false))
    log_.warn(
        "{} does not take the token in {}; it is not asked with it again before the file "
        "changes, but for a trial now and then",
        server.url.origin, server.tokens.file().string());
  server.refused_generation = *call->generation;
  server.ask_again_at = loop_.clock().monotonic() + kRefusedToken;
  fail(call, classify(response, call->request.what));
}

void Transport::moved(const CallPtr& call, const HttpResponse& response) {
  const std::string* location = response.header("location");
  const auto path =
      location == nullptr ? std::nullopt : redirected_path(call->server->url, *location);
  if (!path)
    return fail(call, Error(Code::denied,
                            "the server sends requests on to " +
                                (location == nullptr ? std::string("nowhere") : *location) +
                                ", where the token is not sent",
                            "Set gitea.url to where the server really is."));
  if (std::exchange(call->redirected, true))
    return fail(call, Error(Code::invalid, "the server sends requests on more than once"));
  const auto from = repo_in(call->path), to = repo_in(*path);
  const bool told = from && to && *from != *to && renamed_handler_;
  if (!told)
    log_.warn("{}: {} is now {}; change the configured name", call->request.what, call->path,
              *path);
  call->path = *path;
  again(call);
  if (told) renamed_handler_(*from, *to);
}

void Transport::limited(const CallPtr& call, const HttpResponse& response) {
  ++stats_.rate_limited;
  const std::string* header = response.header("retry-after");
  const auto asked =
      header == nullptr ? std::nullopt : parse_retry_after(*header, loop_.clock().wall());
  const Duration least = std::chrono::seconds(1);
  pause(asked && *asked > Duration::zero() ? *asked : std::max(least, backoff(++call->pauses)));
  --call->tries;
  again(call);
}

void Transport::server_error(const CallPtr& call, const HttpResponse& response) {
  const Error error = classify(response, call->request.what);
  ++stats_.failures;
  last_failure_ = error.message();
  const bool inside = response.status == 500;
  if (Breaker* guard = breaker(call)) {
    // Nothing can be wrong with the object of kVersionPath.
    if (inside && call->path != kVersionPath)
      guard->failed_on(object_in(call->path));
    else
      guard->failed();
  }
  const std::string& method = call->request.method;
  if (method != "GET") call->maybe_applied = true;
  // Servers answer 500 to some requests that will never succeed.
  const bool hopeless = inside && (method != "GET" || std::exchange(call->failed_inside, true));
  const std::string* header = response.header("retry-after");
  const auto asked =
      header == nullptr ? std::nullopt : parse_retry_after(*header, loop_.clock().wall());
  if (hopeless || !idempotent(method) || !retry(call, asked)) fail(call, error);
}

bool Transport::retry(const CallPtr& call, std::optional<Duration> at_least) {
  if (call->is_probe || call->tries >= options_.attempts) return false;
  if (breaker_->open()) return false;
  const Duration delay = std::max(backoff(call->tries), at_least.value_or(Duration::zero()));
  if (loop_.clock().monotonic() + delay >= call->end) return false;
  ++stats_.retries;
  backing_off_[call.get()] = loop_.after(delay, [weak = weak_from_this(), call] {
    const auto self = weak.lock();
    if (!self) return;
    const CallPtr kept = call;
    self->backing_off_.erase(kept.get());
    self->enqueue(kept);
  });
  return true;
}

Duration Transport::backoff(int tries) {
  Duration longest = options_.backoff_base;
  for (int i = 1; i < tries && longest < options_.backoff_cap; ++i) longest *= 2;
  longest = std::min(longest, options_.backoff_cap);
  std::uniform_int_distribution<Duration::rep> part(0, longest.count());
  return Duration(part(random_));
}

}  // namespace host
