// SPDX-License-Identifier: Apache-2.0
#include "gitea/transport.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/redactor.hpp"
#include "gitea/failure.hpp"
#include "gitea/redirect.hpp"
#include "http/retry_after.hpp"

namespace host {
namespace {

// A pause that the server asks for is waited out inside a call up to this.
constexpr Duration kPatience = std::chrono::seconds(15);
// How long a refused token that has not changed is not tried again.
constexpr Duration kRefusedToken = std::chrono::seconds(30);
constexpr std::size_t kBodyCap = std::size_t{16} << 20;

bool idempotent(const std::string& method) { return method != "POST" && method != "PATCH"; }

// A server, or what stands before it, that echoes requests must not carry the token into errors,
// and from there into jobs, the database and plugins. Other secrets of this host are none that it
// was ever sent: a word that happens to be one stays what it is.
void scrub(HttpResponse& response, const Redactor& redactor) {
  response.body = redactor.scrub_json(response.body);
  for (auto& [name, value] : response.headers) value = redactor.scrub_known(value);
}

}  // namespace

Transport::Transport(HttpClient& http, Loop& loop, Log log)
    : http_(http), loop_(loop), log_(std::move(log)) {}

void Transport::close() {
  closed_ = true;
  queue_.clear();
  backing_off_.clear();
  later_.clear();
  pause_timer_.cancel();
  breaker_.reset();
}

void Transport::configure(const GiteaOptions& options) {
  std::shared_ptr<Server> server;
  if (!options.url.empty())
    server = std::make_shared<Server>(normalise_server_url(options.url, options.allow_plaintext),
                                      TokenSource(options.token_files, log_.redactor()));
  options_ = options;
  if (configured_++ == 0) random_.seed(options.seed != 0 ? options.seed : std::random_device{}());
  server_ = std::move(server);
  breaker_ = std::make_unique<Breaker>(
      loop_, random_,
      Breaker::Settings{options_.breaker_failures, options_.breaker_pause,
                        options_.breaker_pause_cap},
      [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->probe();
      },
      [this](bool open) { breaker_changed(open); });
  breaker_->set_waiting(waiting_);
  pause_timer_.cancel();
  paused_until_ = {};
  tell_available();
}

void Transport::call(ApiRequest request, ApiReply reply) {
  auto call = std::make_shared<Call>();
  call->path = request.path;
  call->request = std::move(request);
  call->reply = std::move(reply);
  call->server = server_;
  call->end = loop_.clock().monotonic() + options_.call_limit;
  loop_.post([weak = weak_from_this(), call] {
    if (const auto self = weak.lock()) self->enqueue(call);
  });
}

void Transport::post(std::function<void()> work) {
  loop_.post([weak = weak_from_this(), work = std::move(work)] {
    const auto self = weak.lock();
    if (self && !self->closed_) work();
  });
}

void Transport::later(Duration delay, std::function<void()> work) {
  const auto id = ++last_later_;
  later_[id] = loop_.after(delay, [weak = weak_from_this(), id, work = std::move(work)] {
    const auto self = weak.lock();
    if (!self || self->closed_) return;
    const auto run = work;  // outlives the timer that holds it
    self->later_.erase(id);
    run();
  });
}

void Transport::enqueue(const CallPtr& call) {
  if (closed_) return;
  if (!call->server)
    return fail(call, Error(Code::usage, "no Gitea server is configured",
                            "Set gitea.url in host.yaml, or GITEA_URL."));
  if (queue_.size() >= options_.queue_cap)
    return fail(call, Error(Code::unavailable, std::to_string(queue_.size()) +
                                                   " requests wait for this server already"));
  queue_.push_back(call);
  pump();
}

void Transport::pump() {
  while (!closed_ && in_flight_ < options_.in_flight && !queue_.empty()) {
    if (pause_left() > Duration::zero()) return fail_impatient();
    const auto call = queue_.front();
    queue_.pop_front();
    start(call);
  }
}

void Transport::start(const CallPtr& call) {
  if (loop_.clock().monotonic() >= call->end)
    return fail(call, Error(Code::timed_out, "its time was up before its turn came"));
  std::optional<std::string> token;
  try {
    token = authorise(call);
  } catch (...) {
    if (call->server == server_) call->server->authorised = false;
    return fail(call, current_error());
  }
  if (Breaker* guard = breaker(call); guard != nullptr && !guard->admit())
    return fail(call, open_error());
  send(call, token);
}

std::optional<std::string> Transport::authorise(const CallPtr& call) {
  auto& server = *call->server;
  call->generation.reset();
  if (call->is_probe) return std::nullopt;
  try {
    const Secret& token = server.tokens.get();
    const bool refused = server.tokens.generation() == server.refused_generation &&
                         loop_.clock().monotonic() < server.ask_again_at;
    if (refused)
      throw Error(Code::denied,
                  "the server does not take the token in " + server.tokens.file().string(),
                  "Write a valid token there; it is read again when it changes.");
    call->generation = server.tokens.generation();
    return token.expose();
  } catch (const Error&) {
    if (call->request.token_optional) return std::nullopt;
    throw;
  }
}

void Transport::send(const CallPtr& call, const std::optional<std::string>& token) {
  HttpRequest request;
  request.method = call->request.method;
  request.url = call->server->url.api() + call->path;
  request.headers = {{"Accept", "application/json"}, {"Accept-Language", "en"}};
  if (token) {
    call->server->sent_tokens.add(Secret(*token));
    request.headers.emplace_back("Authorization", "token " + *token);
  }
  if (!call->request.body.empty()) {
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = call->request.body;
  }
  request.timeout = std::min(options_.request_timeout, call->end - loop_.clock().monotonic());
  request.body_cap = kBodyCap;
  request.sent = call->sent = std::make_shared<bool>(false);
  ++call->tries;
  ++in_flight_;
  ++stats_.requests;
  http_.send(std::move(request), [weak = weak_from_this(), call](Result<HttpResponse> result) {
    if (const auto self = weak.lock()) self->received(call, std::move(result));
  });
}

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
  log_.warn("{}: {} is now {}; change the configured name", call->request.what, call->path, *path);
  const auto from = repo_in(call->path), to = repo_in(*path);
  call->path = *path;
  again(call);
  if (from && to && *from != *to && renamed_handler_) renamed_handler_(*from, *to);
}

void Transport::limited(const CallPtr& call, const HttpResponse& response) {
  ++stats_.rate_limited;
  const std::string* header = response.header("retry-after");
  const auto asked =
      header == nullptr ? std::nullopt : parse_retry_after(*header, loop_.clock().wall());
  const Duration least = std::chrono::seconds(1);
  pause(asked && *asked > Duration::zero() ? *asked : std::max(least, backoff(call->tries)));
  again(call);
}

void Transport::server_error(const CallPtr& call, const HttpResponse& response) {
  const Error error = classify(response, call->request.what);
  ++stats_.failures;
  last_failure_ = error.message();
  if (Breaker* guard = breaker(call)) guard->failed();
  const std::string& method = call->request.method;
  if (method != "GET") call->maybe_applied = true;
  const bool inside = response.status == 500;
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

void Transport::again(const CallPtr& call) { queue_.push_front(call); }

void Transport::fail(const CallPtr& call, const Error& error) {
  finish(call, with_context(call->request.what, error));
}

void Transport::finish(const CallPtr& call, Result<HttpResponse> result) {
  if (closed_) return;
  const bool unclear = !result.ok() && call->maybe_applied;
  if (auto reply = std::exchange(call->reply, nullptr)) reply({std::move(result), unclear});
}

Breaker* Transport::breaker(const CallPtr& call) const {
  return call->server == server_ ? breaker_.get() : nullptr;
}

void Transport::probe() {
  auto call = std::make_shared<Call>();
  call->request.path = call->path = "/version";
  call->request.what = "trying the server again";
  call->is_probe = true;
  call->server = server_;
  call->end = loop_.clock().monotonic() + options_.call_limit;
  again(call);
  pump();
}

void Transport::breaker_changed(bool open) {
  if (open) {
    ++stats_.breaker_opened;
    log_.warn("{} can't be used: {}; calls fail at once until it answers again",
              server_->url.origin, last_failure_);
  } else {
    log_.info("{} answers again", server_->url.origin);
  }
  tell_available();
}

void Transport::pause(Duration length) {
  paused_until_ = std::max(paused_until_, loop_.clock().monotonic() + length);
  log_.warn("{} asked for a pause of {}", server_ ? server_->url.origin : "the server",
            format_duration(std::max(pause_left(), Duration(1))));
  pause_timer_ = loop_.after(pause_left(), [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->tell_available();
    self->pump();
  });
  tell_available();
}

Duration Transport::pause_left() const {
  return std::max(Duration::zero(), Duration(paused_until_ - loop_.clock().monotonic()));
}

void Transport::fail_impatient() {
  const auto waiting = std::exchange(queue_, {});
  const Error error(Code::rate_limited,
                    "the server asked for a pause of " + format_duration(pause_left()) + " more",
                    "It is kept by itself; nothing to do.");
  for (const auto& call : waiting)
    if (!call->is_probe && (pause_left() > kPatience || call->end <= paused_until_))
      fail(call, error);
    else
      queue_.push_back(call);
}

Duration Transport::backoff(int tries) {
  Duration longest = options_.backoff_base;
  for (int i = 1; i < tries && longest < options_.backoff_cap; ++i) longest *= 2;
  longest = std::min(longest, options_.backoff_cap);
  std::uniform_int_distribution<Duration::rep> part(0, longest.count());
  return Duration(part(random_));
}

Error Transport::open_error() const {
  return {Code::unavailable, "the server can't be used at the moment (" + last_failure_ + ")",
          "It is tried again by itself; check that it runs and can be reached."};
}

bool Transport::available() const {
  return !server_ || (!breaker_->open() && pause_left() <= kPatience);
}

void Transport::set_waiting(bool waiting) {
  waiting_ = waiting;
  breaker_->set_waiting(waiting);
}

std::uint64_t Transport::identity() const {
  return (configured_ << 32) + (server_ ? server_->tokens.generation() : 0);
}

void Transport::tell_available() {
  const bool now = available();
  if (std::exchange(was_available_, now) == now || !handler_) return;
  loop_.post([weak = weak_from_this(), now] {
    const auto self = weak.lock();
    if (self && !self->closed_ && self->handler_) self->handler_(now);
  });
}

}  // namespace host
