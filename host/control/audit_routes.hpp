// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "base/json.hpp"
#include "base/result.hpp"
#include "services/audit.hpp"

namespace host {

class Store;

// GET /v1/audit: {"audit": [{"id", "at", "who", "what", "target", "result"}], "next"}, newest
// first; served too while nothing can be stored. The next page begins `before` the number in
// `next`; null: there are no more. Loop thread.
void read_audit(Store& store, AuditFilter filter, std::optional<std::int64_t> before, int limit,
                Reply<Json> done);

}  // namespace host
