// SPDX-License-Identifier: Apache-2.0
//
// URLs, by libcurl's own parser: what is checked here is what is connected to later.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace host {

struct Url {
  std::string scheme;            // lower case: "http" or "https"
  std::string host;              // lower case; an IPv6 address without brackets
  std::uint16_t port = 0;        // the scheme's own if none was written
  std::string path;              // as written, at least "/"
  std::string query;             // without '?'
  bool has_credentials = false;  // "user:password@" was written

  // "https://host:8080", the port only where it isn't the scheme's own.
  [[nodiscard]] std::string origin() const;
  // "host:443", always with the port; brackets around IPv6. What grants of `http` name.
  [[nodiscard]] std::string authority() const;
  // 127.0.0.0/8, ::1 or the name localhost.
  [[nodiscard]] bool loopback() const;
};

// An absolute http or https URL. Throws Error{invalid} naming the text, without its credentials.
[[nodiscard]] Url parse_url(std::string_view text);

// For one path segment or one query value: everything but RFC 3986's unreserved characters.
[[nodiscard]] std::string percent_encode(std::string_view text);
// "%41" -> "A"; '+' stays unless `plus_is_space` (query strings). A bad escape stays as it is.
[[nodiscard]] std::string percent_decode(std::string_view text, bool plus_is_space = false);

}  // namespace host
