// SPDX-License-Identifier: Apache-2.0
//
// What is counted: tokens, and what they cost.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace host {

// A number of tokens. Never negative in a row of the ledger; differences may be.
class Tokens {
 public:
  constexpr Tokens() = default;
  constexpr explicit Tokens(std::int64_t count) : count_(count) {}
  [[nodiscard]] constexpr std::int64_t count() const { return count_; }
  constexpr auto operator<=>(const Tokens&) const = default;
  constexpr Tokens& operator+=(Tokens other) { return count_ += other.count_, *this; }
  constexpr Tokens& operator-=(Tokens other) { return count_ -= other.count_, *this; }
  friend constexpr Tokens operator+(Tokens a, Tokens b) { return a += b; }
  friend constexpr Tokens operator-(Tokens a, Tokens b) { return a -= b; }

 private:
  std::int64_t count_ = 0;
};

// Money, in billionths of a US dollar: the smallest price of a token that providers name is some
// tens of them. Up to nine thousand million dollars.
class Cost {
 public:
  constexpr Cost() = default;
  constexpr explicit Cost(std::int64_t nano_dollars) : nano_(nano_dollars) {}
  [[nodiscard]] constexpr std::int64_t nano_dollars() const { return nano_; }
  constexpr auto operator<=>(const Cost&) const = default;
  constexpr Cost& operator+=(Cost other) { return nano_ += other.nano_, *this; }
  constexpr Cost& operator-=(Cost other) { return nano_ -= other.nano_, *this; }
  friend constexpr Cost operator+(Cost a, Cost b) { return a += b; }
  friend constexpr Cost operator-(Cost a, Cost b) { return a -= b; }

 private:
  std::int64_t nano_ = 0;
};

// What sums stop at, instead of overflowing: three of them still fit into 64 bits.
inline constexpr Tokens kMostTokens{2'000'000'000'000'000'000};
inline constexpr Cost kMostCost{2'000'000'000'000'000'000};
// More than any cap, and than a run may reserve.
inline constexpr Tokens kMostTokensOfARun{1'000'000'000'000'000};
// No call takes more, whatever its upstream says: of its input, and of its output.
inline constexpr Tokens kMostTokensOfACall{10'000'000'000};

// "$0.0123", two digits behind the point at least.
[[nodiscard]] std::string to_text(Cost cost);

// What calls used, as OpenAI's wire counts it: what was read from a cache or written into one is
// part of `input`, what the model thought before it answered is part of `output`.
struct TokenUsage {
  Tokens input;
  Tokens output;
  Tokens cache_read;   // of input
  Tokens cache_write;  // of input
  Tokens reasoning;    // of output

  [[nodiscard]] constexpr Tokens total() const { return input + output; }
  bool operator==(const TokenUsage&) const = default;
};
// Adds; stops at the greatest number instead of overflowing.
TokenUsage& operator+=(TokenUsage& sum, const TokenUsage& more);
// What an upstream said, within what one call can be: nothing negative, no part above its whole,
// at most kMostTokensOfACall of input and of output.
[[nodiscard]] TokenUsage plausible(const TokenUsage& usage);

// Of a model, in picodollars (10^-12) a token: dollars per million tokens times a million.
struct Price {
  std::int64_t input = 0;
  std::int64_t output = 0;
  std::int64_t cache_read = 0;   // instead of `input` for what came from a cache
  std::int64_t cache_write = 0;  // instead of `input` for what went into one
  bool operator==(const Price&) const = default;
};
// Rounded up to a nanodollar.
[[nodiscard]] Cost cost_of(const TokenUsage& usage, const Price& price);
// The most that so many tokens may cost: no cache, or the dearest way into one.
[[nodiscard]] Cost cost_bound(Tokens input, Tokens output, const Price& price);

// The most output that `cost` pays for beside this input; negative when not even that.
[[nodiscard]] Tokens output_within(Cost cost, Tokens input, const Price& price);

// Where a row's numbers come from.
enum class UsageSource {
  meter,      // the host saw the provider's own count on the wire
  reported,   // a task said so
  estimated,  // the host saw the call, and counted bytes
  hold,       // nobody knows: what had been held is charged
  overrun,    // what a call used above its hold
};
[[nodiscard]] std::string_view name(UsageSource source) noexcept;
// Throws Error{invalid}.
[[nodiscard]] UsageSource parse_usage_source(std::string_view text);

}  // namespace host
