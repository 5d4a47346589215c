// SPDX-License-Identifier: Apache-2.0
#include "http/curl.hpp"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <new>
#include <utility>

#include "base/error.hpp"

namespace host {
namespace {

// RFC 9110 5.6.2.
bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return c < 0x80 && (std::isalnum(c) != 0 ||
                        std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) !=
                            std::string_view::npos);
  });
}

bool is_value(std::string_view text) {
  return std::none_of(text.begin(), text.end(),
                      [](unsigned char c) { return (c < ' ' && c != '\t') || c == 0x7f; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

long milliseconds(Duration duration) {
  const auto rounded = std::chrono::ceil<std::chrono::milliseconds>(duration).count();
  return static_cast<long>(std::max<decltype(rounded)>(rounded, 1));
}

using PortOf = int (*)(int, sockaddr*, socklen_t*);

// Of one end of a connection, as getsockname() or getpeername() has it; 0: it has none.
int port(PortOf end, curl_socket_t socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (end(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET)
    return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return 0;
}

// Whether sending it twice might do its work twice (RFC 9110 9.2.2).
bool repeatable(const std::string& method) { return method != "POST" && method != "PATCH"; }

}  // namespace

bool CurlSockets::silent(int local_port, int remote_port) const {
  const auto found = std::find_if(open_.begin(), open_.end(), [&](curl_socket_t socket) {
    return port(::getsockname, socket) == local_port && port(::getpeername, socket) == remote_port;
  });
  if (found == open_.end()) return false;
  char byte = 0;
  return ::recv(*found, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

curl_socket_t CurlSockets::open(const curl_sockaddr& address) {
  const curl_socket_t socket =
      ::socket(address.family, address.socktype | SOCK_CLOEXEC, address.protocol);
  if (socket < 0) return CURL_SOCKET_BAD;
  try {
    open_.insert(socket);
  } catch (const std::bad_alloc&) {
    // libcurl, which calls this, knows no exceptions.
    ::close(socket);
    return CURL_SOCKET_BAD;
  }
  return socket;
}

int CurlSockets::close(curl_socket_t socket) {
  open_.erase(socket);
  return ::close(socket);
}

CurlGlobal::CurlGlobal() {
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
    throw Error(Code::unavailable, "libcurl could not be set up");
}

CurlGlobal::~CurlGlobal() { curl_global_cleanup(); }

void check_request(const HttpRequest& request) {
  if (!is_token(request.method))
    throw Error(Code::usage, "\"" + request.method + "\" is not an HTTP method");
  for (const auto& [name, value] : request.headers) {
    const auto known = lower(name);
    if (!is_token(name) || !is_value(value))
      throw Error(Code::usage, "the header \"" + (is_token(name) ? name : "?") +
                                   "\" holds bytes that no header may hold");
    if (known == "host" || known == "content-length" || known == "transfer-encoding" ||
        known == "expect" || known == "connection")
      throw Error(Code::usage, "the header \"" + name + "\" is the client's own to set");
  }
}

CurlTransfer::CurlTransfer(HttpRequest request, Reply<HttpResponse> reply,
                           const CurlOptions& options, CurlSockets& sockets,
                           std::shared_ptr<CurlFlow> flow)
    : request_(std::move(request)),
      reply_(std::move(reply)),
      sockets_(sockets),
      flow_(std::move(flow)),
      header_cap_(options.header_cap) {
  check_request(request_);
  try {
    url_ = parse_url(request_.url);
  } catch (const Error& error) {
    throw Error(Code::usage, error.message(), error.next_step());
  }
  if (url_.has_credentials)
    throw Error(Code::usage, "the URL of a request to " + url_.authority() + " holds credentials",
                "Send them in a header.");
  easy_.reset(curl_easy_init());
  if (!easy_) throw Error(Code::unavailable, "out of memory");
  set(CURLOPT_PRIVATE, this);
  set(CURLOPT_ERRORBUFFER, why_.data());
  set(CURLOPT_URL, request_.url.c_str());
  set(CURLOPT_USERAGENT,
      options.user_agent.empty() ? "timmy-host/" TIMMY_VERSION : options.user_agent.c_str());
  set_method(options);
  set_headers();
  set_limits(options);
  set_way(options);
  set(CURLOPT_HEADERFUNCTION, &on_header);
  set(CURLOPT_HEADERDATA, this);
  set(CURLOPT_WRITEFUNCTION, &on_body);
  set(CURLOPT_WRITEDATA, this);
  set(CURLOPT_PREREQFUNCTION, &on_sending);
  set(CURLOPT_PREREQDATA, this);
  set(CURLOPT_OPENSOCKETFUNCTION, &on_open);
  set(CURLOPT_OPENSOCKETDATA, this);
  // The connection keeps these, whoever made it.
  set(CURLOPT_CLOSESOCKETFUNCTION, &on_close);
  set(CURLOPT_CLOSESOCKETDATA, &sockets_);
}

template <class Value>
void CurlTransfer::set(CURLoption option, Value value) {
  const CURLcode failed = curl_easy_setopt(easy_.get(), option, value);
  if (failed != CURLE_OK)
    throw Error(failed == CURLE_OUT_OF_MEMORY ? Code::unavailable : Code::internal,
                "libcurl option " + std::to_string(option) + ": " + curl_easy_strerror(failed));
}

void CurlTransfer::set_method(const CurlOptions& options) {
  const std::string& method = request_.method;
  const bool carries =
      !request_.body.empty() || method == "POST" || method == "PUT" || method == "PATCH";
  if (method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
    return;
  }
  if (carries) {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request_.body.size()));
    set(CURLOPT_POSTFIELDS, request_.body.c_str());
  }
  if (method != (carries ? "POST" : "GET")) set(CURLOPT_CUSTOMREQUEST, method.c_str());
  // libcurl writes a request a second time, whatever its method, when a connection that it had
  // kept turns out to be dead. A new connection can't be; on an old one on_sending() is in between.
  if (repeatable(method)) return;
  const auto whole = std::chrono::floor<std::chrono::seconds>(options.reuse_for_posts).count();
  // It counts whole seconds and takes one that is as old, so that 0 is anything below one.
  if (whole > 0)
    set(CURLOPT_MAXAGE_CONN, static_cast<long>(whole - 1));
  else
    set(CURLOPT_FRESH_CONNECT, 1L);
}

void CurlTransfer::set_headers() {
  const auto add = [this](const std::string& line) {
    curl_slist* longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) throw Error(Code::unavailable, "out of memory");
    (void)headers_.release();
    headers_.reset(longer);
  };
  bool typed = false;
  for (const auto& [name, value] : request_.headers) {
    typed = typed || lower(name) == "content-type";
    // "Name:" would take a header away; "Name;" sends it empty.
    add(trimmed(value).empty() ? name + ";" : name + ": " + value);
  }
  if (!typed) add("Content-Type:");
  add("Expect:");
  set(CURLOPT_HTTPHEADER, headers_.get());
  // What is decoded while its reader waits, libcurl keeps, however much it is.
  if (!flow_) set(CURLOPT_ACCEPT_ENCODING, "");
}

void CurlTransfer::set_limits(const CurlOptions& options) {
  set(CURLOPT_TIMEOUT_MS, milliseconds(request_.timeout));
  set(CURLOPT_CONNECTTIMEOUT_MS,
      std::min(milliseconds(options.connect_timeout), milliseconds(request_.timeout)));
  if (request_.silence > Duration::zero()) {
    const auto whole = std::chrono::ceil<std::chrono::seconds>(request_.silence).count();
    set(CURLOPT_LOW_SPEED_LIMIT, 1L);
    set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(whole));
  }
  set(CURLOPT_NOSIGNAL, 1L);
  // Without it, giving up on a name that does not resolve would block the loop until it does.
  set(CURLOPT_QUICK_EXIT, 1L);
}

void CurlTransfer::set_way(const CurlOptions& options) {
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  if (request_.unix_socket) set(CURLOPT_UNIX_SOCKET_PATH, request_.unix_socket->c_str());
  // $http_proxy must not carry what is meant for this machine, and its credentials, elsewhere.
  if (request_.unix_socket || url_.loopback()) set(CURLOPT_PROXY, "");
  if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
}

std::size_t CurlTransfer::on_header(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::string_view line(data, size * count);
  transfer.header_bytes_ += line.size();
  if (transfer.header_bytes_ > transfer.header_cap_) {
    transfer.excess_ = Excess::header;
    return 0;
  }
  // An interim reply (100, 103) went before.
  if (line.starts_with("HTTP/")) {
    transfer.response_.headers.clear();
    transfer.headers_ended_ = false;
  }
  if (trimmed(line).empty()) transfer.end_headers();
  const auto colon = line.find(':');
  if (colon != std::string_view::npos && colon > 0)
    transfer.response_.headers.emplace_back(lower(line.substr(0, colon)),
                                            trimmed(line.substr(colon + 1)));
  return line.size();
}

std::size_t CurlTransfer::on_body(char* data, std::size_t size, std::size_t count, void* self) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  const std::size_t bytes = size * count;
  if (transfer.flow_) return transfer.pour({data, bytes});
  // Counted here, since CURLOPT_MAXFILESIZE does not see bodies of unstated length.
  if (transfer.response_.body.size() + bytes > transfer.request_.body_cap) {
    transfer.excess_ = Excess::body;
    return bytes == 0 ? 1 : 0;
  }
  transfer.response_.body.append(data, bytes);
  return bytes;
}

void CurlTransfer::end_headers() {
  headers_ended_ = true;
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  if (!flow_ || status < 200) return;
  response_.status = static_cast<int>(status);
  flow_->arrived = response_;
  flow_->touched->push_back(flow_);
}

std::size_t CurlTransfer::pour(std::string_view bytes) {
  constexpr std::size_t kMost = std::size_t{64} << 10;
  if (!flow_->ready.empty() && flow_->ready.size() + bytes.size() > kMost) {
    flow_->paused = true;
    return CURL_WRITEFUNC_PAUSE;
  }
  flow_->ready.append(bytes);
  flow_->touched->push_back(flow_);
  return bytes.size();
}

int CurlTransfer::on_sending(void* self, char*, char*, int remote_port, int local_port) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  if (!repeatable(transfer.request_.method)) {
    if (transfer.sent_) return CURL_PREREQFUNC_ABORT;
    transfer.stale_ = !transfer.opened_ && !transfer.sockets_.silent(local_port, remote_port);
    if (transfer.stale_) return CURL_PREREQFUNC_ABORT;
  }
  transfer.sent_ = true;
  if (transfer.request_.sent) *transfer.request_.sent = true;
  return CURL_PREREQFUNC_OK;
}

curl_socket_t CurlTransfer::on_open(void* self, curlsocktype, curl_sockaddr* address) {
  auto& transfer = *static_cast<CurlTransfer*>(self);
  transfer.opened_ = true;
  return transfer.sockets_.open(*address);
}

int CurlTransfer::on_close(void* sockets, curl_socket_t socket) {
  return static_cast<CurlSockets*>(sockets)->close(socket);
}

bool CurlTransfer::begin_anew() {
  if (!std::exchange(stale_, false)) return false;
  why_[0] = '\0';
  set(CURLOPT_FRESH_CONNECT, 1L);
  return true;
}

Result<HttpResponse> CurlTransfer::result(CURLcode code) {
  if (excess_ != Excess::none) return excess();
  if (code == CURLE_ABORTED_BY_CALLBACK)
    return failure(code, "the connection was closed before an answer came");
  if (code != CURLE_OK)
    return failure(code, why_[0] != '\0' ? why_.data() : curl_easy_strerror(code));
  // libcurl takes a connection that closes within the headers for the end of a reply.
  if (!headers_ended_) return failure(CURLE_RECV_ERROR, "the reply ended within its headers");
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  return std::move(response_);
}

Error CurlTransfer::excess() const {
  const bool header = excess_ == Excess::header;
  return {Code::too_large, name() + ": the reply's " + (header ? "headers are" : "body is") +
                               " larger than " +
                               std::to_string(header ? header_cap_ : request_.body_cap) + " bytes"};
}

std::string CurlTransfer::name() const { return request_.method + " " + url_.origin() + url_.path; }

Error CurlTransfer::failure(CURLcode code, std::string why) const {
  const std::string what = name() + ": " + why;
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return {sent_ ? Code::timed_out : Code::unavailable, what,
              "Check that " + url_.authority() + " answers from this machine."};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return {Code::denied, what,
              "Give the server a certificate that this machine trusts, or add its authority to "
              "the system's."};
    case CURLE_URL_MALFORMAT: return {Code::usage, what};
    case CURLE_FAILED_INIT:
    case CURLE_BAD_FUNCTION_ARGUMENT: return {Code::internal, what};
    default:
      return {Code::unavailable, what,
              sent_ ? "" : "Check that " + url_.authority() + " can be reached from this machine."};
  }
}

}  // namespace host
