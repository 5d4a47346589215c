// SPDX-License-Identifier: Apache-2.0
//
// One connection of HttpServer. Private to http/.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <functional>
#include <memory>

#include "http/server.hpp"

namespace host {

class HttpSession {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  // What a session needs of its server.
  struct Owner {
    HttpServer::Handler handler;
    HttpServer::Admission admission;  // may be empty
    HttpServerLimits limits;
    std::function<void(HttpSession&)> closed;  // called once, last of all; never while starting
    std::function<void()> idle;                // a session has become idle
  };

  virtual ~HttpSession() = default;
  virtual void start() = 0;
  // Ends after the answer under way, or now if there is none.
  virtual void finish() = 0;
  // Ends now.
  virtual void abort() = 0;
  // Between two requests, so that closing it costs nothing; and since when.
  using TimePoint = std::chrono::steady_clock::time_point;
  [[nodiscard]] virtual bool idle() const = 0;
  [[nodiscard]] virtual TimePoint idle_since() const = 0;
  // Nothing is known yet of the request that it brings, since idle_since().
  [[nodiscard]] virtual bool unadmitted() const = 0;
};

[[nodiscard]] std::shared_ptr<HttpSession> make_session(HttpSession::Socket socket, HttpPeer peer,
                                                        std::shared_ptr<const HttpSession::Owner>);

}  // namespace host
