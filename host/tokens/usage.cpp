// SPDX-License-Identifier: Apache-2.0
#include "tokens/usage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/error.hpp"

namespace host {
namespace {

// Products of 64-bit numbers don't fit into 64.
__extension__ using Wide = __int128;

constexpr std::array<std::pair<UsageSource, std::string_view>, 5> kSources{{
    {UsageSource::meter, "meter"},
    {UsageSource::reported, "reported"},
    {UsageSource::estimated, "estimated"},
    {UsageSource::hold, "hold"},
    {UsageSource::overrun, "overrun"},
}};

void add(Tokens& sum, Tokens more) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(sum.count(), more.count(), &result))
    result = more.count() > 0 ? std::numeric_limits<std::int64_t>::max()
                              : std::numeric_limits<std::int64_t>::min();
  sum = Tokens(result);
}

Cost nano_of(Wide pico) {
  const Wide nano = (pico + 999) / 1000;
  return Cost(static_cast<std::int64_t>(std::min<Wide>(nano, kMostCost.nano_dollars())));
}

}  // namespace

std::string to_text(Cost cost) {
  const bool negative = cost < Cost();
  // The smallest number has no positive twin.
  const auto nano = negative ? -static_cast<std::uint64_t>(cost.nano_dollars())
                             : static_cast<std::uint64_t>(cost.nano_dollars());
  auto digits = fmt::format("{:09}", nano % 1'000'000'000);
  while (digits.size() > 2 && digits.back() == '0') digits.pop_back();
  return fmt::format("{}${}.{}", negative ? "-" : "", nano / 1'000'000'000, digits);
}

TokenUsage& operator+=(TokenUsage& sum, const TokenUsage& more) {
  add(sum.input, more.input);
  add(sum.output, more.output);
  add(sum.cache_read, more.cache_read);
  add(sum.cache_write, more.cache_write);
  add(sum.reasoning, more.reasoning);
  return sum;
}

TokenUsage plausible(const TokenUsage& usage) {
  const auto within = [](Tokens tokens, Tokens most) { return std::clamp(tokens, Tokens(), most); };
  TokenUsage result;
  result.input = within(usage.input, kMostTokensOfACall);
  result.output = within(usage.output, kMostTokensOfACall);
  result.cache_read = within(usage.cache_read, result.input);
  result.cache_write = within(usage.cache_write, result.input - result.cache_read);
  result.reasoning = within(usage.reasoning, result.output);
  return result;
}

Cost cost_of(const TokenUsage& usage, const Price& price) {
  const auto part = [](Tokens tokens, std::int64_t pico) { return Wide{tokens.count()} * pico; };
  const Tokens plain = usage.input - usage.cache_read - usage.cache_write;
  return nano_of(part(plain, price.input) + part(usage.cache_read, price.cache_read) +
                 part(usage.cache_write, price.cache_write) + part(usage.output, price.output));
}

Cost cost_bound(Tokens input, Tokens output, const Price& price) {
  const auto dearest = std::max({price.input, price.cache_read, price.cache_write});
  return nano_of(Wide{input.count()} * dearest + Wide{output.count()} * price.output);
}

Tokens output_within(Cost cost, Tokens input, const Price& price) {
  const auto dearest = std::max({price.input, price.cache_read, price.cache_write});
  const Wide left = Wide{cost.nano_dollars()} * 1000 - Wide{input.count()} * dearest;
  if (left < 0) return Tokens(-1);
  if (price.output == 0) return kMostTokensOfACall;
  return Tokens(
      static_cast<std::int64_t>(std::min<Wide>(left / price.output, kMostTokensOfACall.count())));
}

std::string_view name(UsageSource source) noexcept {
  for (const auto& [value, text] : kSources)
    if (value == source) return text;
  return "meter";
}

UsageSource parse_usage_source(std::string_view text) {
  for (const auto& [value, known] : kSources)
    if (known == text) return value;
  throw Error(Code::invalid,
              fmt::format("\"{}\" is no source of token counts, expected meter, reported, "
                          "estimated, hold or overrun",
                          text.substr(0, 40)));
}

}  // namespace host
