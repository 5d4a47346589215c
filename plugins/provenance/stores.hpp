// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <timmy/job.hpp>

#include "source.hpp"

namespace provenance {

// Every store that the plugin's config names, by its keys `homes`, `runs`, `transcripts` and
// `exports`. What is not there is no trouble; what is there and not granted is one. `is_cancelled`
// is asked while it reads, from the thread that reads.
[[nodiscard]] std::unique_ptr<SessionSource> open_stores(const timmy::Json& config,
                                                         std::function<bool()> is_cancelled);

}  // namespace provenance
