// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

#include "base/json.hpp"

namespace host::cli {

// What control/item_routes.hpp gives, for people.
void print_items(std::ostream& out, const Json& reply);
void print_item(std::ostream& out, const Json& item);
void print_order_preview(std::ostream& out, const Json& preview);

}  // namespace host::cli
