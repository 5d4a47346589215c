// SPDX-License-Identifier: Apache-2.0
//
// A small forge that answers like Gitea 1.26, quirks included, for development and tests; and a
// model endpoint beside it, under /v1/. Everything lives in memory.
#pragma once

#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/loop.hpp"
#include "forge/faults.hpp"
#include "forge/model.hpp"
#include "forge/state.hpp"
#include "http/server.hpp"

namespace boost::asio {
class io_context;
}

namespace host::forge {

// A request that came, without its token.
struct Logged {
  WallTime at{};
  std::string method;
  std::string target;
  std::string login;  // empty: anonymous, or a token that nobody has
  std::string body;
  int status = 0;        // as sent; 0: no answer, or bytes of no HTTP
  bool applied = false;  // whether the forge, not a fault, handled it
};

// Loop thread only: read and change its state between two turns of the loop.
class Forge {
 public:
  // All outlive the forge. `clock` tells the forge's time; `loop` only delays faults.
  Forge(boost::asio::io_context& context, Loop& loop, const Clock& clock);
  ~Forge();
  Forge(const Forge&) = delete;
  Forge& operator=(const Forge&) = delete;

  // Listens on 127.0.0.1; port 0 takes a free one. Returns the URL, without a '/' at its end.
  std::string listen(std::uint16_t port = 0);
  // Closes every connection and listens no more; the state stays. For a forge that is down;
  // listen() with the old port brings it back.
  void stop();
  [[nodiscard]] std::uint16_t port() const { return port_; }

  // With it the forge has git over HTTP, too: git_http.hpp.
  std::filesystem::path git_root;
  ForgeState state;
  ModelState model;
  Faults faults;

  // The latest requests, oldest first, at most 10,000.
  [[nodiscard]] const std::deque<Logged>& requests() const { return requests_; }
  // Those with this method whose target contains `part`.
  [[nodiscard]] std::vector<Logged> requests(std::string_view method, std::string_view part) const;
  void clear_requests() { requests_.clear(); }
  // Called with each request once its answer is known.
  void set_observer(std::function<void(const Logged&)> observer) {
    observer_ = std::move(observer);
  }

 private:
  void handle(const ServerRequest& request, const HttpServer::Respond& respond);
  ServerResponse apply(const ServerRequest& request, Logged& entry);
  void record(Logged entry);

  boost::asio::io_context* context_;
  Loop* loop_;
  const Clock* clock_;
  std::unique_ptr<HttpServer> server_;
  std::uint16_t port_ = 0;
  std::deque<Logged> requests_;
  std::function<void(const Logged&)> observer_;
  std::vector<Timer> late_;
  std::vector<HttpServer::Respond> silent_;
};

}  // namespace host::forge
