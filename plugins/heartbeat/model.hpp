// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <timmy/context.hpp>
#include <vector>

namespace heartbeat {

// An OpenAI-compatible endpoint, asked through http/1.
struct Model {
  std::string url;  // up to and with /v1; empty: none is configured
  std::string name;
  std::string credential;

  // From the plugin's config "model", and with its defaults for what is left out.
  [[nodiscard]] static Model from(const timmy::Json& config);

  // Whether the endpoint answers and lists this model. Costs no tokens. Returns {"model",
  // "models"}. Throws Retryable "model_unavailable" and "bad_reply", Permanent "model_denied" and
  // "no_such_model".
  [[nodiscard]] timmy::Json list(timmy::Context& ctx) const;

  // Has the model answer a small completion. Returns {"model", "input_tokens", "output_tokens"}, as
  // the endpoint counts them. Throws as list() does.
  [[nodiscard]] timmy::Json complete(timmy::Context& ctx) const;

 private:
  [[nodiscard]] timmy::Json ask(timmy::Context& ctx, timmy::HttpRequest request) const;
};

}  // namespace heartbeat
