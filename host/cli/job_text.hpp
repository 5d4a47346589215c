// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <iosfwd>

#include "base/json.hpp"

namespace host::cli {

// A job of the admin API, with its attempts, for people.
void print_job(std::ostream& out, const Json& job);

}  // namespace host::cli
