// SPDX-License-Identifier: Apache-2.0
//
// What a run sends the meter. It is refused with an Error, or what leaves is JSON that names a
// model of the route, bounds its output within what was granted, and asks a stream for its usage;
// and what the meter does not know of is in it as it was.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "base/json.hpp"
#include "tokens/model_request.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

host::ModelRoute route() {
  host::ModelRoute route;
  route.name = "main";
  route.url = "https://models.example/v1";
  route.provider = "acme";
  route.models = {"small-1", "big-*", "*/mini*"};
  route.max_output = host::Tokens(1000);
  return route;
}

void check_sent(host::ModelCallKind kind, const host::Json& asked, host::PreparedCall& call) {
  const host::BannedModels banned({"anthropic"}, {"*claude*"});
  const bool chat = kind == host::ModelCallKind::chat;
  const host::Tokens granted(call.ask.least_output);
  const auto sent = host::parse_json(call.body(granted), "what is sent");
  const auto model = sent.at("model").get<std::string>();
  require(!host::choose_model(route(), banned, model).upstream.empty());
  require(banned.banning("acme", call.model.model).empty());
  require(sent.contains("max_tokens") == chat && !sent.contains("max_completion_tokens"));
  if (chat) {
    const auto most = sent["max_tokens"].get<std::int64_t>();
    require(most >= 1 && most * call.choices <= granted.count());
    require(sent.value("n", host::Json()).is_null() || sent["n"] == call.choices);
  }
  if (call.stream) require(sent["stream_options"]["include_usage"] == true);
  for (const auto& [key, value] : asked.items())
    if (key != "model" && key != "max_tokens" && key != "max_completion_tokens" &&
        key != "stream_options")
      require(sent.at(key) == value);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto kind : {host::ModelCallKind::chat, host::ModelCallKind::embeddings}) {
    try {
      auto call = host::prepare_call(kind, std::string(text), route(),
                                     host::BannedModels({"anthropic"}, {"*claude*"}));
      require(call.ask.input >= host::Tokens(static_cast<std::int64_t>(size)));
      require(call.ask.output >= call.ask.least_output);
      require(call.ask.output <= host::Tokens(1000 * host::kMostChoices));
      check_sent(kind, host::parse_json(text, "what was asked"), call);
    } catch (const host::Error& error) {
      require(!error.message().empty() && error.code() != host::Code::internal);
    }
  }
  return 0;
}
