// SPDX-License-Identifier: Apache-2.0
#include "gitea/transport.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "gitea/failure.hpp"

namespace host {
namespace {

// A pause that the server asks for is waited out inside a call up to this.
constexpr Duration kPatience = std::chrono::seconds(15);
constexpr std::size_t kBodyCap = std::size_t{16} << 20;

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
    server = std::make_shared<Server>(
        normalise_server_url(options.url, options.allow_plaintext),
        TokenSource(options.token_files, log_.redactor(), "Gitea token", &loop_.clock()));
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
    if (!std::exchange(server.token_gone, server.tokens.gone()) && server.token_gone)
      log_.warn("{} is gone, or empty; its token is used for {} more",
                server.tokens.file().string(), format_duration(kTokenGrace));
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
  call->request.path = call->path = kVersionPath;
  call->request.what = "trying the server again";
  call->is_probe = true;
  call->server = server_;
  call->end = loop_.clock().monotonic() + options_.call_limit;
  again(call);
  pump();
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
