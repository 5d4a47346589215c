// SPDX-License-Identifier: Apache-2.0
#include "http/server.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>

#include "base/error.hpp"
#include "http/server_session.hpp"

namespace host {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using asio::local::stream_protocol;
using boost::system::error_code;

void close_on_exec(int fd) { ::fcntl(fd, F_SETFD, FD_CLOEXEC); }

void check(const error_code& failed, const std::string& doing, const std::string& next_step = {}) {
  if (failed) throw system_error(failed.value(), doing, next_step);
}

template <class Protocol>
HttpPeer peer_of(HttpSession::Socket& socket);

template <>
HttpPeer peer_of<tcp>(HttpSession::Socket& socket) {
  HttpPeer peer;
  error_code failed;
  const auto end = socket.remote_endpoint(failed);
  if (failed) return peer;
  tcp::endpoint address;
  if (end.size() > address.capacity()) return peer;
  std::memcpy(address.data(), end.data(), end.size());
  address.resize(end.size());
  peer.address = address.address().to_string() + ":" + std::to_string(address.port());
  socket.set_option(tcp::no_delay(true), failed);
  return peer;
}

template <>
HttpPeer peer_of<stream_protocol>(HttpSession::Socket& socket) {
  HttpPeer peer;
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &size) == 0) {
    peer.uid = credentials.uid;
    peer.pid = credentials.pid;
  }
  return peer;
}

}  // namespace

class HttpServer::Impl : public std::enable_shared_from_this<HttpServer::Impl> {
 public:
  Impl(asio::io_context& context, Handler handler, HttpServerLimits limits, Admission admission)
      : context_(context),
        handler_(std::move(handler)),
        admission_(std::move(admission)),
        limits_(limits),
        grace_(context) {}

  SocketAddress listen_tcp(const SocketAddress& where) {
    const std::string doing = "listening on " + where.text();
    const tcp::endpoint end(asio::ip::make_address(where.ip), where.port);
    auto acceptor = std::make_shared<tcp::acceptor>(context_);
    error_code failed;
    acceptor->open(end.protocol(), failed);
    check(failed, doing);
    close_on_exec(acceptor->native_handle());
    acceptor->set_option(asio::socket_base::reuse_address(true), failed);
    acceptor->bind(end, failed);
    check(failed, doing, "Stop what listens there, or choose another address.");
    acceptor->listen(asio::socket_base::max_listen_connections, failed);
    check(failed, doing, "Stop what listens there, or choose another address.");
    const auto bound = acceptor->local_endpoint().port();
    add_listener(acceptor);
    return {where.ip, bound};
  }

  void listen_unix(const std::filesystem::path& path, mode_t mode) {
    const std::string doing = "listening on \"" + path.string() + "\"";
    struct stat info {};
    if (::lstat(path.c_str(), &info) == 0) {
      if (!S_ISSOCK(info.st_mode))
        throw Error(Code::conflict, doing + ": something that is no socket is there",
                    "Move it away: " + path.string());
      ::unlink(path.c_str());
    }
    if (path.string().size() >= sizeof(sockaddr_un::sun_path))
      throw Error(Code::too_large, doing + ": the path of a socket is at most 107 bytes long",
                  "Choose a shorter folder.");
    auto acceptor = std::make_shared<stream_protocol::acceptor>(context_);
    error_code failed;
    acceptor->open(stream_protocol(), failed);
    check(failed, doing);
    close_on_exec(acceptor->native_handle());
    // On Linux a socket's mode before bind is that of the name it makes: no moment when the name
    // is there with more rights than meant.
    if (::fchmod(acceptor->native_handle(), mode) != 0) throw system_error(doing);
    acceptor->bind(stream_protocol::endpoint(path.string()), failed);
    check(failed, doing);
    acceptor->listen(asio::socket_base::max_listen_connections, failed);
    check(failed, doing);
    paths_.push_back(path);
    add_listener(acceptor);
  }

  void stop(Duration grace, std::function<void()> done) {
    close_listeners();
    done_ = std::move(done);
    for (const auto& session : copy()) session->finish();
    if (sessions_.empty()) return finished();
    grace_.expires_after(grace);
    grace_.async_wait([weak = weak_from_this()](const error_code& failed) {
      if (const auto self = weak.lock(); self && !failed) self->abort();
    });
  }

  void abort() {
    close_listeners();
    for (const auto& session : copy()) session->abort();
  }

  [[nodiscard]] std::size_t connections() const { return sessions_.size(); }

 private:
  struct Listener {
    std::function<void()> watch;  // calls take() when somebody knocks
    std::function<bool()> take;   // lets one in; false: nobody was there
    std::function<void()> close;
    bool blocked = false;  // somebody knocks and there is no room
  };

  template <class Acceptor>
  void add_listener(const std::shared_ptr<Acceptor>& acceptor) {
    acceptor->non_blocking(true);
    const auto index = listeners_.size();
    const auto watch = [this, acceptor, index] {
      acceptor->async_wait(Acceptor::wait_read,
                           [weak = weak_from_this(), acceptor, index](const error_code& failed) {
                             const auto self = weak.lock();
                             if (self && !failed && acceptor->is_open()) self->knocked(index);
                           });
    };
    const auto take = [this, acceptor] {
      HttpSession::Socket socket(context_);
      error_code failed;
      acceptor->accept(socket, failed);
      if (failed == asio::error::would_block || failed == asio::error::connection_aborted)
        return false;
      check(failed, "accepting a connection");
      close_on_exec(socket.native_handle());
      HttpPeer peer = peer_of<typename Acceptor::protocol_type>(socket);
      admit(std::move(socket), std::move(peer));
      return true;
    };
    listeners_.push_back({watch, take, [acceptor] {
                            error_code ignored;
                            acceptor->close(ignored);
                          }});
    watch();
  }

  void knocked(std::size_t index) {
    auto& listener = listeners_[index];
    listener.blocked = sessions_.size() >= limits_.connections && !evict();
    if (listener.blocked) return;
    try {
      listener.take();
      listener.watch();
    } catch (const Error&) {
      rest(index);
    }
  }

  // No descriptor or memory left: the connection waits in the kernel's queue meanwhile.
  void rest(std::size_t index) {
    auto timer = std::make_shared<asio::steady_timer>(context_, std::chrono::milliseconds(100));
    timer->async_wait([weak = weak_from_this(), index, timer](const error_code&) {
      const auto self = weak.lock();
      if (self && index < self->listeners_.size()) self->listeners_[index].watch();
    });
  }

  void admit(HttpSession::Socket socket, HttpPeer peer) {
    if (!owner_)
      owner_ = std::make_shared<const HttpSession::Owner>(
          HttpSession::Owner{handler_, admission_, limits_,
                             [weak = weak_from_this()](HttpSession& session) {
                               if (const auto self = weak.lock()) self->closed(session);
                             },
                             [weak = weak_from_this()] {
                               if (const auto self = weak.lock()) self->room();
                             }});
    auto session = make_session(std::move(socket), std::move(peer), owner_);
    sessions_.push_back(session);
    session->start();
  }

  // There may be room now.
  void room() {
    for (std::size_t index = 0; index < listeners_.size(); ++index)
      if (listeners_[index].blocked) knocked(index);
  }

  // Whether the one that has been idle longest could be closed. closed() comes from inside.
  bool evict() {
    auto oldest = oldest_that(&HttpSession::idle);
    if (!oldest) oldest = oldest_that(&HttpSession::unadmitted);
    if (!oldest) return false;
    evicting_ = true;
    oldest->abort();
    evicting_ = false;
    return true;
  }

  [[nodiscard]] std::shared_ptr<HttpSession> oldest_that(bool (HttpSession::*is)() const) const {
    std::shared_ptr<HttpSession> oldest;
    for (const auto& session : sessions_)
      if (((*session).*is)() && (!oldest || session->idle_since() < oldest->idle_since()))
        oldest = session;
    return oldest;
  }

  void closed(HttpSession& session) {
    std::erase_if(sessions_, [&](const auto& each) { return each.get() == &session; });
    if (evicting_) return;
    if (listeners_.empty() && sessions_.empty()) return finished();
    room();
  }

  void finished() {
    grace_.cancel();
    if (auto done = std::exchange(done_, nullptr)) asio::post(context_, std::move(done));
  }

  void close_listeners() {
    for (const auto& listener : std::exchange(listeners_, {})) listener.close();
    for (const auto& path : std::exchange(paths_, {})) ::unlink(path.c_str());
  }

  // Ending a session takes it out of the list.
  [[nodiscard]] std::vector<std::shared_ptr<HttpSession>> copy() const { return sessions_; }

  asio::io_context& context_;
  Handler handler_;
  Admission admission_;
  HttpServerLimits limits_;
  std::shared_ptr<const HttpSession::Owner> owner_;
  std::vector<Listener> listeners_;
  std::vector<std::filesystem::path> paths_;
  std::vector<std::shared_ptr<HttpSession>> sessions_;
  asio::steady_timer grace_;
  std::function<void()> done_;
  bool evicting_ = false;
};

const std::string* ServerRequest::header(std::string_view name) const {
  const auto found = std::find_if(headers.begin(), headers.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == headers.end() ? nullptr : &found->second;
}

HttpServer::HttpServer(asio::io_context& context, Handler handler, HttpServerLimits limits,
                       Admission admission)
    : impl_(std::make_shared<Impl>(context, std::move(handler), limits, std::move(admission))) {}
HttpServer::~HttpServer() { impl_->abort(); }
std::uint16_t HttpServer::listen_loopback(std::uint16_t port) {
  return impl_->listen_tcp({"127.0.0.1", port}).port;
}
SocketAddress HttpServer::listen_tcp(const SocketAddress& address) {
  return impl_->listen_tcp(address);
}
void HttpServer::listen_unix(const std::filesystem::path& path, mode_t mode) {
  impl_->listen_unix(path, mode);
}
void HttpServer::stop(Duration grace, std::function<void()> done) {
  impl_->stop(grace, std::move(done));
}
std::size_t HttpServer::connections() const { return impl_->connections(); }

}  // namespace host
