// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "config/paths.hpp"
#include "http/client.hpp"

namespace host {

// The admin API from a command's side. Blocks; any thread but the host's own loop.
class AdminClient {
 public:
  explicit AdminClient(Paths paths) : paths_(std::move(paths)) {}

  // The reply's JSON. Throws the host's own Error, or Error{unavailable} with how to start it when
  // no host runs, or {timed_out}.
  [[nodiscard]] Json get(const std::string& target,
                         Duration timeout = std::chrono::seconds(60)) const;
  // Sends the cookie along. Throws Error{denied} when this user can't read it.
  Json post(const std::string& target, const Json& body = Json::object()) const;
  // The same with a body that is JSON already.
  Json post_text(const std::string& target, std::string body) const;

  // For whoever reads an answer as it comes: the request, with the cookie if it changes something;
  // and what its answer says, or why there is none. Both throw as get() and post() do.
  [[nodiscard]] HttpRequest request(const std::string& method, const std::string& target,
                                    std::string body, Duration timeout) const;
  [[nodiscard]] Json reply_in(const Result<HttpResponse>& received,
                              const std::string& target) const;

  // Whether a host answers, whatever it says; false where nobody listens, and where no answer comes
  // in time, as of a host that hangs. Throws Error{denied or io} where it is this process that
  // can't ask.
  [[nodiscard]] bool answers(Duration timeout) const;
  // Whether something listens at the socket.
  [[nodiscard]] bool running() const;

 private:
  Json send(const std::string& method, const std::string& target, std::string body,
            Duration timeout) const;
  [[nodiscard]] Result<HttpResponse> exchange(const std::string& method, const std::string& target,
                                              std::string body, Duration timeout) const;
  Paths paths_;
};

}  // namespace host
