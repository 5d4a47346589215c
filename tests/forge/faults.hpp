// SPDX-License-Identifier: Apache-2.0
//
// What a network or a proxy does to a request, on demand.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "http/server.hpp"

namespace host::forge {

struct Fault {
  enum class Kind {
    answer,      // `response` instead of what was asked for; nothing is applied
    lose_reply,  // applied, then the connection closes without an answer
    close,       // the connection closes; nothing is applied
    raw,         // `response.body` goes out as bytes of no HTTP; nothing is applied
    delay,       // applied at once, answered after `delay`
    silence,     // applied, never answered
  };
  Kind kind = Kind::answer;
  ServerResponse response;
  Duration delay{};
  // Which requests, and how many of them.
  std::string method;  // empty: any
  std::string part;    // of the target; empty: any
  int times = 1;

  // A proxy's answer; `retry_after` as the header carries it.
  static Fault status(int status, std::string retry_after = "") {
    Fault fault;
    fault.response = {status,
                      {{"Content-Type", "text/html"}},
                      "<html><body>" + std::to_string(status) + "</body></html>",
                      std::nullopt};
    if (!retry_after.empty())
      fault.response.headers.emplace_back("Retry-After", std::move(retry_after));
    return fault;
  }
  // A 200 that says it is JSON, with this body.
  static Fault json(std::string body) {
    Fault fault;
    fault.response = {
        200, {{"Content-Type", "application/json;charset=utf-8"}}, std::move(body), std::nullopt};
    return fault;
  }
  // A JSON array of `bytes` bytes that has no end to its one string.
  static Fault huge(std::size_t bytes) { return json("[\"" + std::string(bytes - 4, 'x') + "\"]"); }
  static Fault lose_reply() { return of(Kind::lose_reply); }
  static Fault close() { return of(Kind::close); }
  static Fault silence() { return of(Kind::silence); }
  static Fault raw(std::string bytes) {
    Fault fault = of(Kind::raw);
    fault.response.body = std::move(bytes);
    return fault;
  }
  static Fault garbage() { return raw("\x16\x03\x01 this is no HTTP\r\n\r\n"); }
  // Headers that promise more than comes.
  static Fault truncated() {
    return raw(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        "4096\r\n\r\n[{\"id\"");
  }
  static Fault late(Duration by) {
    Fault fault = of(Kind::delay);
    fault.delay = by;
    return fault;
  }

  // The same, only where both match.
  [[nodiscard]] Fault on(std::string only_method, std::string only_part = "") const {
    Fault fault = *this;
    fault.method = std::move(only_method), fault.part = std::move(only_part);
    return fault;
  }
  [[nodiscard]] Fault repeat(int count) const {
    Fault fault = *this;
    fault.times = count;
    return fault;
  }

 private:
  static Fault of(Kind kind) {
    Fault fault;
    fault.kind = kind;
    return fault;
  }
};

class Faults {
 public:
  void add(Fault fault) { pending_.push_back(std::move(fault)); }
  void clear() { pending_.clear(); }
  // Those that have not been used up.
  [[nodiscard]] std::size_t pending() const { return pending_.size(); }

  // The oldest that fits, one time less.
  [[nodiscard]] std::optional<Fault> take(const std::string& method, const std::string& target) {
    const auto fits = std::find_if(pending_.begin(), pending_.end(), [&](const Fault& fault) {
      return (fault.method.empty() || fault.method == method) &&
             target.find(fault.part) != std::string::npos;
    });
    if (fits == pending_.end()) return std::nullopt;
    Fault taken = *fits;
    if (--fits->times <= 0) pending_.erase(fits);
    return taken;
  }

 private:
  std::vector<Fault> pending_;
};

}  // namespace host::forge
