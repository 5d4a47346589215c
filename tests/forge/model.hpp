// SPDX-License-Identifier: Apache-2.0
//
// A model endpoint as OpenAI's clients expect one, small enough to know its every answer: it
// counts words as tokens and says the same thing each time.
#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "http/server.hpp"

namespace host::forge {

struct ModelState {
  std::vector<std::string> keys;  // accepted after "Bearer "; empty: anything, also nothing
  std::vector<std::string> models = {"tiny"};
  std::string reply = "All is well.";
  // Written by the endpoint.
  std::int64_t calls = 0;  // completions answered with 200
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
};

// Whether the model, not the forge, answers this path: all below /v1/.
[[nodiscard]] bool is_model_path(const ServerRequest& request);

// GET /v1/models and POST /v1/chat/completions, whole or as server-sent events. Never throws.
[[nodiscard]] ServerResponse answer_model(ModelState& state, const ServerRequest& request,
                                          WallTime now);

}  // namespace host::forge
