// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <timmy/job.hpp>

#include "source.hpp"

namespace provenance {

// Every store that the plugin's config names.
[[nodiscard]] std::unique_ptr<SessionSource> open_stores(const timmy::Json& config);

}  // namespace provenance
