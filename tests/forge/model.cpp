// SPDX-License-Identifier: Apache-2.0
#include "forge/model.hpp"

#include <algorithm>
#include <sstream>

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/result.hpp"

namespace host::forge {
namespace {

ServerResponse json(int status, const Json& value) {
  return {status, {{"Content-Type", "application/json"}}, to_text(value), std::nullopt};
}

ServerResponse fail(int status, const std::string& message, const std::string& code) {
  return json(status, {{"error",
                        {{"message", message},
                         {"type", "invalid_request_error"},
                         {"param", nullptr},
                         {"code", code}}}});
}

std::vector<std::string> words(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> all;
  for (std::string word; stream >> word;) all.push_back(word);
  return all;
}

bool contains(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

bool allowed(const ModelState& state, const ServerRequest& request) {
  if (state.keys.empty()) return true;
  const auto* header = request.header("authorization");
  return header != nullptr && header->starts_with("Bearer ") &&
         contains(state.keys, header->substr(7));
}

ServerResponse list(const ModelState& state) {
  Json data = Json::array();
  for (const auto& name : state.models)
    data.push_back(
        {{"id", name}, {"object", "model"}, {"created", 1767225600}, {"owned_by", "timmy"}});
  return json(200, {{"object", "list"}, {"data", data}});
}

struct Completion {
  std::string id, model, text, finish;
  std::int64_t created = 0, input = 0, output = 0;
};

Json usage(const Completion& made) {
  return {{"prompt_tokens", made.input},
          {"completion_tokens", made.output},
          {"total_tokens", made.input + made.output}};
}

// The fields that a whole answer and a chunk share.
Json envelope(const Completion& made, const char* object) {
  return {{"id", made.id}, {"object", object}, {"created", made.created}, {"model", made.model}};
}

ServerResponse whole(const Completion& made) {
  Json body = envelope(made, "chat.completion");
  body["choices"] = Json::array({{{"index", 0},
                                  {"message", {{"role", "assistant"}, {"content", made.text}}},
                                  {"finish_reason", made.finish}}});
  body["usage"] = usage(made);
  return json(200, body);
}

ServerResponse streamed(const Completion& made, bool with_usage) {
  std::string body;
  const auto event = [&](const Json& choices, const Json& used) {
    Json chunk = envelope(made, "chat.completion.chunk");
    chunk["choices"] = choices;
    if (with_usage) chunk["usage"] = used;
    body += "data: " + to_text(chunk) + "\n\n";
  };
  const auto choice = [](const Json& delta, const Json& finish) {
    return Json::array({{{"index", 0}, {"delta", delta}, {"finish_reason", finish}}});
  };
  event(choice({{"role", "assistant"}, {"content", ""}}, nullptr), nullptr);
  for (const auto& word : words(made.text))
    event(choice({{"content", word + " "}}, nullptr), nullptr);
  event(choice(Json::object(), made.finish), nullptr);
  if (with_usage) event(Json::array(), usage(made));
  body += "data: [DONE]\n\n";
  return {200, {{"Content-Type", "text/event-stream"}}, body, std::nullopt};
}

// Throws what Json throws when the body is not of its form.
ServerResponse complete(ModelState& state, const Json& body, WallTime now) {
  Completion made;
  made.model = body.at("model").get<std::string>();
  if (!contains(state.models, made.model))
    return fail(404, "The model `" + made.model + "` does not exist", "model_not_found");
  for (const auto& message : body.at("messages"))
    made.input +=
        static_cast<std::int64_t>(words(message.at("content").get<std::string>()).size()) + 3;
  auto said = words(state.reply);
  made.finish = "stop";
  const auto cap = body.value("max_tokens", body.value("max_completion_tokens", std::int64_t{256}));
  if (cap < static_cast<std::int64_t>(said.size()))
    said.resize(static_cast<std::size_t>(std::max<std::int64_t>(cap, 0))), made.finish = "length";
  for (const auto& word : said) made.text += (made.text.empty() ? "" : " ") + word;
  made.output = static_cast<std::int64_t>(said.size());
  made.created = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  made.id = "chatcmpl-" + std::to_string(++state.calls);
  state.input_tokens += made.input;
  state.output_tokens += made.output;
  if (!body.value("stream", false)) return whole(made);
  return streamed(made, body.value("stream_options", Json::object()).value("include_usage", false));
}

}  // namespace

bool is_model_path(const ServerRequest& request) {
  return !request.segments.empty() && request.segments[0] == "v1";
}

ServerResponse answer_model(ModelState& state, const ServerRequest& request, WallTime now) {
  if (!allowed(state, request)) return fail(401, "Incorrect API key provided", "invalid_api_key");
  if (request.path == "/v1/models" && request.method == "GET") return list(state);
  if (request.path != "/v1/chat/completions" || request.method != "POST")
    return fail(404, "Invalid URL (" + request.method + " " + request.path + ")", "unknown_url");
  try {
    return complete(state, parse_json(request.body, "the request"), now);
  } catch (...) {
    return fail(400, current_error().message(), "invalid_request");
  }
}

}  // namespace host::forge
