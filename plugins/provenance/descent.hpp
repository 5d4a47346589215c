// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "session.hpp"

namespace provenance {

[[nodiscard]] std::string_view to_text(Descent descent);

// By the marks that Hermes leaves in a session's model_config, a JSON text; none: it has no mark.
[[nodiscard]] Descent marked_descent(std::string_view model_config);

// Of a session that has a parent and no mark, by how the parent ended: as older versions have it.
// What ended in no way that others go on from has sub-agents; so has one that was reset, since a
// session that it asked for before would else be free of it.
[[nodiscard]] Descent descent_after(std::string_view parents_end_reason);

}  // namespace provenance
