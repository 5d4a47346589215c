// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/json.hpp"

namespace bench {

// Runs a script of Python with these arguments, and returns what it printed, which is JSON. By
// $PYTHON, or what is found beside the system's own. Throws host::Error where it says nothing.
[[nodiscard]] host::Json run_python(const std::string& script,
                                    const std::vector<std::string>& arguments);

}  // namespace bench
