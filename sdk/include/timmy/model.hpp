// SPDX-License-Identifier: Apache-2.0
//
// model/1 and the numbers that it shares with tokens/1. What holds for all of timmy/services.hpp
// holds here. Since SDK 1.1.
#pragma once

#include <timmy/caller.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace timmy {

// What calls used, in tokens. What came from a cache or went into one is part of `input`, what the
// model thought before it answered is part of `output`.
struct TokenUsage {
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t cache_read = 0;
  std::int64_t cache_write = 0;
  std::int64_t reasoning = 0;

  [[nodiscard]] std::int64_t total() const { return input + output; }
  bool operator==(const TokenUsage&) const = default;

  // Of {"input_tokens", "output_tokens", ...}, as services and token_usage.jsonl have it.
  [[nodiscard]] static TokenUsage from(const Json& json) {
    return {json.value("input_tokens", std::int64_t{0}),
            json.value("output_tokens", std::int64_t{0}),
            json.value("cache_read_tokens", std::int64_t{0}),
            json.value("cache_write_tokens", std::int64_t{0}),
            json.value("reasoning_tokens", std::int64_t{0})};
  }
  // The same back: also what a task may add to its result.
  [[nodiscard]] Json json() const {
    Json all{{"input_tokens", input}, {"output_tokens", output}};
    if (cache_read != 0) all["cache_read_tokens"] = cache_read;
    if (cache_write != 0) all["cache_write_tokens"] = cache_write;
    if (reasoning != 0) all["reasoning_tokens"] = reasoning;
    return all;
  }
};

struct ModelOptions {
  // Of tokens/1.reserve. Zero: the call asks for what it needs by itself.
  std::int64_t reservation = 0;
  Milliseconds timeout{600'000};
  // "owner/name#12": counts against the caps of this issue, too. Of a job whose payload names one
  // ("repo" and "number", as webhooks do) every call does, and no other may be named. Needs
  // gitea.read or gitea.write for the repository; not with a reservation, which has its own.
  std::string issue{};
};

// What a call was charged.
struct ModelCharge {
  TokenUsage usage;
  // Dollars, where token_budget.json has a price.
  std::optional<double> cost;
  // The provider told no count that could be believed, so it is all that had been held.
  bool whole_hold = false;

  // Of the `charged` of model/1.
  [[nodiscard]] static ModelCharge from(const Json& json) {
    ModelCharge charge{TokenUsage::from(json), std::nullopt, json.value("source", "") == "hold"};
    if (const auto cost = json.find("cost_usd"); cost != json.end() && cost->is_number())
      charge.cost = cost->get<double>();
    return charge;
  }
};

// What a model answered: the provider's own JSON, as OpenAI's wire has it.
struct ModelReply {
  Json json;
  std::optional<ModelCharge> charged{};  // nullopt: the host doesn't say

  // The text of the first choice. Throws Permanent "bad_reply" where there is none.
  [[nodiscard]] std::string text() const {
    const Json* const message = first_message();
    if (message == nullptr) throw Permanent("bad_reply", "the model's reply has no message");
    const auto content = message->find("content");
    return content != message->end() && content->is_string() ? content->get<std::string>() : "";
  }
  [[nodiscard]] bool has_message() const { return first_message() != nullptr; }

  // As the provider says; nullopt where it doesn't. `charged` is what counts.
  [[nodiscard]] std::optional<TokenUsage> usage() const {
    const Json* const said = member(json, "usage");
    if (said == nullptr || !number(*said, "prompt_tokens")) return std::nullopt;
    TokenUsage usage;
    usage.input = number(*said, "prompt_tokens").value_or(0);
    usage.output = number(*said, "completion_tokens").value_or(0);
    if (const Json* const input = member(*said, "prompt_tokens_details"))
      usage.cache_read = number(*input, "cached_tokens").value_or(0);
    if (const Json* const output = member(*said, "completion_tokens_details"))
      usage.reasoning = number(*output, "reasoning_tokens").value_or(0);
    return usage;
  }

 private:
  static const Json* member(const Json& of, const char* name) {
    if (!of.is_object()) return nullptr;
    const auto found = of.find(name);
    return found != of.end() && found->is_object() ? &*found : nullptr;
  }
  static std::optional<std::int64_t> number(const Json& of, const char* name) {
    const auto found = of.find(name);
    if (found == of.end() || !found->is_number_integer()) return std::nullopt;
    return found->get<std::int64_t>();
  }
  [[nodiscard]] const Json* first_message() const {
    if (!json.is_object()) return nullptr;
    const auto choices = json.find("choices");
    if (choices == json.end() || !choices->is_array() || choices->empty()) return nullptr;
    return member(choices->front(), "message");
  }
};

// model/1: models, asked by the host with its own keys. Needs the grant model: route, a name of
// host.yaml's model.routes. What a call may use is held before it leaves, and it is charged with
// what it used; nothing of it needs to be reported. Where a cap of token_budget.json is in the way
// the call throws
//   Retryable  "rate_limited"  where waiting helps. A run that fails with it waits, at no cost,
//              until the cap begins anew
//   Retryable  "busy"          where others hold what is left: a run that fails with it is begun
//              anew in half a minute, some times at no cost
//   Permanent  "denied"        where it doesn't: the message says which cap, and how much is left
// A dry run changes nothing here.
class Model {
 public:
  explicit Model(Caller caller) : caller_(caller) {}

  // OpenAI's chat completion: {"model", "messages", ...}, without "stream".
  [[nodiscard]] ModelReply chat(const std::string& route, const Json& request,
                                const ModelOptions& options = {}) const {
    return ask("model/1.chat", route, request, options);
  }
  // OpenAI's embeddings: {"model", "input"}.
  [[nodiscard]] ModelReply embed(const std::string& route, const Json& request,
                                 const ModelOptions& options = {}) const {
    return ask("model/1.embed", route, request, options);
  }
  // The models that may be asked there, sorted. Costs no tokens.
  [[nodiscard]] std::vector<std::string> models(const std::string& route) const {
    return caller_.call("model/1.models", {{"route", route}}).at("models");
  }

 private:
  [[nodiscard]] ModelReply ask(const char* method, const std::string& route, const Json& request,
                               const ModelOptions& options) const {
    Json params{{"route", route}, {"request", request}, {"timeout_ms", options.timeout.count()}};
    if (options.reservation != 0) params["reservation"] = options.reservation;
    if (!options.issue.empty()) params["issue"] = options.issue;
    const Json answer = caller_.call(method, params);
    ModelReply reply{answer.at("reply")};
    if (const auto charged = answer.find("charged"); charged != answer.end())
      reply.charged = ModelCharge::from(*charged);
    return reply;
  }

  Caller caller_;
};

}  // namespace timmy
