// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace host {

// Where a server is, from what somebody configured.
struct ServerUrl {
  std::string origin;   // "https://git.example.org"
  std::string subpath;  // "" or "/gitea"
  // "https://git.example.org/gitea/api/v1"
  [[nodiscard]] std::string api() const { return origin + subpath + "/api/v1"; }
};

// Takes http and https, drops a trailing '/' and "/api/v1", keeps a sub-path. Throws Error{usage}
// on anything else, on credentials in the URL, on a query, and on plain http beyond loopback
// unless `allow_plaintext`: the token would travel readable.
[[nodiscard]] ServerUrl normalise_server_url(std::string_view text, bool allow_plaintext);

}  // namespace host
