// SPDX-License-Identifier: Apache-2.0
#include "tokens/model_request.hpp"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/json.hpp"
#include "tokens/request_fields.hpp"

namespace host {
namespace {

constexpr int kDepth = 48;
constexpr std::size_t kValues = std::size_t{1} << 20;

[[noreturn]] void refuse(const std::string& why, const std::string& next_step = {}) {
  throw Error(Code::invalid, "the request: " + why, next_step);
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

// Where servers take the place of a sound, a film or a file from.
bool names_a_place(const std::string& key) {
  return key.ends_with("url") || key.ends_with("uri") || key == "data" || key == "file_data" ||
         key == "audio" || key == "video";
}

// What lies elsewhere may be of any size; a picture may lie there, since kMediaBound is the most
// that any is.
void check_lies_here(const std::string& key, const Json& value) {
  if (key == "image_url") return;
  if (key == "file_id" && value.is_string())
    refuse("a file that is named by its id may be of any size", "Send it itself, as file_data.");
  constexpr std::size_t kLongestScheme = 12;
  if (value.is_string() && names_a_place(key) &&
      value.get_ref<const std::string&>().find("://") <= kLongestScheme)
    refuse("\"" + key + "\" names what lies elsewhere and may be of any size",
           "Send it itself, as base64.");
  if (value.is_object())
    for (const auto& [name, member] : value.items()) check_lies_here(folded(name), member);
  if (value.is_array())
    for (const auto& each : value) check_lies_here(key, each);
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
      if (type != part.end() && (*type == "text" || *type == "refusal")) continue;
      check_lies_here("", part);
      ++media;
    }
  }
  return media;
}

// What of an embedding's input is neither text nor tokens.
std::int64_t media_of_input(const Json& input) {
  if (!input.is_array()) return input.is_object() ? 1 : 0;
  check_lies_here("", input);
  return std::count_if(input.begin(), input.end(),
                       [](const Json& each) { return each.is_object(); });
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
  check_fields(request, banned);
  const auto model = choose_model(route, banned, model_of(request));

  const bool chat = kind == ModelCallKind::chat;
  const auto asked = request.find(chat ? "messages" : "input");
  if (asked == request.end() || (chat && !asked->is_array()))
    refuse(chat ? "\"messages\" must be an array" : "\"input\" is missing");
  if (!chat && request.contains("messages"))
    refuse("embeddings are made of \"input\", not of \"messages\"");
  const auto media = chat ? media_of(*asked) : media_of_input(*asked);
  const auto bound = input_bound(text.size(), media, route);
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
