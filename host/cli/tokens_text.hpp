// SPDX-License-Identifier: Apache-2.0
//
// Tokens, costs and caps as tables, from the replies of the admin API.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>

#include "base/json.hpp"

namespace host::cli {

// "1,234,567"
[[nodiscard]] std::string grouped(std::int64_t count);
// "$12.34", two digits behind the point, more below a cent; "-" for nothing.
[[nodiscard]] std::string dollars_text(const Json& amount);

void print_today(std::ostream& out, const Json& reply);
void print_top(std::ostream& out, const Json& reply);
void print_rows(std::ostream& out, const Json& reply);
void print_import(std::ostream& out, const Json& report);
void print_budget(std::ostream& out, const Json& reply);
void print_explanation(std::ostream& out, const Json& reply);

// A row as a line of comma-separated values (RFC 4180), and the names of its columns.
[[nodiscard]] std::string csv_line(const Json& row);
[[nodiscard]] std::string csv_header();

}  // namespace host::cli
