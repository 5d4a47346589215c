// SPDX-License-Identifier: Apache-2.0
#include "tokens/request_fields.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "tokens/spender.hpp"

namespace host {
namespace {

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
constexpr std::array kUnbounded{
    "best_of",           "n_predict",      "num_predict",     "max_length",
    "max_output_tokens", "max_new_tokens", "use_beam_search", "n_cmpl"};
// By these, a model would read what neither the request's bytes nor its media show: what a server
// finds by itself, or writes by a template of the client's; or media would be cut into more tokens.
constexpr std::array kUnseen{
    "plugins",        "web_search_options",  "search_parameters", "enable_search",
    "search_options", "data_sources",        "vector_store_ids",  "prompt_id",
    "chat_template",  "mm_processor_kwargs", "media_io_kwargs"};
// What a template may do with values of the client's nobody knows; a switch it can only follow.
constexpr std::array kSwitches{"chat_template_kwargs", "chat_template_args"};
// What a tool may hold. A gateway tells its own tools (a search, a program that it runs) by a
// member as well as by the type, and there is no end to their names.
constexpr std::array kOfTool{"type",       "function", "custom", "name",         "description",
                             "parameters", "format",   "strict", "cache_control"};
// What is read here.
constexpr std::array kRead{"model",
                           "stream",
                           "stream_options",
                           "n",
                           "input",
                           "messages",
                           "max_completion_tokens",
                           "max_tokens",
                           "provider",
                           "service_tier",
                           "tools",
                           "chat_template_kwargs",
                           "chat_template_args"};

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
    if (is_among(kUnseen, plain))
      refuse("\"" + key + "\" would have the model read more than the request shows",
             "Leave it out; put into the messages what the model is to read.");
    if (is_among(kRead, plain) && plain != key)
      refuse("\"" + key + "\" must be written \"" + plain + "\"");
  }
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

void check_switches(const Json& request) {
  for (const auto* key : kSwitches) {
    const auto given = request.find(key);
    if (given == request.end() || given->is_null()) continue;
    const bool plain =
        given->is_object() && std::all_of(given->begin(), given->end(),
                                          [](const Json& value) { return value.is_boolean(); });
    if (!plain)
      refuse("\"" + std::string(key) +
                 "\" may hold true and false only: by other values a template could have the model "
                 "read more than the request shows",
             "Leave the others out.");
  }
}

// A function's or a custom tool's answer comes with the next request; those of other kinds, such as
// a search, the server itself puts before the model.
[[noreturn]] void refuse_tool(const std::string& which) {
  refuse(which + " would have the model read more than the request shows",
         "Offer functions, and send what they answer.");
}

void check_tool(const Json& tool) {
  if (!tool.is_object()) refuse("a tool must be an object, not " + to_text(tool).substr(0, 60));
  const auto type = tool.find("type");
  if (type == tool.end())
    refuse_tool("a tool without a \"type\", " + to_text(tool).substr(0, 60) + ",");
  if (*type != "function" && *type != "custom")
    refuse_tool("a tool of the type " + to_text(*type).substr(0, 60));
  for (const auto& [key, value] : tool.items())
    if (!is_among(kOfTool, key)) refuse_tool("\"" + key.substr(0, 60) + "\" of a tool");
}

void check_tools(const Json& request) {
  const auto tools = request.find("tools");
  if (tools == request.end() || tools->is_null()) return;
  if (!tools->is_array()) refuse("\"tools\" must be a list");
  for (const auto& tool : *tools) check_tool(tool);
}

}  // namespace

void check_fields(const Json& request, const BannedModels& banned) {
  check_keys(request);
  check_tier(request);
  check_switches(request);
  check_tools(request);
  if (const auto given = request.find("provider"); given != request.end())
    check_preferences(*given, banned);
}

}  // namespace host
