// SPDX-License-Identifier: Apache-2.0
#include "http/server_session.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/serializer.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <optional>
#include <utility>

#include "http/url.hpp"

namespace host {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;

using Message = http::request<http::string_body>;
using Answer = http::response<http::string_body>;

std::string text(boost::beast::string_view view) { return {view.data(), view.size()}; }

ServerRequest to_request(Message& message, const HttpPeer& peer) {
  ServerRequest request;
  request.method = text(message.method_string());
  request.target = text(message.target());
  const auto mark = request.target.find('?');
  request.path = request.target.substr(0, mark);
  std::string_view rest = request.path;
  while (!rest.empty()) {
    const auto slash = rest.find('/');
    if (slash != 0) request.segments.push_back(percent_decode(rest.substr(0, slash)));
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  }
  rest = mark == std::string::npos ? std::string_view{}
                                   : std::string_view(request.target).substr(mark + 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto pair = rest.substr(0, end);
    const auto equals = std::min(pair.find('='), pair.size());
    const auto value = pair.substr(std::min(equals + 1, pair.size()));
    if (!pair.empty())
      request.query[percent_decode(pair.substr(0, equals), true)] = percent_decode(value, true);
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  for (const auto& field : message) {
    std::string name = text(field.name_string());
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request.headers.emplace_back(std::move(name), text(field.value()));
  }
  request.body = std::move(message.body());
  request.peer = peer;
  return request;
}

// Which answer a request that could not be read deserves; nullopt: none, the peer has gone.
std::optional<http::status> refusal(const error_code& failed) {
  if (failed == http::error::body_limit) return http::status::payload_too_large;
  if (failed == http::error::header_limit) return http::status::request_header_fields_too_large;
  if (failed == http::error::end_of_stream || failed == http::error::partial_message)
    return std::nullopt;
  if (failed.category() == http::make_error_code(http::error::bad_method).category())
    return http::status::bad_request;
  return std::nullopt;
}

class Session final : public HttpSession, public std::enable_shared_from_this<Session> {
 public:
  Session(Socket socket, HttpPeer peer, std::shared_ptr<const Owner> owner)
      : socket_(std::move(socket)),
        timer_(socket_.get_executor()),
        peer_(std::move(peer)),
        owner_(std::move(owner)),
        buffer_(owner_->limits.header_bytes + owner_->limits.body_bytes + kSlack) {}

  void start() override { wait_for_request(); }

  void finish() override {
    last_ = true;
    if (state_ == State::idle) abort();
  }

  void abort() override {
    if (state_ == State::closed) return;
    state_ = State::closed;
    error_code ignored;
    socket_.shutdown(Socket::shutdown_both, ignored);
    socket_.close(ignored);
    timer_.cancel();
    stream_.reset();
    seat_.reset();
    tell_gone();
    owner_->closed(*this);
  }

  [[nodiscard]] bool idle() const override { return state_ == State::idle && answers_ > 0; }
  [[nodiscard]] TimePoint idle_since() const override { return idle_since_; }
  [[nodiscard]] bool unadmitted() const override {
    return owner_->admission && !admitted_ && (state_ == State::idle || state_ == State::receiving);
  }

 private:
  enum class State { idle, receiving, answering, sending, streaming, lingering, closed };
  // Beast's buffer holds what was read ahead too.
  static constexpr std::size_t kSlack = 4096;
  static constexpr auto kLinger = std::chrono::seconds(2);

  template <class OnLate>
  void deadline(Duration limit, OnLate on_late) {
    timer_.expires_after(limit);
    timer_.async_wait([self = shared_from_this(), on_late](const error_code& failed) {
      // A wait that ended just before it was moved still comes here.
      if (!failed && self->timer_.expiry() <= asio::steady_timer::clock_type::now()) on_late(*self);
    });
  }

  // Nobody waits for the answer any more.
  void tell_gone() {
    if (auto gone = std::exchange(gone_, nullptr)) asio::post(socket_.get_executor(), gone);
  }

  void wait_for_request() {
    if (last_) return abort();
    state_ = State::idle;
    idle_since_ = TimePoint::clock::now();
    seat_.reset();
    admitted_ = false;
    if (buffer_.size() > 0) return receive();
    deadline(answers_ > 0 ? owner_->limits.idle_time : owner_->limits.receive_time,
             [](Session& self) { self.abort(); });
    socket_.async_wait(Socket::wait_read, [self = shared_from_this()](const error_code& failed) {
      if (self->state_ != State::idle) return;
      if (failed) return self->abort();
      self->receive();
    });
    if (answers_ > 0) owner_->idle();
  }

  void receive() {
    state_ = State::receiving;
    slow_ = false;
    parser_.emplace();
    parser_->header_limit(static_cast<std::uint32_t>(owner_->limits.header_bytes));
    parser_->body_limit(owner_->limits.body_bytes);
    deadline(owner_->limits.receive_time, [](Session& self) { self.too_slow(); });
    http::async_read_header(socket_, buffer_, *parser_,
                            [self = shared_from_this()](const error_code& failed, std::size_t) {
                              self->received_head(failed);
                            });
  }

  void received_head(const error_code& no_head) {
    if (state_ != State::receiving) return;
    if (no_head) return received(no_head);
    if (slow_ && !parser_->is_done()) return refuse(http::status::request_timeout);
    if (owner_->admission) {
      if (auto refusal = admit()) return refuse(std::move(*refusal));
      admitted_ = true;
    }
    if (parser_->is_done()) return received(no_head);
    http::async_read(socket_, buffer_, *parser_,
                     [self = shared_from_this()](const error_code& failed, std::size_t) {
                       self->received(failed);
                     });
  }

  std::optional<ServerResponse> admit() {
    try {
      return owner_->admission(to_request(parser_->get(), peer_), seat_);
    } catch (...) {
      return ServerResponse{500, {}, "", std::nullopt, nullptr};
    }
  }

  void received(const error_code& failed) {
    if (state_ != State::receiving) return;
    if (failed && slow_) return refuse(http::status::request_timeout);
    if (failed) {
      const auto status = refusal(failed);
      return status ? refuse(*status) : abort();
    }
    Message message = parser_->release();
    keep_ = message.keep_alive();
    method_ = message.method();
    version_ = message.version();
    handle(to_request(message, peer_));
  }

  void too_slow() {
    if (buffer_.size() == 0 && !parser_->got_some()) return abort();
    slow_ = true;
    // Never answered beside a read: one that has its bytes already isn't cancelled by this, and
    // goes on to read more into the buffer. The answer is given where the read ends.
    deadline(kLinger, [](Session& self) { self.abort(); });
    error_code ignored;
    socket_.cancel(ignored);
  }

  void refuse(http::status status) {
    refuse({static_cast<int>(status), {}, "", std::nullopt, nullptr});
  }

  void refuse(ServerResponse response) {
    last_ = refused_ = true;
    seat_.reset();
    method_ = http::verb::get;
    reply(std::move(response));
  }

  void handle(ServerRequest request) {
    state_ = State::answering;
    const auto number = ++answers_;
    deadline(owner_->limits.answer_time, [number](Session& self) {
      self.last_ = true;
      self.tell_gone();
      self.respond(number, {504, {}, "", std::nullopt});
    });
    const HttpServer::Respond respond = [weak = weak_from_this(), number](ServerResponse response) {
      if (const auto self = weak.lock()) self->respond(number, std::move(response));
    };
    request.watch_peer = [weak = weak_from_this(), number](std::function<void()> gone) {
      const auto self = weak.lock();
      if (!self || self->state_ != State::answering || number != self->answers_) return;
      self->gone_ = std::move(gone);
      self->watch_peer();
    };
    try {
      owner_->handler(std::move(request), respond);
    } catch (...) {
      respond({500, {}, "", std::nullopt});
    }
  }

  void respond(std::uint64_t number, ServerResponse response) {
    if (state_ != State::answering || number != answers_) return;
    if (response.raw) return misbehave(std::move(*response.raw));
    reply(std::move(response));
  }

  void watch_peer() {
    socket_.async_wait(Socket::wait_read, [self = shared_from_this(),
                                           number = answers_](const error_code& failed) {
      const bool waits = self->state_ == State::answering || self->state_ == State::streaming ||
                         self->state_ == State::sending;
      if (failed || !waits || number != self->answers_) return;
      char byte = 0;
      const auto size = ::recv(self->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
      if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) return self->abort();
      // Its next request is here already; whether it goes behind that can't be seen.
      if (size < 0) self->watch_peer();
    });
  }

  void reply(ServerResponse response) {
    if (response.stream) return start_stream(std::move(response));
    state_ = State::sending;
    answer_.emplace();
    answer_->version(version_);
    answer_->result(static_cast<unsigned>(response.status));
    for (const auto& [name, value] : response.headers) answer_->insert(name, value);
    answer_->keep_alive(keep_ && !last_);
    answer_->body() = std::move(response.body);
    answer_->prepare_payload();
    if (method_ == http::verb::head) answer_->body().clear();
    deadline(owner_->limits.send_time, [](Session& self) { self.abort(); });
    http::async_write(
        socket_, *answer_,
        [self = shared_from_this()](const error_code& failed, std::size_t) { self->sent(failed); });
  }

  void start_stream(ServerResponse response) {
    state_ = State::streaming;
    stream_ = std::move(response.stream);
    auto head = std::make_shared<http::response<http::empty_body>>();
    head->version(version_);
    head->result(static_cast<unsigned>(response.status));
    for (const auto& [name, value] : response.headers) head->insert(name, value);
    // HTTP/1.0 has no chunks: there, the body ends with the connection.
    chunked_ = version_ >= 11;
    more_ = keep_ && !last_ && chunked_;
    head->keep_alive(more_);
    head->chunked(chunked_);
    if (method_ == http::verb::head) stream_.reset();
    if (!gone_) watch_peer();
    deadline(owner_->limits.send_time, [](Session& self) { self.abort(); });
    auto writer = std::make_shared<http::response_serializer<http::empty_body>>(*head);
    http::async_write_header(
        socket_, *writer,
        [self = shared_from_this(), head, writer](const error_code& failed, std::size_t) {
          if (self->state_ != State::streaming) return;
          if (failed) return self->abort();
          self->stream_ ? self->next_piece() : self->stream_sent();
        });
  }

  void next_piece() {
    timer_.cancel();
    stream_->next([weak = weak_from_this(), number = answers_](std::string piece) {
      const auto self = weak.lock();
      if (!self || self->state_ != State::streaming || number != self->answers_) return;
      self->send_piece(std::move(piece));
    });
  }

  void send_piece(std::string piece) {
    const bool last = piece.empty();
    if (last && !chunked_) return stream_sent();
    raw_ = std::move(piece);
    if (chunked_) {
      std::array<char, 20> size{};
      const auto end = std::to_chars(size.data(), size.data() + size.size(), raw_.size(), 16).ptr;
      raw_.insert(0, std::string(size.data(), end) + "\r\n").append("\r\n");
    }
    deadline(owner_->limits.send_time, [](Session& self) { self.abort(); });
    asio::async_write(socket_, asio::buffer(raw_),
                      [self = shared_from_this(), last](const error_code& failed, std::size_t) {
                        if (self->state_ != State::streaming) return;
                        if (failed) return self->abort();
                        last ? self->stream_sent() : self->next_piece();
                      });
  }

  void stream_sent() {
    stream_.reset();
    gone_ = nullptr;
    if (!more_) return abort();
    wait_for_request();
  }

  void sent(const error_code& failed) {
    if (state_ != State::sending) return;
    const bool more = !failed && answer_->keep_alive();
    answer_.reset();
    gone_ = nullptr;
    if (refused_ && !failed) return linger();
    if (!more) return abort();
    wait_for_request();
  }

  // Closing while the peer still sends would reset the connection and take our answer with it.
  void linger() {
    state_ = State::lingering;
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    deadline(kLinger, [](Session& self) { self.abort(); });
    discard();
  }

  void discard() {
    buffer_.clear();
    socket_.async_read_some(buffer_.prepare(kSlack),
                            [self = shared_from_this()](const error_code& failed, std::size_t) {
                              if (self->state_ != State::lingering) return;
                              if (failed) return self->abort();
                              self->discard();
                            });
  }

  void misbehave(std::string bytes) {
    state_ = State::sending;
    raw_ = std::move(bytes);
    deadline(owner_->limits.send_time, [](Session& self) { self.abort(); });
    asio::async_write(socket_, asio::buffer(raw_),
                      [self = shared_from_this()](const error_code&, std::size_t) {
                        if (self->state_ == State::sending) self->abort();
                      });
  }

  Socket socket_;
  asio::steady_timer timer_;
  HttpPeer peer_;
  std::shared_ptr<const Owner> owner_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<Answer> answer_;
  std::string raw_;
  std::shared_ptr<ServerStream> stream_;
  std::function<void()> gone_;
  std::shared_ptr<void> seat_;  // the admission's
  bool admitted_ = false;
  bool chunked_ = true;
  bool more_ = true;  // requests, after the stream
  http::verb method_ = http::verb::get;
  unsigned version_ = 11;
  bool keep_ = true;
  bool last_ = false;
  State state_ = State::idle;
  bool refused_ = false;
  bool slow_ = false;  // the request that comes now came too slowly
  TimePoint idle_since_{};
  std::uint64_t answers_ = 0;
};

}  // namespace

std::shared_ptr<HttpSession> make_session(HttpSession::Socket socket, HttpPeer peer,
                                          std::shared_ptr<const HttpSession::Owner> owner) {
  return std::make_shared<Session>(std::move(socket), std::move(peer), std::move(owner));
}

}  // namespace host
