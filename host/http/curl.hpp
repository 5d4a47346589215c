// SPDX-License-Identifier: Apache-2.0
//
// libcurl's objects with owners, and one transfer. Private to http/.
#pragma once

#include <curl/curl.h>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "http/client.hpp"
#include "http/url.hpp"

namespace host {

// libcurl's process-wide state, which counts its users.
class CurlGlobal {
 public:
  CurlGlobal();
  ~CurlGlobal();
  CurlGlobal(const CurlGlobal&) = delete;
  CurlGlobal& operator=(const CurlGlobal&) = delete;
};

struct CurlEasyCleanup {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct CurlMultiCleanup {
  void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};
struct CurlListCleanup {
  void operator()(curl_slist* list) const noexcept { curl_slist_free_all(list); }
};
using CurlEasy = std::unique_ptr<CURL, CurlEasyCleanup>;
using CurlMulti = std::unique_ptr<CURLM, CurlMultiCleanup>;
using CurlList = std::unique_ptr<curl_slist, CurlListCleanup>;

// The sockets that libcurl has open for a client, kept ones included. The client's thread.
class CurlSockets {
 public:
  // Whether nothing has come on the connection between these ports since its last reply, not even
  // its end. libcurl takes whatever has for the answer to what it sends next.
  [[nodiscard]] bool silent(int local_port, int remote_port) const;

  // What libcurl is told to open and close its sockets with. CURL_SOCKET_BAD, or not 0, when that
  // fails; never an exception.
  [[nodiscard]] curl_socket_t open(const curl_sockaddr& address);
  int close(curl_socket_t socket);

 private:
  std::set<curl_socket_t> open_;
};

// Throws Error{usage} on a method or a header that could not be sent as it stands.
void check_request(const HttpRequest& request);

// A reply that is taken as it comes: what stands between libcurl, which writes, and its reader.
struct CurlFlow {
  Reply<HttpResponse> head;  // until it was called
  Reply<std::string> reader;
  std::string ready;  // read by nobody yet
  std::optional<HttpResponse> arrived;
  std::optional<Status> end;
  bool paused = false;
  CURL* easy = nullptr;                                       // while it is under way
  std::vector<std::shared_ptr<CurlFlow>>* touched = nullptr;  // the client's: who has got something
};

// One request on its way, and what has come back of it. Stays where it is: libcurl points to it.
class CurlTransfer {
 public:
  // Throws Error{usage}, and unavailable when memory is short.
  // `sockets` outlives every connection. `flow`: takes the reply as it comes, instead of `reply`.
  CurlTransfer(HttpRequest request, Reply<HttpResponse> reply, const CurlOptions& options,
               CurlSockets& sockets, std::shared_ptr<CurlFlow> flow = nullptr);
  CurlTransfer(const CurlTransfer&) = delete;
  CurlTransfer& operator=(const CurlTransfer&) = delete;

  [[nodiscard]] CURL* easy() const { return easy_.get(); }
  // After libcurl is done with it: whether nothing was sent, since the connection that it would
  // have gone over was no good any more. It is to be begun anew then, and goes over one of its own.
  [[nodiscard]] bool begin_anew();
  // What it came to. Call once, after libcurl is done with it.
  [[nodiscard]] Result<HttpResponse> result(CURLcode code);
  [[nodiscard]] Reply<HttpResponse> take_reply() { return std::move(reply_); }
  [[nodiscard]] const std::shared_ptr<CurlFlow>& flow() const { return flow_; }

 private:
  enum class Excess { none, header, body };

  template <class Value>
  void set(CURLoption option, Value value);
  void set_method(const CurlOptions& options);
  void set_headers();
  void set_limits(const CurlOptions& options);
  void set_way(const CurlOptions& options);
  void end_headers();
  [[nodiscard]] std::size_t pour(std::string_view bytes);
  [[nodiscard]] Error failure(CURLcode code, std::string why) const;
  [[nodiscard]] std::string name() const;
  [[nodiscard]] Error excess() const;

  static std::size_t on_header(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t on_body(char* data, std::size_t size, std::size_t count, void* self);
  static int on_sending(void* self, char* remote, char* local, int remote_port, int local_port);
  static curl_socket_t on_open(void* self, curlsocktype purpose, curl_sockaddr* address);
  static int on_close(void* sockets, curl_socket_t socket);

  HttpRequest request_;
  Reply<HttpResponse> reply_;
  CurlSockets& sockets_;
  std::shared_ptr<CurlFlow> flow_;
  Url url_;
  CurlEasy easy_;
  CurlList headers_;
  std::array<char, CURL_ERROR_SIZE> why_{};
  HttpResponse response_;
  std::size_t header_cap_;
  std::size_t header_bytes_ = 0;
  Excess excess_ = Excess::none;
  bool opened_ = false;  // a connection of its own
  bool stale_ = false;   // the kept one was no good
  bool sent_ = false;
  bool headers_ended_ = false;
};

}  // namespace host
