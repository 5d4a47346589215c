// SPDX-License-Identifier: Apache-2.0
#include "workers/channel.hpp"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>

namespace host {

using boost::asio::local::stream_protocol;

// Asio only says when the socket is ready; reads and writes are made here. So no operation holds a
// buffer while the channel goes away, and read_rest() can't overtake bytes that a pending read
// took.
class Channel::Impl : public std::enable_shared_from_this<Channel::Impl> {
 public:
  Impl(boost::asio::io_context& context, Fd socket, Events events)
      : socket_(context, stream_protocol(), socket.release()),
        events_(std::make_shared<const Events>(std::move(events))) {
    socket_.native_non_blocking(true);
  }

  void wait_readable() {
    socket_.async_wait(stream_protocol::socket::wait_read,
                       [self = shared_from_this()](const boost::system::error_code& failed) {
                         if (failed || self->closed_) return;
                         self->read_now();
                         if (!self->closed_) self->wait_readable();
                       });
  }

  void send(FrameType type, RunId run, std::string_view body) {
    // Over the cap the channel is as good as lost, which its reader is told in a moment.
    if (closed_ || out_.size() - written_ > kUnreadCap) return;
    append_frame(out_, type, run, body);
    if (posted_ || (waiting_ && out_.size() <= kUnreadCap)) return;
    posted_ = true;
    boost::asio::post(socket_.get_executor(), [self = shared_from_this()] {
      self->posted_ = false;
      if (!self->closed_) self->write_some();
    });
  }

  void send_first(FrameType type, std::string_view body, int descriptor) {
    append_frame(out_, type, {}, body);
    iovec bytes{out_.data(), out_.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof descriptor)] = {};
    msghdr message{};
    message.msg_iov = &bytes;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof descriptor);
    ::memcpy(CMSG_DATA(header), &descriptor, sizeof descriptor);
    ssize_t sent = 0;
    do sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) throw system_error("telling a worker what it is for");
    written_ = static_cast<std::size_t>(sent);
    write_some();
  }

  // What else there is makes the socket readable again, after the others' turn.
  void read_now() {
    if (closed_) return;
    const auto events = events_;
    const ssize_t got = ::read(socket_.native_handle(), bytes_.data(), bytes_.size());
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) return lose(std::nullopt);
    hand_out({bytes_.data(), static_cast<std::size_t>(got)});
    if (!closed_) events->after_frames();
  }

  void read_rest() {
    while (!closed_) {
      const ssize_t got = ::read(socket_.native_handle(), bytes_.data(), bytes_.size());
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) return;
      hand_out({bytes_.data(), static_cast<std::size_t>(got)});
    }
  }

  void close() {
    if (std::exchange(closed_, true)) return;
    boost::system::error_code ignored;
    socket_.close(ignored);
    // One of them may be running.
    boost::asio::post(socket_.get_executor(), [events = std::move(events_)] {});
  }

 private:
  void hand_out(std::string_view bytes) {
    const auto events = events_;
    try {
      decoder_.feed(bytes);
      while (const auto frame = decoder_.next()) {
        events->frame(*frame);
        if (closed_) return;
      }
    } catch (const Error& error) {
      if (!closed_) lose(error);
    }
  }

  void write_some() {
    while (written_ < out_.size()) {
      const ssize_t sent = ::send(socket_.native_handle(), out_.data() + written_,
                                  out_.size() - written_, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) return wait_writable();
      // A worker that is gone shows at the reading side, after what it sent before.
      if (sent < 0) break;
      written_ += static_cast<std::size_t>(sent);
    }
    out_.clear();
    written_ = 0;
    if (out_.capacity() > kKept) out_.shrink_to_fit();
  }

  void wait_writable() {
    out_.erase(0, std::exchange(written_, 0));
    if (out_.size() > kUnreadCap)
      return lose(Error(Code::too_large, "it leaves " + std::to_string(out_.size() >> 20) +
                                             " MiB of its frames unread"));
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

  static constexpr std::size_t kKept = 256 * 1024;

  stream_protocol::socket socket_;
  std::shared_ptr<const Events> events_;
  FrameDecoder decoder_;
  std::array<char, 64 * 1024> bytes_;
  std::string out_;
  std::size_t written_ = 0;
  bool posted_ = false;   // write_some() is to come
  bool waiting_ = false;  // for the socket to take more
  bool closed_ = false;
};

Channel::Channel(boost::asio::io_context& context, Fd socket, Events events)
    : impl_(std::make_shared<Impl>(context, std::move(socket), std::move(events))) {
  impl_->wait_readable();
}

Channel::~Channel() { impl_->close(); }

void Channel::send(FrameType type, RunId run, std::string_view body) {
  impl_->send(type, run, body);
}

void Channel::send_first(FrameType type, std::string_view body, int descriptor) {
  impl_->send_first(type, body, descriptor);
}

void Channel::read_now() {
  const auto keep = impl_;
  keep->read_now();
}

void Channel::read_rest() {
  const auto keep = impl_;
  keep->read_rest();
}

SocketPair::SocketPair() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    throw system_error("making a worker's channel");
  ours = Fd(ends[0]);
  theirs = Fd(ends[1]);
}

}  // namespace host
