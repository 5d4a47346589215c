// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>
#include <initializer_list>

#include "base/error.hpp"
#include "base/json.hpp"
#include "tokens/usage_import.hpp"

namespace host {
namespace {

using Keys = std::initializer_list<const char*>;

constexpr std::size_t kLongestLine = 64 << 10;
constexpr std::size_t kLongestName = 256;
// More than any provider sells in a year: a number that is none.
constexpr double kMostTokens = 1e12;
constexpr double kMostDollars = 1e6;

[[noreturn]] void refuse(const std::string& why) { throw Error(Code::invalid, why); }

std::string shown(const Json& value) { return to_text(value).substr(0, 60); }

// The first of these keys that is there and not null.
const Json* find(const Json& line, Keys keys, const char** which = nullptr) {
  for (const char* key : keys) {
    const auto found = line.find(key);
    if (found == line.end() || found->is_null()) continue;
    if (which != nullptr) *which = key;
    return &*found;
  }
  return nullptr;
}

std::string text_in(const Json& line, Keys keys) {
  const char* key = nullptr;
  const auto* value = find(line, keys, &key);
  if (value == nullptr) return {};
  if (!value->is_string()) refuse(fmt::format("\"{}\" is {}, expected text", key, shown(*value)));
  return value->get<std::string>().substr(0, kLongestName);
}

double number_in(const Json& value, const char* key) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    const auto number = Json::parse(text, nullptr, false);
    if (number.is_number()) return number.get<double>();
  }
  refuse(fmt::format("\"{}\" is {}, expected a number", key, shown(value)));
}

std::optional<Tokens> tokens_in(const Json& line, Keys keys) {
  const char* key = nullptr;
  const auto* value = find(line, keys, &key);
  if (value == nullptr) return std::nullopt;
  const double number = number_in(*value, key);
  if (!(number >= 0 && number <= kMostTokens) || number != std::floor(number))
    refuse(fmt::format("\"{}\" is {}, which is no number of tokens", key, shown(*value)));
  return Tokens(static_cast<std::int64_t>(number));
}

TokenUsage usage_in(const Json& line) {
  auto input = tokens_in(line, {"input_tokens", "prompt_tokens"});
  auto output = tokens_in(line, {"output_tokens", "completion_tokens"});
  const auto total = tokens_in(line, {"total_tokens", "tokens"});
  if (!input && !output && !total) refuse("it has neither input_tokens nor output_tokens");
  // Where one side is missing it is the rest; where both are, nobody knows, and input is cheaper.
  const auto rest = total.value_or(Tokens()) - input.value_or(Tokens()) - output.value_or(Tokens());
  if (rest > Tokens() && !input)
    input = rest;
  else if (rest > Tokens() && !output)
    output = rest;
  const TokenUsage usage{
      .input = input.value_or(Tokens()),
      .output = output.value_or(Tokens()),
      .cache_read =
          tokens_in(line, {"cache_read_tokens", "cache_read_input_tokens"}).value_or(Tokens()),
      .cache_write =
          tokens_in(line, {"cache_write_tokens", "cache_creation_input_tokens"}).value_or(Tokens()),
      .reasoning = tokens_in(line, {"reasoning_tokens"}).value_or(Tokens())};
  if (usage.total() == Tokens()) refuse("it used no tokens");
  return usage;
}

void read_time(const Json& line, ReportedUsage& usage) {
  const char* key = nullptr;
  const auto* value = find(line, {"timestamp", "ts", "time", "at", "created_at", "date"}, &key);
  if (value == nullptr) refuse("it has no timestamp");
  if (!value->is_string() && !value->is_number())
    refuse(fmt::format("\"{}\" is {}, expected a time", key, shown(*value)));
  const auto text = value->is_string() ? value->get<std::string>() : to_text(*value);
  const auto [at, zoned] = parse_any_time(text);
  usage.at = at;
  usage.zoneless = !zoned;
}

ModelName model_in(const Json& line) {
  return model_named(text_in(line, {"provider"}), text_in(line, {"model", "model_name"}));
}

// 12, "12", "#12" or "owner/name#12".
void read_issue(const Json& line, Spender& spender) {
  spender.repo = text_in(line, {"repo", "repository"});
  const auto* value = find(line, {"issue"});
  if (value == nullptr) return;
  auto text = value->is_string() ? value->get<std::string>() : to_text(*value);
  const auto hash = text.find('#');
  if (hash != std::string::npos && hash > 0) spender.repo = text.substr(0, hash);
  if (hash != std::string::npos) text.erase(0, hash + 1);
  const auto number = Json::parse(text, nullptr, false);
  if (!number.is_number_unsigned() || number > 1'000'000'000)
    refuse(fmt::format("\"issue\" is {}, expected a number", shown(*value)));
  spender.issue = number.get<std::int64_t>();
}

std::optional<Cost> cost_in(const Json& line) {
  const auto* value = find(line, {"cost_usd", "cost"});
  if (value == nullptr) return std::nullopt;
  const double dollars = number_in(*value, "cost_usd");
  if (!(dollars >= 0 && dollars <= kMostDollars))
    refuse(fmt::format("\"cost_usd\" is {}, which is no cost", shown(*value)));
  return Cost(static_cast<std::int64_t>(std::ceil(dollars * 1e9)));
}

}  // namespace

ReportedUsage parse_reported_usage(std::string_view text) {
  if (text.size() > kLongestLine) refuse("it is longer than 64 KiB");
  const Json line = parse_json(text, "it", 8, 1000);
  if (!line.is_object()) refuse("it is no JSON object");
  ReportedUsage usage;
  read_time(line, usage);
  usage.usage = usage_in(line);
  usage.model = model_in(line);
  usage.cost = cost_in(line);
  usage.host = text_in(line, {"host"});
  auto& spender = usage.spender;
  spender.plugin = text_in(line, {"plugin"});
  spender.task = text_in(line, {"task", "name"});
  spender.pipeline = text_in(line, {"pipeline"});
  if (spender.pipeline.empty()) spender.pipeline = spender.task;
  spender.playbook = text_in(line, {"playbook"});
  read_issue(line, spender);
  const auto ledger = line.find("ledger");
  const auto id = line.find("id");
  if (ledger != line.end() && ledger->is_string() && id != line.end() && id->is_number_integer()) {
    usage.ledger = ledger->get<std::string>().substr(0, kLongestName);
    usage.row = id->get<std::int64_t>();
  }
  return usage;
}

}  // namespace host
