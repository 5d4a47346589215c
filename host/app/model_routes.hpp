// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "config/host_config.hpp"
#include "tokens/routes.hpp"

namespace host {

// The operator's routes to models, as the meter takes them. Throws Error{invalid} on one that may
// not be used.
[[nodiscard]] std::shared_ptr<const ModelRoutes> model_routes(const HostConfig& config);

}  // namespace host
