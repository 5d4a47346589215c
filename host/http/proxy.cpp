// SPDX-License-Identifier: Apache-2.0
#include "http/proxy.hpp"

namespace host {

std::map<std::string, std::string> proxy_variables(
    const std::function<std::optional<std::string>(const std::string& name)>& get) {
  std::map<std::string, std::string> found;
  // HTTP_PROXY is none: in a CGI program it is a header of the request (CVE-2016-5385).
  for (const char* name : {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY",
                           "no_proxy", "NO_PROXY"})
    if (auto value = get(name); value && !value->empty()) found.emplace(name, *std::move(value));
  return found;
}

}  // namespace host
