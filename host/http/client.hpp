// SPDX-License-Identifier: Apache-2.0
//
// HTTP out. Redirects are never followed: a credential must not travel to where a reply points.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace boost::asio {
class io_context;
}

namespace host {

class Loop;

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method = "GET";
  std::string url;  // absolute, http or https, without credentials
  // No Host, Content-Length, Transfer-Encoding or Expect: the client sets what is needed.
  HttpHeaders headers;
  std::string body;
  Duration timeout = std::chrono::seconds(30);  // for all of it, name lookup included
  // Longest time without a byte either way, the server's thinking included; zero: no such limit.
  // Whole seconds, rounded up.
  Duration silence = std::chrono::seconds(15);
  std::size_t body_cap = std::size_t{8} << 20;  // of the reply's body, decoded
  // The path of a UNIX socket to connect to instead of the URL's host.
  std::optional<std::string> unix_socket;
  // If given, set to true before the first byte of the request can leave. While it is false, the
  // other side can't have carried the request out.
  std::shared_ptr<bool> sent;
};

struct HttpResponse {
  int status = 0;
  HttpHeaders headers;  // names in lower case; in order; repeated ones stay apart
  std::string body;

  // The first value of `name` (lower case), or nullptr.
  [[nodiscard]] const std::string* header(std::string_view name) const;
};

class HttpBody;

// Loop thread only.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Sends and hands over the whole reply, whatever its status. Errors:
  //   unavailable  no connection, or it broke before the reply was whole (see HttpRequest::sent)
  //   timed_out    the timeout passed, or no byte moved for a while
  //   too_large    the reply's headers or body passed their cap
  //   denied       the server's certificate isn't trusted
  //   usage        the request itself is malformed: URL, method or header
  // A POST or PATCH is never silently written twice. It goes over a new connection unless
  // CurlOptions::reuse_for_posts says otherwise.
  virtual void send(HttpRequest request, Reply<HttpResponse> reply) = 0;

  // Sends, and hands over the reply's status and headers as soon as they are there. The body, of
  // any length and not compressed, is read from what is returned, which the caller keeps for as
  // long as it wants the reply.
  [[nodiscard]] virtual std::unique_ptr<HttpBody> open(HttpRequest request,
                                                       Reply<HttpResponse> head) = 0;
};

// The body of a reply that is taken as it comes. What is not taken waits, at most some 64 KiB of it
// here; then the other side has to. Destroying it ends the request, whatever its state, and no
// reply to it comes any more. Loop thread.
class HttpBody {
 public:
  virtual ~HttpBody() = default;

  // The next bytes; empty: that was all. Errors as of HttpClient::send. Not before the head is
  // there, and one read at a time.
  virtual void read(Reply<std::string> reply) = 0;
};

struct CurlOptions {
  std::string user_agent;  // empty: timmy-host/<version>
  Duration connect_timeout = std::chrono::seconds(10);
  std::size_t header_cap = std::size_t{256} << 10;
  int connections_kept = 8;
  // A POST or PATCH, too, goes over a kept connection that has been idle for less than this, in
  // whole seconds, and on which nothing has come since its last reply: what came unasked would be
  // taken for this one's. A server that closes it at the same moment makes it {unavailable}, though
  // it may have been sent. Zero: each gets a new one.
  Duration reuse_for_posts{};
  // Connections, TLS state and buffers are given back after this long without a request.
  Duration idle_after = std::chrono::minutes(2);
  // Certificates to trust instead of the system's; empty: the system's.
  std::filesystem::path ca_file;
};

// libcurl's multi interface on Asio's sockets and the loop's timers. Nothing of libcurl is set up
// before the first request. The only thread beside the loop's is the short one in which libcurl
// runs getaddrinfo, which blocks.
class CurlClient final : public HttpClient {
 public:
  // Both outlive the client. Destroying it drops requests under way without a reply.
  CurlClient(boost::asio::io_context& context, Loop& loop, CurlOptions options = {});
  ~CurlClient() override;
  void send(HttpRequest request, Reply<HttpResponse> reply) override;
  [[nodiscard]] std::unique_ptr<HttpBody> open(HttpRequest request,
                                               Reply<HttpResponse> head) override;

  // Requests under way.
  [[nodiscard]] std::size_t active() const;

 private:
  class Impl;
  class Body;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host
