// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "figure.hpp"

namespace bench {

// provenance.vs_python, provenance.vs_parse and provenance.pss: a host's first pass over 8,000
// sessions, against a reader in Python that makes the same bytes, against reading and parsing
// alone, and what memory its worker has meanwhile.
void provenance_ingest(const Output& output);

// provenance.unchanged: a pass over stores in which nothing has changed.
void provenance_unchanged(const Output& output);

}  // namespace bench
