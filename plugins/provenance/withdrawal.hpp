// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "index.hpp"
#include "judgement.hpp"
#include "output.hpp"
#include "progress.hpp"

namespace provenance {

struct TakenOut {
  std::int64_t withdrawn = 0;  // pairs that nobody allows any longer
  std::int64_t changed = 0;    // allowed, but otherwise than their line says
};

// Takes each pair out of index and draft for which consent is not what it was when it came out.
// What the index does not know of a session's lineage allows nothing.
[[nodiscard]] TakenOut take_out(Index& index, const Judge& judge, Draft& draft, Progress& progress);

}  // namespace provenance
