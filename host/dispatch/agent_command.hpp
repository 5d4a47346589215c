// SPDX-License-Identifier: Apache-2.0
//
// Any program as an agent: it is started in the clone with its arguments as they stand, gets the
// prompt on its standard input or as a file whose path is its last argument, and finds the model at
// OPENAI_BASE_URL with OPENAI_API_KEY.
#pragma once

#include <memory>

#include "dispatch/agent.hpp"

namespace host::dispatch {

// Throws Error{not_found} when there is no such program.
[[nodiscard]] std::unique_ptr<Agent> make_command(const AgentSettings& settings,
                                                  const AgentPlaces& places);

}  // namespace host::dispatch
