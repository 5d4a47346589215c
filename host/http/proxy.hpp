// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>

namespace host {

// The variables by which libcurl finds its way through a proxy, those that are set: this process's
// client reads them by itself, and another program needs them to go the same way. `get` looks one
// up. They may hold a password for the proxy. What lies on this machine is to be asked without
// them.
[[nodiscard]] std::map<std::string, std::string> proxy_variables(
    const std::function<std::optional<std::string>(const std::string& name)>& get);

}  // namespace host
