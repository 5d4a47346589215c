// SPDX-License-Identifier: Apache-2.0
#include "tokens/meter_call.hpp"

#include <utility>

#include "base/error.hpp"

namespace host {
namespace {

constexpr std::size_t kReplyCap = std::size_t{32} << 20;
// What a client is shown of an upstream's own words about what went wrong.
constexpr std::size_t kFailureCap = std::size_t{64} << 10;
// How much older an answer may be than the last one that was told of.
constexpr Duration kAnswersToldEvery = std::chrono::milliseconds(200);
// Seconds after which a client may ask again for what others hold. Clients that ask twice more by
// themselves, as OpenAI's do, so have most short calls behind them.
constexpr const char* kAskAgainAfter = "10";

class StreamedAnswer final : public ServerStream {
 public:
  explicit StreamedAnswer(std::shared_ptr<MeterCall> call) : call_(std::move(call)) {}
  ~StreamedAnswer() override { call_->client_gone(); }
  void next(std::function<void(std::string)> give) override { call_->next_piece(std::move(give)); }

 private:
  std::shared_ptr<MeterCall> call_;
};

bool is_stream(const HttpResponse& reply) {
  const auto* type = reply.header("content-type");
  return type != nullptr && folded(*type).starts_with("text/event-stream");
}

const WireError kLate{504, "server_error", "call_timeout", "the call got no answer in time"};

std::string to_event(const WireError& error) {
  return to_text(SseEvent{{}, to_text(error.json()), false});
}

}  // namespace

ServerResponse json_answer(int status, const Json& body) {
  return {status, {{"content-type", "application/json"}}, to_text(body), std::nullopt, nullptr};
}

ServerResponse error_answer(const WireError& error, bool charged) {
  auto answer = json_answer(error.status, error.json());
  if (charged || error.code == "insufficient_quota" || error.code == "ledger_unavailable")
    answer.headers.emplace_back("x-should-retry", "false");
  if (error.type == "tokens") answer.headers.emplace_back("retry-after", kAskAgainAfter);
  return answer;
}

void RunSignals::answered(MonotonicTime now) {
  const bool is_news =
      std::exchange(refused_, false) || !told_ || now - *told_ >= kAnswersToldEvery;
  if (!signs_.answered || !is_news) return;
  told_ = now;
  post_(signs_.answered);
}

void RunSignals::refused(const Error& why) {
  refused_ = true;
  if (signs_.refused)
    post_([tell = signs_.refused, why, others = with_model_ > 0] { tell(why, others); });
}

void RunSignals::forwarded() {
  if (with_model_++ == 0) tell_with_model(true);
}

void RunSignals::returned() {
  if (--with_model_ == 0) tell_with_model(false);
}

void RunSignals::tell_with_model(bool any) {
  if (refused_ && signs_.with_model) post_([tell = signs_.with_model, any] { tell(any); });
}

MeterCall::MeterCall(const MeterParts& parts, CallTerms terms, PreparedCall call,
                     HttpServer::Respond respond)
    : parts_(parts),
      terms_(std::move(terms)),
      call_(std::move(call)),
      respond_(std::move(respond)) {}

void MeterCall::answer_in_time() {
  late_ = parts_.loop->after(parts_.options->answer_time, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->cut(kLate);
  });
}

void MeterCall::start(std::function<void()> ended) {
  left_ = nullptr;
  if (state_ == State::ended) return ended();
  ended_ = std::move(ended);
  state_ = State::holding;
  try {
    authorization_ = parts_.keys->authorization(*terms_.route).value_or("");
  } catch (const Error& error) {
    parts_.log.error("run {}: {}", terms_.run, error.what());
    return refuse({503, "server_error", "no_credential",
                   "the host has no usable credential for the route \"" + terms_.route->name +
                       "\"; its log says why"});
  }
  call_.ask.caps = terms_.caps;
  parts_.ledger->hold(terms_.reservation, call_.ask, [weak = weak_from_this()](Result<Hold> hold) {
    if (const auto self = weak.lock()) self->held(std::move(hold));
  });
}

void MeterCall::held(Result<Hold> hold) {
  if (state_ != State::holding) return;
  if (!hold.ok()) {
    parts_.log.debug("run {}: {}", terms_.run, hold.error().what());
    const auto why = hold_error(hold.error());
    if (why.status == 429 || hold.error().code() == Code::unavailable)
      terms_.signals->refused(hold.error());
    return refuse(why);
  }
  hold_ = hold.value();
  if (gone_ || cut_) return end(std::nullopt);
  forward();
}

void MeterCall::forward() {
  state_ = State::forwarded;
  terms_.signals->forwarded();
  HttpRequest request;
  request.method = "POST";
  request.url = upstream_url(
      *terms_.route, call_.kind == ModelCallKind::chat ? "/chat/completions" : "/embeddings");
  request.headers = {{"content-type", "application/json"},
                     {"accept", call_.stream ? "text/event-stream" : "application/json"}};
  if (!authorization_.empty()) request.headers.emplace_back("authorization", authorization_);
  request.body = call_.body(hold_->output);
  call_.request = JsonObjectText("{}");  // of megabytes; sent, it is of no use
  request.timeout = parts_.options->call_time;
  request.silence = parts_.options->silence;
  request.sent = sent_;
  body_ =
      parts_.http->open(std::move(request), [weak = weak_from_this()](Result<HttpResponse> head) {
        if (const auto self = weak.lock()) self->take_head(std::move(head));
      });
}

void MeterCall::take_head(Result<HttpResponse> head) {
  if (state_ != State::forwarded) return;
  if (!head.ok()) {
    parts_.log.warn("run {}: {}", terms_.run, head.error().what());
    return refuse(upstream_error(head.error()));
  }
  reply_ = std::move(head).value();
  if (call_.stream && reply_.status / 100 == 2 && is_stream(reply_)) return start_stream(reply_);
  read_whole();
}

void MeterCall::start_stream(const HttpResponse& head) {
  state_ = State::streaming;
  late_.cancel();
  watch_.emplace(ReplyTerms{call_.model.provider, call_.choices, call_.usage_wanted, *hold_},
                 terms_.routes->banned);
  ServerResponse answer{head.status,
                        {{"content-type", "text/event-stream"}, {"cache-control", "no-cache"}},
                        {},
                        std::nullopt,
                        std::make_shared<StreamedAnswer>(shared_from_this())};
  std::exchange(respond_, nullptr)(std::move(answer));
}

void MeterCall::read_whole() {
  body_->read([weak = weak_from_this()](Result<std::string> bytes) {
    const auto self = weak.lock();
    if (!self || self->state_ != State::forwarded) return;
    if (!bytes.ok()) {
      self->parts_.log.warn("run {}: {}", self->terms_.run, bytes.error().what());
      return self->refuse(upstream_error(bytes.error()));
    }
    if (bytes.value().empty()) return self->take_whole();
    self->reply_.body += bytes.value();
    const bool failed = self->reply_.status / 100 != 2;
    if (self->reply_.body.size() <= (failed ? kFailureCap : kReplyCap)) return self->read_whole();
    if (failed) return self->take_whole();
    self->refuse({502, "server_error", "upstream_failed", "the upstream's reply is too large"});
  });
}

void MeterCall::take_whole() {
  const auto text = parts_.keys->scrub(std::exchange(reply_.body, {}));
  if (reply_.status / 100 == 2)
    answer_success(text);
  else
    answer_failure(text);
}

void MeterCall::answer_success(const std::string& text) {
  CallEnd ended{.sent = true};
  std::optional<WireError> refusal;
  try {
    const auto reply = read_reply(text);
    ended.usage = reply.usage;
    refusal = reply_refusal(reply.body, call_.model.provider, terms_.routes->banned);
    if (call_.stream)
      refusal = WireError{502, "server_error", "upstream_failed",
                          "the upstream did not stream its reply"};
  } catch (const Error& error) {
    refusal = upstream_error(error);
  }
  if (!refusal) answered();
  auto answer =
      refusal
          ? error_answer(*refusal, true)
          : ServerResponse{
                reply_.status, {{"content-type", "application/json"}}, text, std::nullopt, nullptr};
  std::exchange(respond_, nullptr)(std::move(answer));
  end(settlement_of(ended));
}

// The host's own key is not the client's affair: 401 would tell it that its own is wrong.
void MeterCall::answer_failure(const std::string& text) {
  const int status = reply_.status;
  const bool passes = status >= 400 && status != 401 && status != 407;
  const auto settlement = settlement_of(failed_end(status, text));
  auto answer = error_answer({passes ? status : 502, "server_error", "upstream_failed",
                              "the upstream of the route \"" + terms_.route->name +
                                  "\" answered with status " + std::to_string(status)},
                             settlement.has_value());
  if (passes && text.starts_with('{')) answer.body = text;
  if (const auto* pause = reply_.header("retry-after"); pause != nullptr && passes)
    answer.headers.emplace_back("retry-after", *pause);
  parts_.log.warn("run {}: the route {} answered with status {}", terms_.run, terms_.route->name,
                  status);
  std::exchange(respond_, nullptr)(std::move(answer));
  end(settlement);
}

void MeterCall::next_piece(std::function<void(std::string)> give) {
  if (state_ != State::streaming) return give(cut_ ? to_event(*std::exchange(cut_, {})) : "");
  give_ = std::move(give);
  body_->read([weak = weak_from_this()](Result<std::string> bytes) {
    const auto self = weak.lock();
    if (self && self->state_ == State::streaming) self->take_bytes(bytes);
  });
}

void MeterCall::take_bytes(const Result<std::string>& bytes) {
  std::string out;
  try {
    if (bytes.value().empty()) {
      take_events(reader_.finish(), out);
      if (state_ == State::streaming) end_stream(out, watch_->finish());
    } else {
      take_events(reader_.read(bytes.value()), out);
    }
  } catch (const Error& error) {
    parts_.log.warn("run {}: {}", terms_.run, error.what());
    end_stream(out, upstream_error(error));
  }
  if (!out.empty() || state_ != State::streaming) return give(std::move(out));
  next_piece(std::exchange(give_, nullptr));
}

void MeterCall::take_events(const std::vector<SseEvent>& events, std::string& out) {
  for (auto event : events) {
    if (event.comment) {
      out += to_text(event);
      continue;
    }
    const auto verdict = watch_->take(event.data);
    event.data = parts_.keys->scrub(event.data);
    event.name = parts_.keys->scrub(event.name);
    if (verdict.pass) out += to_text(event);
    if (!verdict.cut && !verdict.done) answered();
    if (verdict.cut || verdict.done) return end_stream(out, verdict.cut);
  }
}

void MeterCall::end_stream(std::string& out, const std::optional<WireError>& why) {
  if (why) {
    parts_.log.warn("run {}: {}", terms_.run, why->message);
    out += to_event(*why);
  }
  end(watch_->settlement());
}

void MeterCall::give(std::string piece) {
  if (const auto give = std::exchange(give_, nullptr)) give(std::move(piece));
}

void MeterCall::refuse(const WireError& why) {
  const auto settlement = settlement_of({.sent = *sent_});
  if (respond_) std::exchange(respond_, nullptr)(error_answer(why, settlement.has_value()));
  end(settlement);
}

void MeterCall::client_gone() {
  gone_ = true;
  if (state_ == State::waiting) end(std::nullopt);
  if (state_ == State::forwarded) end(settlement_of({.sent = *sent_}));
  if (state_ == State::streaming) end(watch_->settlement());
}

void MeterCall::cut(const WireError& why) {
  if (state_ == State::ended || cut_) return;
  cut_ = why;
  const bool charged = state_ == State::forwarded && settlement_of({.sent = *sent_}).has_value();
  if (respond_) std::exchange(respond_, nullptr)(error_answer(why, charged));
  const bool streamed = state_ == State::streaming;
  client_gone();
  if (streamed && give_) give(to_event(*std::exchange(cut_, {})));
}

// Without a hold there is nothing to tell the ledger.
void MeterCall::end(std::optional<Settlement> settlement) {
  if (state_ == State::ended) return;
  const auto was = std::exchange(state_, State::ended);
  late_.cancel();
  body_.reset();
  if (was == State::forwarded || was == State::streaming) terms_.signals->returned();
  if (const auto left = std::exchange(left_, nullptr)) left();
  auto ended = std::exchange(ended_, nullptr);
  if (!hold_) return ended ? ended() : void();
  end_hold(*parts_.ledger, hold_->id, settlement,
           [log = parts_.log, run = terms_.run, ended = std::move(ended)](const Status& told) {
             if (!told.ok()) log.error("run {}: a hold stays open: {}", run, told.error().what());
             if (ended) ended();
           });
}

void MeterCall::abandon() {
  state_ = State::ended;
  late_.cancel();
  body_.reset();
  give_ = nullptr;
  left_ = nullptr;
  ended_ = nullptr;
}

}  // namespace host
