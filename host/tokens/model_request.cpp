// SPDX-License-Identifier: Apache-2.0
#include "tokens/model_request.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"

namespace host {
namespace {

constexpr int kDepth = 48;
constexpr std::size_t kValues = std::size_t{1} << 20;

// By these, upstreams that are themselves gateways would take another model, provider or key than
// the one that was looked at.
constexpr std::array kElsewhere{"models",     "fallbacks",
                                "preset",     "context_window_fallbacks",
                                "api_base",   "content_policy_fallbacks",
                                "base_url",   "custom_llm_provider",
                                "api_key",    "api_version",
                                "extra_body", "extra_headers",
                                "model_list", "user_config"};
// By these, more would be written than max_tokens allows.
constexpr std::array kUnbounded{"best_of",        "n_predict",         "num_predict",
                                "max_length",     "max_output_tokens", "max_new_tokens",
                                "use_beam_search"};
// What is read here.
constexpr std::array kRead{"model",    "stream",      "stream_options",        "n",
                           "input",    "messages",    "max_completion_tokens", "max_tokens",
                           "provider", "service_tier"};

[[noreturn]] void refuse(const std::string& why, const std::string& next_step = {}) {
  throw Error(Code::invalid, "the request: " + why, next_step);
}

template <class Names>
bool is_among(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// There are upstreams to whom "Model" and "model" are one, and the last of both counts.
void check_keys(const Json& request) {
  for (const auto& [key, value] : request.items()) {
    if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return c >= 0x80; }))
      refuse("the key \"" + key + "\" holds a letter that is not ASCII");
    const auto plain = folded(key);
    if (is_among(kElsewhere, plain))
      refuse("\"" + key + "\" would send it elsewhere than its route goes",
             "Leave it out; ask the operator for a route.");
    if (is_among(kUnbounded, plain))
      refuse("\"" + key + "\" asks for more output than can be bounded",
             "Leave it out; max_tokens bounds the output, n is how many choices.");
    if (is_among(kRead, plain) && plain != key)
      refuse("\"" + key + "\" must be written \"" + plain + "\"");
  }
}

bool flag(const Json& request, const char* key) {
  const auto found = request.find(key);
  if (found == request.end() || found->is_null()) return false;
  if (!found->is_boolean()) refuse("\"" + std::string(key) + "\" must be true or false");
  return found->get<bool>();
}

std::optional<std::int64_t> count(const Json& request, const char* key) {
  const auto found = request.find(key);
  if (found == request.end() || found->is_null()) return std::nullopt;
  const bool fits = found->is_number_unsigned()
                        ? found->get<std::uint64_t>() <= std::uint64_t{INT64_MAX}
                        : found->is_number_integer();
  if (!fits || found->get<std::int64_t>() < 1)
    refuse("\"" + std::string(key) + "\" must be a whole number from 1 on");
  return found->get<std::int64_t>();
}

// There are tiers at twice the price.
void check_tier(const Json& request) {
  const auto tier = request.find("service_tier");
  if (tier == request.end() || tier->is_null() || *tier == "auto" || *tier == "default") return;
  refuse("\"service_tier\" may be \"auto\" or \"default\": others have another price",
         "Leave it out.");
}

// Preferences among those who serve a model, where the upstream is a gateway.
void check_preferences(const Json& value, const BannedModels& banned) {
  if (value.is_string()) {
    const auto name = folded(value.get_ref<const std::string&>());
    const auto ban = banned.banning("-", name);
    if (!ban.empty())
      throw Error(Code::denied, "the request: \"provider\" prefers a banned one: " + ban,
                  "Leave it out, or ask the operator (host.yaml, model: banned:).");
  }
  if (value.is_structured())
    for (const auto& each : value) check_preferences(each, banned);
}

// Pictures, sounds and files among the parts of messages: whatever is not known to be text.
std::int64_t media_of(const Json& messages) {
  std::int64_t media = 0;
  for (const auto& message : messages) {
    if (!message.is_object()) continue;
    if (const auto audio = message.find("audio"); audio != message.end() && !audio->is_null())
      ++media;
    const auto content = message.find("content");
    if (content == message.end() || !content->is_array()) continue;
    for (const auto& part : *content) {
      if (!part.is_object()) continue;
      const auto type = part.find("type");
      const bool text = type != part.end() && (*type == "text" || *type == "refusal");
      media += text ? 0 : 1;
    }
  }
  return media;
}

Tokens input_bound(std::size_t bytes, std::int64_t media, const ModelRoute& route) {
  const auto size = static_cast<std::int64_t>(bytes);
  const auto text = size / route.bytes_per_token + (size % route.bytes_per_token != 0 ? 1 : 0);
  return Tokens(text + media * kMediaBound.count());
}

// One of the two, whichever the client chose: OpenAI's newer models know only the one, most other
// servers only the other, and a server passes over what it doesn't know.
std::string output_field_of(const ModelRoute& route) {
  const auto provider = folded(route.provider);
  return provider == "openai" || provider == "azure" ? "max_completion_tokens" : "max_tokens";
}

std::string model_of(const Json& request) {
  const auto model = request.find("model");
  if (model == request.end() || !model->is_string()) refuse("\"model\" must be a model's name");
  return model->get<std::string>();
}

void bound_output(PreparedCall& call, const Json& request, const ModelRoute& route) {
  const auto choices = count(request, "n").value_or(1);
  if (choices > kMostChoices)
    refuse("\"n\" must be at most " + std::to_string(kMostChoices), "Ask several times.");
  const auto older = count(request, "max_tokens");
  const auto newer = count(request, "max_completion_tokens");
  const auto most = route.max_output.count();
  const auto each =
      std::min(most, older || newer ? std::max(older.value_or(1), newer.value_or(1)) : most);
  call.choices = choices;
  call.ask.output = Tokens(choices * each);
  call.ask.least_output = Tokens(choices * std::min(each, kLeastOutput));
  call.output_field = output_field_of(route);
  call.request.erase("max_tokens");
  call.request.erase("max_completion_tokens");
}

void ask_for_usage(PreparedCall& call, const Json& request) {
  Json options = Json::object();
  const auto given = request.find("stream_options");
  if (given != request.end() && !given->is_null()) {
    if (!given->is_object()) refuse("\"stream_options\" must be an object");
    options = *given;
  }
  call.usage_wanted = flag(options, "include_usage");
  options["include_usage"] = true;
  call.request.set("stream_options", to_text(options));
}

}  // namespace

std::string PreparedCall::body(Tokens output) {
  if (!output_field.empty())
    request.set(output_field, std::to_string(std::max<std::int64_t>(output.count() / choices, 1)));
  return request.text();
}

PreparedCall prepare_call(ModelCallKind kind, std::string text, const ModelRoute& route,
                          const BannedModels& banned) {
  if (text.size() > kModelRequestCap)
    throw Error(Code::too_large,
                "the request is larger than " + std::to_string(kModelRequestCap >> 20) + " MiB");
  const Json request = parse_json(text, "the request", kDepth, kValues);
  if (!request.is_object()) refuse("it must be a JSON object");
  check_keys(request);
  check_tier(request);
  const auto model = choose_model(route, banned, model_of(request));
  if (const auto given = request.find("provider"); given != request.end())
    check_preferences(*given, banned);

  const bool chat = kind == ModelCallKind::chat;
  const auto asked = request.find(chat ? "messages" : "input");
  if (asked == request.end() || (chat && !asked->is_array()))
    refuse(chat ? "\"messages\" must be an array" : "\"input\" is missing");
  const auto bound = input_bound(text.size(), chat ? media_of(*asked) : 0, route);
  PreparedCall call{kind,
                    model.account,
                    flag(request, "stream"),
                    false,
                    1,
                    {model.account, bound, {}, {}},
                    JsonObjectText(std::move(text)),
                    {}};
  if (!chat && call.stream) refuse("embeddings are not streamed");
  call.request.set("model", to_text(Json(model.upstream)));
  if (chat) bound_output(call, request, route);
  if (call.stream) ask_for_usage(call, request);
  return call;
}

}  // namespace host
