// SPDX-License-Identifier: Apache-2.0
//
// What stands in the target of a request to the admin API. All throw Error{usage}.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "http/server.hpp"

namespace host {

// Empty where it isn't there.
[[nodiscard]] std::string query_value(const ServerRequest& request, const std::string& key);
// A whole number, not negative. `what` names it in errors.
[[nodiscard]] std::int64_t number_in(std::string_view text, std::string_view what);
// How many rows a page has at most; 50 where nobody says.
[[nodiscard]] int limit_in(std::string_view text);

}  // namespace host
