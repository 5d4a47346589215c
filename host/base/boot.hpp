// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace host {

// The kernel's name for this boot; "" where it has none, which is then always another one.
[[nodiscard]] std::string this_boot();

}  // namespace host
