// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <timmy/context.hpp>

namespace heartbeat {

// A model behind one of the host's routes, asked through model/1.
struct Model {
  std::string route;  // empty: none is configured
  std::string name;   // empty: the first that the route has

  // From the plugin's config "model", and with its defaults for what is left out.
  [[nodiscard]] static Model from(const timmy::Json& config);

  // Whether the route has this model. Costs no tokens. Returns {"model", "models"}. Throws
  // Retryable "model_unavailable" where it has none, Permanent "no_such_model", and what model/1
  // throws.
  [[nodiscard]] timmy::Json list(timmy::Context& ctx) const;

  // Has the model answer a small completion. Returns {"model", "input_tokens", "output_tokens"}, as
  // the provider counts them. Throws as list() does; Retryable "bad_reply" for an answer that is
  // none.
  [[nodiscard]] timmy::Json complete(timmy::Context& ctx) const;
};

}  // namespace heartbeat
