// SPDX-License-Identifier: Apache-2.0
#include "tokens/model_reply.hpp"

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/result.hpp"

namespace host {
namespace {

constexpr int kDepth = 48;
constexpr std::size_t kValues = std::size_t{1} << 20;
// Of a settled estimate, where a stream was cut for its length: what text mostly has.
constexpr std::size_t kUsualBytesOfToken = 4;

// nothing: there is none, or it is no number of tokens.
std::optional<Tokens> tokens_at(const Json& usage, const char* key) {
  const auto found = usage.find(key);
  if (found == usage.end() || !found->is_number_integer()) return std::nullopt;
  if (found->is_number_unsigned() &&
      found->get<std::uint64_t>() > static_cast<std::uint64_t>(kMostUsage.count()))
    return std::nullopt;
  const Tokens tokens(found->get<std::int64_t>());
  return tokens < Tokens(0) || tokens > kMostUsage ? std::nullopt : std::optional(tokens);
}

Tokens detail_of(const Json& usage, const char* group, const char* key, Tokens most) {
  const auto found = usage.find(group);
  if (found == usage.end() || !found->is_object()) return {};
  return std::min(tokens_at(*found, key).value_or(Tokens{}), most);
}

std::size_t text_bytes(const Json& value) {
  if (value.is_string()) return value.get_ref<const std::string&>().size();
  std::size_t bytes = 0;
  if (value.is_structured())
    for (const auto& each : value) bytes += text_bytes(each);
  return bytes;
}

// What a choice says, its words to a tool and its thoughts included; not ids and names of fields.
std::size_t said_bytes(const Json& message) {
  constexpr std::array kSaid{"content",   "reasoning_content", "reasoning",     "refusal",
                             "arguments", "tool_calls",        "function_call", "function",
                             "name",      "transcript",        "audio"};
  if (!message.is_object()) return text_bytes(message);
  std::size_t bytes = 0;
  for (const auto& [key, value] : message.items()) {
    if (std::find(kSaid.begin(), kSaid.end(), key) == kSaid.end()) continue;
    if (key == "tool_calls" && value.is_array())
      for (const auto& each : value) bytes += said_bytes(each);
    else
      bytes += value.is_object() ? said_bytes(value) : text_bytes(value);
  }
  return bytes;
}

const Json* choices_of(const Json& reply) {
  const auto found = reply.find("choices");
  return found != reply.end() && found->is_array() ? &*found : nullptr;
}

// Whether no count like this can stand beside so much text: there are upstreams that count nothing,
// or not all of it.
bool is_too_small(const TokenUsage& usage, std::size_t text) {
  if (usage.output == Tokens(0)) return text > 0;
  return text > kTextSlack + kTextBytesOfToken * static_cast<std::size_t>(usage.output.count());
}

// Whether a reply speaks of tokens that were used, be it to be believed or not.
bool tells_count(const Json& reply) {
  const auto usage = reply.find("usage");
  if (usage == reply.end() || !usage->is_object()) return false;
  return std::any_of(usage->begin(), usage->end(),
                     [](const Json& count) { return count.is_number() && count != 0; });
}

// {"error": {...}} or {"error": "..."}, and nothing that a model said.
bool is_only_error(const Json& reply) {
  const auto error = reply.find("error");
  if (error == reply.end() || reply.contains("choices") || reply.contains("data")) return false;
  return (error->is_object() || error->is_string()) && !error->empty();
}

TokenUsage greater(const TokenUsage& a, const TokenUsage& b) {
  TokenUsage most = a.total() >= b.total() ? a : b;
  most.input = std::max(a.input, b.input);
  most.output = std::max(a.output, b.output);
  return most;
}

}  // namespace

std::optional<TokenUsage> usage_of(const Json& reply) {
  const auto found = reply.find("usage");
  if (found == reply.end() || !found->is_object()) return std::nullopt;
  const auto& usage = *found;
  const auto input = tokens_at(usage, "prompt_tokens");
  // Embeddings have no output, and mostly don't say so.
  const bool answers = usage.contains("completion_tokens");
  const auto output = answers ? tokens_at(usage, "completion_tokens") : Tokens{};
  // There is no call without input: such a count was never made.
  if (!input || !output || *input < Tokens(1)) return std::nullopt;
  TokenUsage seen{*input, *output, {}, {}, {}};
  // Some leave the model's thoughts out of its output, and only count them in the total.
  const auto total = tokens_at(usage, "total_tokens").value_or(seen.total());
  const auto hidden = answers ? std::max(total - seen.total(), Tokens{}) : Tokens{};
  seen.output += hidden;
  seen.reasoning = std::min(std::max(hidden, detail_of(usage, "completion_tokens_details",
                                                       "reasoning_tokens", seen.output)),
                            seen.output);
  seen.cache_read = std::max(
      detail_of(usage, "prompt_tokens_details", "cached_tokens", seen.input),
      std::min(tokens_at(usage, "prompt_cache_hit_tokens").value_or(Tokens{}), seen.input));
  seen.cache_write = std::min(
      std::max(tokens_at(usage, "cache_creation_input_tokens").value_or(Tokens{}),
               detail_of(usage, "prompt_tokens_details", "cache_write_tokens", seen.input)),
      seen.input - seen.cache_read);
  return seen;
}

std::size_t text_bytes_of(const Json& reply) {
  std::size_t bytes = 0;
  if (const auto* choices = choices_of(reply))
    for (const auto& choice : *choices)
      for (const char* part : {"delta", "message", "text"})
        if (choice.is_object() && choice.contains(part)) bytes += said_bytes(choice[part]);
  return bytes;
}

CallEnd failed_end(int status, std::string_view text) {
  CallEnd end{.sent = true};
  const auto parsed = attempt([&] { return read_reply(text); });
  const bool counts = parsed.ok() && tells_count(parsed.value().body);
  if (counts) end.usage = parsed.value().usage;
  const bool no_room = status == 503 || status == 529;
  const bool refused = status / 100 == 4;
  end.declined =
      !counts && (refused || (no_room && parsed.ok() && is_only_error(parsed.value().body)));
  return end;
}

std::optional<Settlement> settlement_of(const CallEnd& end) {
  if (end.usage) return Settlement{end.usage, UsageSource::meter};
  if (!end.sent || end.declined) return std::nullopt;
  return Settlement{std::nullopt, UsageSource::hold};
}

WholeReply read_reply(std::string_view text) {
  WholeReply reply{parse_json(text, "the upstream's reply", kDepth, kValues), std::nullopt};
  if (!reply.body.is_object()) throw Error(Code::invalid, "the upstream's reply is no JSON object");
  reply.usage = usage_of(reply.body);
  if (reply.usage && is_too_small(*reply.usage, text_bytes_of(reply.body))) reply.usage.reset();
  return reply;
}

std::optional<WireError> reply_refusal(const Json& reply, std::string_view provider,
                                       const BannedModels& banned) {
  const auto model = reply.find("model");
  if (model == reply.end() || !model->is_string()) return std::nullopt;
  const auto ban = banned.banning(provider, folded(model->get<std::string>()));
  if (ban.empty()) return std::nullopt;
  return WireError{403, "invalid_request_error", "model_banned",
                   "the upstream answered by a model that is banned on this host by " + ban};
}

StreamWatch::StreamWatch(ReplyTerms terms, const BannedModels& banned)
    : terms_(std::move(terms)), banned_(&banned) {}

StreamWatch::Verdict StreamWatch::cut(WireError error) {
  failed_ = true;
  return {false, false, std::move(error)};
}

StreamWatch::Verdict StreamWatch::take(std::string_view data) {
  if (data == "[DONE]") {
    done_ = true;
    return {true, true, std::nullopt};
  }
  wire_bytes_ += data.size();
  Json piece;
  try {
    piece = parse_json(data, "an event of the stream", kDepth, kValues);
  } catch (const Error& error) {
    return cut(upstream_error(error));
  }
  if (!piece.is_object())
    return cut(
        {502, "server_error", "upstream_failed", "an event of the stream is no JSON object"});
  note(piece);
  if (auto refusal = changed_model_refusal(piece)) return cut(*refusal);
  if (const auto error = piece.find("error"); error != piece.end() && !error->is_null()) {
    failed_ = true;
    return {true, true, std::nullopt};
  }
  if (too_long_ || (!finished() && usage_ && usage_->output > terms_.hold.output))
    return cut({429, "insufficient_quota", "insufficient_quota",
                "the stream was cut: it ran past the " +
                    std::to_string(terms_.hold.output.count()) +
                    " output tokens that were held for it"});
  const auto* choices = choices_of(piece);
  const auto usage = piece.find("usage");
  const bool tells_usage = usage != piece.end() && !usage->is_null();
  const bool extra = choices != nullptr && choices->empty() && tells_usage;
  return {!extra || terms_.usage_wanted, false, std::nullopt};
}

std::optional<WireError> StreamWatch::finish() {
  if (done_ || failed_ || finished()) return std::nullopt;
  failed_ = true;
  return WireError{502, "server_error", "upstream_failed",
                   "the upstream closed the stream before its end"};
}

void StreamWatch::note(const Json& piece) {
  text_bytes_ += text_bytes_of(piece);
  if (const auto* choices = choices_of(piece)) {
    for (const auto& choice : *choices) {
      if (!choice.is_object()) continue;
      const auto reason = choice.find("finish_reason");
      const auto index = choice.find("index");
      if (reason == choice.end() || reason->is_null() || finished()) continue;
      finished_.insert(
          index != choice.end() && index->is_number_integer() ? index->get<std::int64_t>() : 0);
    }
  }
  if (const auto usage = usage_of(piece)) {
    usage_ = usage_ ? greater(*usage_, *usage) : *usage;
    last_usage_ = finished();
  }
  too_long_ = text_bytes_ > kTextSlack + kTextBytesOfToken * terms_.hold.output.count() ||
              wire_bytes_ > kWireSlack + kWireBytesOfToken * terms_.hold.output.count();
}

bool StreamWatch::finished() const {
  return finished_.size() >= static_cast<std::size_t>(terms_.choices);
}

// Each piece names the model, and mostly the same.
std::optional<WireError> StreamWatch::changed_model_refusal(const Json& piece) {
  const auto model = piece.find("model");
  if (model == piece.end() || !model->is_string() || *model == model_) return std::nullopt;
  model_ = model->get<std::string>();
  return reply_refusal(piece, terms_.provider, *banned_);
}

// A count that came before the end counts what was used by then; only the end makes it the whole.
Settlement StreamWatch::settlement() const {
  const bool whole = last_usage_ || (done_ && !failed_);
  if (usage_ && whole && !is_too_small(*usage_, text_bytes_)) return {usage_, UsageSource::meter};
  TokenUsage least{terms_.hold.input, terms_.hold.output, {}, {}, {}};
  if (too_long_)
    least.output =
        std::max(least.output, Tokens(static_cast<std::int64_t>(text_bytes_ / kUsualBytesOfToken)));
  if (usage_) least = greater(least, *usage_);
  if (least.total() > terms_.hold.input + terms_.hold.output)
    return {least, UsageSource::estimated};
  return {std::nullopt, UsageSource::hold};
}

}  // namespace host
