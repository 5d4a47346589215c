// SPDX-License-Identifier: Apache-2.0
#include "control/admin_client.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/io_context.hpp>
#include <cerrno>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/loop.hpp"
#include "control/admin_api.hpp"
#include "http/client.hpp"

namespace host {
namespace {

Error no_host(const Paths& paths) {
  return {
      Code::unavailable, "no host answers at " + paths.socket().string(),
      "Start it with \"timmy-host run\", or see \"systemctl status timmy-host\"; if it runs with "
      "another TIMMY_HOME, set that."};
}

// By the errno of a connection, which says more than a failed request.
bool someone_listens(const std::filesystem::path& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto path = socket.string();
  if (path.size() >= sizeof address.sun_path)
    throw Error(Code::invalid, path + " is too long for a socket");
  path.copy(address.sun_path, path.size());
  const Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw system_error("making a socket");
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0)
    return true;
  // A full queue is a host that takes nobody up.
  if (errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN) return false;
  throw system_error("asking at " + path);
}

Code code_named(const std::string& text) {
  for (int code = 0; code <= static_cast<int>(Code::internal); ++code)
    if (name(static_cast<Code>(code)) == text) return static_cast<Code>(code);
  return Code::internal;
}

}  // namespace

Json AdminClient::get(const std::string& target, Duration timeout) const {
  return send("GET", target, "", timeout);
}

Json AdminClient::post(const std::string& target, const Json& body) const {
  return post_text(target, to_text(body));
}

Json AdminClient::post_text(const std::string& target, std::string body) const {
  return send("POST", target, std::move(body), std::chrono::seconds(60));
}

bool AdminClient::running() const {
  try {
    (void)get("/v1/config", std::chrono::seconds(5));
    return true;
  } catch (const Error& error) {
    return error.code() != Code::unavailable;
  }
}

HttpRequest AdminClient::request(const std::string& method, const std::string& target,
                                 std::string body, Duration timeout) const {
  HttpRequest request{.method = method,
                      .url = "http://timmy-host" + target,
                      .body = std::move(body),
                      .timeout = timeout,
                      // A host that waits for a job's end is silent meanwhile.
                      .silence = timeout,
                      .body_cap = std::size_t{64} << 20,
                      .unix_socket = paths_.socket().string()};
  if (method == "POST") {
    std::error_code ignored;
    if (!std::filesystem::exists(paths_.cookie(), ignored)) throw no_host(paths_);
    request.headers = {{"Content-Type", "application/json"},
                       {std::string(kCookieHeader), read_secret_file(paths_.cookie())}};
  }
  return request;
}

Json AdminClient::reply_in(const Result<HttpResponse>& received, const std::string& target) const {
  if (!received.ok() && received.error().code() == Code::unavailable) throw no_host(paths_);
  const HttpResponse& response = received.value();
  Json reply = parse_json(response.body, "the host's reply to " + target);
  if (response.status == 200) return reply;
  const Json error = reply.value("error", Json::object());
  throw Error(code_named(error.value("code", "")), error.value("message", "the host failed"),
              error.value("next_step", ""));
}

bool AdminClient::answers(Duration timeout) const {
  if (!someone_listens(paths_.socket())) return false;
  const auto received = exchange("GET", "/v1/status", "", timeout);
  // Out of descriptors or memory, or a reply that is none: no word about the host.
  if (!received.ok() && received.error().code() != Code::timed_out &&
      received.error().code() != Code::unavailable)
    throw received.error();
  return received.ok();
}

Json AdminClient::send(const std::string& method, const std::string& target, std::string body,
                       Duration timeout) const {
  return reply_in(exchange(method, target, std::move(body), timeout), target);
}

Result<HttpResponse> AdminClient::exchange(const std::string& method, const std::string& target,
                                           std::string body, Duration timeout) const {
  boost::asio::io_context context;
  const SystemClock clock;
  AsioLoop loop(context, clock);
  CurlClient http(context, loop);
  std::optional<Result<HttpResponse>> received;
  http.send(request(method, target, std::move(body), timeout), [&](Result<HttpResponse> response) {
    received = std::move(response);
    context.stop();
  });
  context.run();
  if (!received) throw Error(Code::internal, "the admin request ended without an answer");
  return *received;
}

}  // namespace host
