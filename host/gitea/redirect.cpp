// SPDX-License-Identifier: Apache-2.0
#include "gitea/redirect.hpp"

#include "base/error.hpp"
#include "http/url.hpp"

namespace host {
namespace {

constexpr std::string_view kApi = "/api/v1";

}  // namespace

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 307 || status == 308;
}

std::optional<std::string> redirected_path(const ServerUrl& server, std::string location) {
  if (!location.starts_with('/')) {
    try {
      const Url url = parse_url(location);
      if (url.origin() != server.origin || url.has_credentials) return std::nullopt;
      location = url.path + (url.query.empty() ? "" : "?" + url.query);
    } catch (const Error&) {
      return std::nullopt;
    }
  }
  const std::string base = server.subpath + std::string(kApi);
  if (!location.starts_with(base + "/")) return std::nullopt;
  return location.substr(base.size());
}

}  // namespace host
