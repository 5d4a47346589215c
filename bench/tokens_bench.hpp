// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "figure.hpp"

namespace bench {

// tokens.check_growth and tokens.insert_growth: a hold, and its settlement with a row of the
// ledger, with 10,000,000 rows there, against 100.
void tokens_growth(const Output& output);

}  // namespace bench
