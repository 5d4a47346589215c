// SPDX-License-Identifier: Apache-2.0
#include "runs/run_channel.hpp"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <utility>

namespace host::runs {

using boost::asio::local::stream_protocol;

// As workers/channel: asio only says when the socket is ready.
class RunChannel::Impl : public std::enable_shared_from_this<RunChannel::Impl> {
 public:
  Impl(boost::asio::io_context& context, Loop& loop, Fd socket, Events events)
      : loop_(loop),
        socket_(context, stream_protocol(), socket.release()),
        events_(std::make_shared<const Events>(std::move(events))) {
    socket_.native_non_blocking(true);
  }

  void wait_readable() {
    socket_.async_wait(stream_protocol::socket::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& failed) {
                         if (failed || self->closed_) return;
                         self->read();
                         if (!self->closed_) self->wait_or_pause();
                       });
  }

  void send_first(RunFrameType type, std::string_view body, const std::vector<int>& descriptors) {
    std::string frame;
    append_run_frame(frame, type, body);
    // The descriptors go with the first byte, whatever becomes of the rest.
    send_with_descriptors(socket_.native_handle(), std::string_view(frame).substr(0, 1),
                          descriptors);
    out_ = frame.substr(1);
    write_some();
  }

  void send(RunFrameType type, std::string_view body) {
    // A supervisor reads whatever it does else: one that has so much unread is as good as lost.
    if (closed_ || out_.size() > kRunFrameCap) return;
    append_run_frame(out_, type, body);
    if (!waiting_) write_some();
  }

  void close() {
    if (std::exchange(closed_, true)) return;
    pause_.cancel();
    boost::system::error_code ignored;
    socket_.close(ignored);
    // One of them may be running.
    boost::asio::post(socket_.get_executor(), [events = std::move(events_)] {});
  }

 private:
  void read() {
    const auto events = events_;
    const auto got = ::read(socket_.native_handle(), bytes_.data(), bytes_.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return lose(std::nullopt);
    taken_ += static_cast<std::size_t>(got);
    if (!pause_) pause_ = loop_.after(kReadPeriod, [this] { period_over(); });
    try {
      reader_.feed({bytes_.data(), static_cast<std::size_t>(got)});
      while (const auto frame = reader_.next()) {
        events->frame(*frame);
        if (closed_) return;
      }
    } catch (const Error& error) {
      if (!closed_) lose(error);
      return;
    }
    events->after_frames();
  }

  void wait_or_pause() {
    if (taken_ < kReadCap) return wait_readable();
    paused_ = true;
  }

  void period_over() {
    pause_ = {};
    taken_ = 0;
    if (std::exchange(paused_, false)) wait_readable();
  }

  void write_some() {
    while (!out_.empty()) {
      const auto sent =
          ::send(socket_.native_handle(), out_.data(), out_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) return wait_writable();
      // A supervisor that is gone shows at the reading side.
      if (sent < 0) return out_.clear();
      out_.erase(0, static_cast<std::size_t>(sent));
    }
  }

  void wait_writable() {
    if (std::exchange(waiting_, true)) return;
    socket_.async_wait(stream_protocol::socket::wait_write,
                       [self = shared_from_this()](const boost::system::error_code& failed) {
                         self->waiting_ = false;
                         if (!failed && !self->closed_) self->write_some();
                       });
  }

  void lose(std::optional<Error> error) {
    const auto events = events_;
    close();
    events->lost(std::move(error));
  }

  Loop& loop_;
  stream_protocol::socket socket_;
  std::shared_ptr<const Events> events_;
  RunFrameReader reader_;
  std::array<char, 64 * 1024> bytes_;
  std::string out_;
  std::size_t taken_ = 0;  // in this period
  Timer pause_;
  bool paused_ = false;
  bool waiting_ = false;  // for the socket to take more
  bool closed_ = false;
};

RunChannel::RunChannel(boost::asio::io_context& context, Loop& loop, Fd socket, Events events)
    : impl_(std::make_shared<Impl>(context, loop, std::move(socket), std::move(events))) {
  impl_->wait_readable();
}

RunChannel::~RunChannel() { impl_->close(); }

void RunChannel::send_first(RunFrameType type, std::string_view body,
                            const std::vector<int>& descriptors) {
  impl_->send_first(type, body, descriptors);
}

void RunChannel::send(RunFrameType type, std::string_view body) { impl_->send(type, body); }

}  // namespace host::runs
