// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <algorithm>

namespace heartbeat {
namespace {

using timmy::Json;

// Enough for a word, and for the preamble of a model that thinks first.
constexpr int kMaxTokens = 16;

}  // namespace

Model Model::from(const Json& config) {
  return {config.value("route", ""), config.value("name", "")};
}

Json Model::list(timmy::Context& ctx) const {
  const auto models = ctx.model().models(route);
  if (models.empty())
    throw timmy::Retryable("model_unavailable", "route \"" + route + "\" lists no model");
  const bool listed = std::find(models.begin(), models.end(), name) != models.end();
  if (!name.empty() && !listed)
    throw timmy::Permanent("no_such_model", "route \"" + route + "\" does not list \"" + name +
                                                "\" among its " + std::to_string(models.size()) +
                                                " models");
  return {{"model", name.empty() ? models.front() : name}, {"models", models.size()}};
}

Json Model::complete(timmy::Context& ctx) const {
  const std::string model = name.empty() ? list(ctx).at("model").get<std::string>() : name;
  const Json request{{"model", model},
                     {"messages", {{{"role", "user"}, {"content", "Answer with the word: ok"}}}},
                     {"max_tokens", kMaxTokens}};
  const auto reply = ctx.model().chat(route, request, {.timeout = std::chrono::minutes(2)});
  if (!reply.has_message())
    throw timmy::Retryable("bad_reply", "the completion of \"" + model + "\" has no message");
  const auto usage = reply.usage().value_or(timmy::TokenUsage{});
  return {{"model", model}, {"input_tokens", usage.input}, {"output_tokens", usage.output}};
}

}  // namespace heartbeat
