// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/program_options.hpp>
#include <string>

#include "base/json.hpp"

namespace host::cli {

// An option that holds JSON: the text itself, @FILE, or - for standard input; {} when it was not
// given. Throws Error{invalid} with line and column.
[[nodiscard]] Json json_option(const boost::program_options::variables_map& given,
                               const std::string& name);

}  // namespace host::cli
