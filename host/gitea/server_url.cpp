// SPDX-License-Identifier: Apache-2.0
#include "gitea/server_url.hpp"

#include "base/error.hpp"
#include "http/url.hpp"

namespace host {
namespace {

constexpr std::string_view kApi = "/api/v1";

void drop_trailing_slashes(std::string& path) {
  while (path.ends_with('/')) path.pop_back();
}

Url parse(std::string_view text) {
  try {
    return parse_url(text);
  } catch (const Error& error) {
    throw Error(Code::usage, "the Gitea URL: " + error.message(), error.next_step());
  }
}

}  // namespace

ServerUrl normalise_server_url(std::string_view text, bool allow_plaintext) {
  const Url url = parse(text);
  const std::string where = url.origin();
  if (url.has_credentials)
    throw Error(Code::usage, "the Gitea URL of " + where + " holds credentials",
                "Put the token into a file of its own, mode 0600.");
  if (!url.query.empty() || text.find('#') != std::string_view::npos)
    throw Error(Code::usage, "the Gitea URL of " + where + " has a query or a fragment",
                "Write it as " + where);
  if (url.scheme == "http" && !url.loopback() && !allow_plaintext)
    throw Error(Code::usage, "the Gitea URL " + where + " would send the token readable for others",
                "Use https, or set gitea.allow_plaintext: true.");
  ServerUrl server{where, url.path};
  drop_trailing_slashes(server.subpath);
  if (server.subpath.ends_with(kApi)) server.subpath.resize(server.subpath.size() - kApi.size());
  drop_trailing_slashes(server.subpath);
  return server;
}

}  // namespace host
