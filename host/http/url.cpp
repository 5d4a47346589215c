// SPDX-License-Identifier: Apache-2.0
#include "http/url.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cctype>
#include <memory>

#include "base/error.hpp"

namespace host {
namespace {

struct UrlCleanup {
  void operator()(CURLU* url) const noexcept { curl_url_cleanup(url); }
};
using Handle = std::unique_ptr<CURLU, UrlCleanup>;

std::string without_credentials(std::string_view text) {
  const auto authority = text.find("//");
  const auto from = authority == std::string_view::npos ? 0 : authority + 2;
  const auto at = text.substr(0, text.find_first_of("/?#", from)).rfind('@');
  if (at == std::string_view::npos || at < from) return std::string(text);
  return std::string(text.substr(0, from)) + "[redacted]" + std::string(text.substr(at));
}

Error refusal(std::string_view text, std::string_view why) {
  return {
      Code::invalid,
      "\"" + without_credentials(text) + "\" is not a URL that can be used: " + std::string(why),
      "Write an absolute one, such as https://git.example.org"};
}

// The part, or "" where the URL has none.
std::string part(CURLU* url, CURLUPart which, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, which, &text, flags) != CURLUE_OK || text == nullptr) return {};
  const std::unique_ptr<char, decltype(&curl_free)> owned(text, &curl_free);
  return owned.get();
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

std::string bracketed(const std::string& host) {
  return host.find(':') == std::string::npos ? host : "[" + host + "]";
}

int hex(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

std::string Url::origin() const {
  const bool usual = port == (scheme == "https" ? 443 : 80);
  return scheme + "://" + bracketed(host) + (usual ? "" : ":" + std::to_string(port));
}

std::string Url::authority() const { return bracketed(host) + ":" + std::to_string(port); }

bool Url::loopback() const {
  if (host == "localhost") return true;
  boost::system::error_code failed;
  const auto address = boost::asio::ip::make_address(host, failed);
  return !failed && address.is_loopback();
}

Url parse_url(std::string_view text) {
  for (const unsigned char byte : text)
    if (byte <= ' ' || byte == 0x7f) throw refusal(text, "it holds white space or control bytes");
  const Handle handle(curl_url());
  if (!handle) throw Error(Code::unavailable, "out of memory");
  const CURLUcode failed = curl_url_set(handle.get(), CURLUPART_URL, std::string(text).c_str(),
                                        CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS);
  if (failed != CURLUE_OK) throw refusal(text, curl_url_strerror(failed));

  Url url;
  url.scheme = lower(part(handle.get(), CURLUPART_SCHEME));
  if (url.scheme != "http" && url.scheme != "https")
    throw refusal(text, "its scheme is neither http nor https");
  url.host = lower(part(handle.get(), CURLUPART_HOST));
  if (url.host.starts_with('[')) url.host = url.host.substr(1, url.host.size() - 2);
  if (url.host.empty()) throw refusal(text, "it names no host");
  const std::string port = part(handle.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
  url.port = static_cast<std::uint16_t>(std::stoul(port));
  url.path = part(handle.get(), CURLUPART_PATH);
  if (url.path.empty()) url.path = "/";
  url.query = part(handle.get(), CURLUPART_QUERY);
  url.has_credentials = !part(handle.get(), CURLUPART_USER).empty() ||
                        !part(handle.get(), CURLUPART_PASSWORD).empty();
  return url;
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const unsigned char byte : text) {
    const bool plain = byte < 0x80 && (std::isalnum(byte) ||
                                       std::string_view("-._~").find(static_cast<char>(byte)) !=
                                           std::string_view::npos);
    if (plain)
      out += static_cast<char>(byte);
    else
      out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool escape =
        text[at] == '%' && at + 2 < text.size() && hex(text[at + 1]) >= 0 && hex(text[at + 2]) >= 0;
    if (escape) {
      out += static_cast<char>(hex(text[at + 1]) * 16 + hex(text[at + 2]));
      at += 2;
    } else {
      out += plus_is_space && text[at] == '+' ? ' ' : text[at];
    }
  }
  return out;
}

}  // namespace host
