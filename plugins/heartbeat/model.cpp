// SPDX-License-Identifier: Apache-2.0
#include "model.hpp"

#include <algorithm>
#include <cstdint>

namespace heartbeat {
namespace {

using timmy::Json;

constexpr std::size_t kExcerpt = 200;

// Enough for a word, and for the preamble of a model that thinks first.
constexpr int kMaxTokens = 16;

// The ids of a reply of GET /models: {"data": [{"id": "..."}]}.
std::vector<std::string> ids(const Json& reply) {
  std::vector<std::string> all;
  if (!reply.is_object() || !reply.contains("data") || !reply["data"].is_array())
    throw timmy::Retryable("bad_reply", "expected {\"data\": [...]} from /models");
  for (const auto& model : reply["data"])
    if (model.is_object()) all.push_back(model.value("id", ""));
  return all;
}

// Tokens as the endpoint counts them; zero where it says nothing, or null.
std::int64_t count_of(const Json& reply, const char* key) {
  const auto usage = reply.find("usage");
  if (usage == reply.end() || !usage->is_object()) return 0;
  const auto count = usage->find(key);
  return count != usage->end() && count->is_number() ? count->get<std::int64_t>() : 0;
}

void check(const timmy::HttpResponse& response, const std::string& url) {
  if (response.ok()) return;
  const std::string text = url + " answered " + std::to_string(response.status) + ": " +
                           response.body.substr(0, kExcerpt);
  if (response.status == 401 || response.status == 403)
    throw timmy::Permanent("model_denied", text + "; check model.credential");
  if (response.status == 404) throw timmy::Permanent("no_such_model", text);
  throw timmy::Retryable("model_unavailable", text);
}

}  // namespace

Model Model::from(const Json& config) {
  Model model{config.value("url", ""), config.value("name", ""), config.value("credential", "")};
  while (model.url.ends_with('/')) model.url.pop_back();
  return model;
}

Json Model::ask(timmy::Context& ctx, timmy::HttpRequest request) const {
  request.credential = credential;
  const auto response = ctx.http().request(request);
  check(response, request.url);
  Json reply = Json::parse(response.body, nullptr, false);
  if (!reply.is_object())
    throw timmy::Retryable("bad_reply", request.url + " did not answer with a JSON object");
  return reply;
}

Json Model::list(timmy::Context& ctx) const {
  const auto models = ids(ask(ctx, {.url = url + "/models"}));
  if (models.empty()) throw timmy::Retryable("model_unavailable", url + " lists no model");
  const bool listed = std::find(models.begin(), models.end(), name) != models.end();
  if (!name.empty() && !listed)
    throw timmy::Permanent("no_such_model", url + " does not list \"" + name + "\" among its " +
                                                std::to_string(models.size()) + " models");
  return {{"model", name.empty() ? models.front() : name}, {"models", models.size()}};
}

Json Model::complete(timmy::Context& ctx) const {
  const std::string model = name.empty() ? list(ctx).at("model").get<std::string>() : name;
  const Json request{{"model", model},
                     {"messages", {{{"role", "user"}, {"content", "Answer with the word: ok"}}}},
                     {"max_tokens", kMaxTokens}};
  const Json reply = ask(ctx, {.method = "POST",
                               .url = url + "/chat/completions",
                               .headers = {{"content-type", "application/json"}},
                               .body = request.dump(),
                               .timeout = std::chrono::minutes(2)});
  if (!reply.contains("choices") || !reply["choices"].is_array() || reply["choices"].empty() ||
      !reply["choices"][0].is_object() || !reply["choices"][0].contains("message"))
    throw timmy::Retryable("bad_reply", "the completion of \"" + model + "\" has no message");
  return {{"model", model},
          {"input_tokens", count_of(reply, "prompt_tokens")},
          {"output_tokens", count_of(reply, "completion_tokens")}};
}

}  // namespace heartbeat
