// SPDX-License-Identifier: Apache-2.0
//
// HTTP in, on TCP or a UNIX socket: the admin API's, the webhooks', and that of the tests' forge.
// HTTP/1.1 with keep-alive; one request at a time per connection. No TLS: a proxy in front does
// that.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/socket_address.hpp"

namespace boost::asio {
class io_context;
}

namespace host {

// Who is at the other end.
struct HttpPeer {
  std::string address;       // "127.0.0.1:51234"; empty on a UNIX socket
  std::optional<uid_t> uid;  // on a UNIX socket, by SO_PEERCRED
  std::optional<pid_t> pid;
};

struct ServerRequest {
  std::string method;                        // as sent: "GET"
  std::string target;                        // as sent: "/a/b%2Fc?x=1"
  std::string path;                          // the target up to '?', still encoded
  std::vector<std::string> segments;         // of the path, each decoded: {"a", "b/c"}
  std::map<std::string, std::string> query;  // decoded; of equal names the last
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;                                          // raw
  HttpPeer peer;
  // Has the callback called, on the loop, if the peer goes before its answer is out, or has been
  // told that it came too late: nobody waits for it any more. A peer that closes only its own side
  // counts as gone. Nothing once the answer is out.
  std::function<void(std::function<void()>)> watch_peer;

  // The first value of `name` (lower case), or nullptr.
  [[nodiscard]] const std::string* header(std::string_view name) const;
};

// A body that is made while it is sent. Destroyed when it is out, or nobody takes it any more.
class ServerStream {
 public:
  virtual ~ServerStream() = default;
  // The next piece; empty: that was all. Asked for when the one before has been written, so a slow
  // peer slows its source down. `give` is called once, on the loop, also from inside.
  virtual void next(std::function<void(std::string)> give) = 0;
};

struct ServerResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  // Content-Length is added
  std::string body;
  // For a server that must misbehave in a test: these bytes go out as they are instead of all of
  // the above, then the connection closes. Empty: it closes without an answer.
  std::optional<std::string> raw;
  // Instead of the body: sent in chunks as they come. send_time is that of each.
  std::shared_ptr<ServerStream> stream;
};

struct HttpServerLimits {
  std::size_t header_bytes = std::size_t{16} << 10;  // more: 431
  std::size_t body_bytes = std::size_t{1} << 20;     // more: 413
  Duration receive_time = std::chrono::seconds(10);  // a request to its last byte; past it: 408
  Duration answer_time = std::chrono::seconds(60);   // handler; past it: 504
  Duration send_time = std::chrono::seconds(30);
  Duration idle_time = std::chrono::seconds(60);  // between two requests
  std::size_t connections = 64;  // when full, the longest idle one goes; none idle: the next waits
};

// Loop thread only. All listeners of one server share its handler and its limits.
class HttpServer {
 public:
  // Call it once, from the handler or later, on the loop. Nothing happens if the peer has gone or
  // it was called before.
  using Respond = std::function<void(ServerResponse)>;
  // What it throws becomes a 500 without details.
  using Handler = std::function<void(ServerRequest, Respond)>;
  // Sees each request by its head alone, before its body is read. With an answer it is refused: the
  // body is not read, and the connection ends. What it throws becomes a 500. `seat`, empty before,
  // is kept until the answer is out or nobody takes it any more. A server with an admission that is
  // full gives up the oldest connection that it has not admitted for one that knocks.
  using Admission = std::function<std::optional<ServerResponse>(const ServerRequest& head,
                                                                std::shared_ptr<void>& seat)>;

  HttpServer(boost::asio::io_context& context, Handler handler, HttpServerLimits limits = {},
             Admission admission = {});
  // Closes everything at once.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Listens on 127.0.0.1; port 0 takes a free one. Returns the port. Throws Error naming it.
  std::uint16_t listen_loopback(std::uint16_t port = 0);

  // Listens there, port 0 on a free one, and returns where. Beyond loopback everybody on the
  // network reads what goes over it: put a proxy with TLS in front. Throws Error naming the
  // address.
  SocketAddress listen_tcp(const SocketAddress& address);

  // Listens on a UNIX socket of that mode, replacing a socket left there by a dead process; whether
  // another host lives is the caller's to know (the lock file). Removed at stop. Throws Error.
  void listen_unix(const std::filesystem::path& path, mode_t mode = 0600);

  // Takes no new connection, closes idle ones, lets requests under way end within `grace`, then
  // closes the rest and calls `done` on the loop.
  void stop(Duration grace, std::function<void()> done);

  [[nodiscard]] std::size_t connections() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host
