// SPDX-License-Identifier: Apache-2.0
#include "tokens/usage.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "base/error.hpp"
#include "tokens/ledger_table.hpp"

namespace host {
namespace {

constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

TokenUsage usage(std::int64_t input, std::int64_t output, std::int64_t read = 0,
                 std::int64_t write = 0, std::int64_t reasoning = 0) {
  return {Tokens(input), Tokens(output), Tokens(read), Tokens(write), Tokens(reasoning)};
}

TEST(UsageTest, costs_are_written_with_their_digits) {
  EXPECT_EQ(to_text(Cost(0)), "$0.00");
  EXPECT_EQ(to_text(Cost(12'300'000)), "$0.0123");
  EXPECT_EQ(to_text(Cost(5'000'000'001)), "$5.000000001");
  EXPECT_EQ(to_text(Cost(-1'500'000'000)), "-$1.50");
  EXPECT_EQ(to_text(Cost(std::numeric_limits<std::int64_t>::min())), "-$9223372036.854775808");
}

TEST(UsageTest, a_cost_is_rounded_up) {
  const Price price{2'500'000, 10'000'000, 1'250'000, 3'000'000};
  EXPECT_EQ(cost_of(usage(1000, 100), price), Cost(3'500'000));
  EXPECT_EQ(cost_of(usage(1000, 0, 400, 100), price), Cost(500 * 2500 + 400 * 1250 + 100 * 3000));
  EXPECT_EQ(cost_of(usage(1, 0), Price{1, 0, 0, 0}), Cost(1));
  EXPECT_EQ(cost_bound(Tokens(1000), Tokens(100), price), Cost(4'000'000));
}

TEST(UsageTest, money_says_how_much_output_it_buys) {
  const Price price{1000, 2000, 1000, 1000};
  const auto output = output_within(Cost(107), Tokens(50), price);
  EXPECT_EQ(output, Tokens(28));
  EXPECT_LE(cost_bound(Tokens(50), output, price), Cost(107));
  EXPECT_GT(cost_bound(Tokens(50), output + Tokens(1), price), Cost(107));
  EXPECT_LT(output_within(Cost(49), Tokens(50), price), Tokens());
}

TEST(UsageTest, no_number_overflows) {
  const Price dear{kMost, kMost, kMost, kMost};
  EXPECT_EQ(cost_of(usage(kMost, kMost), dear), kMostCost);
  EXPECT_EQ(cost_bound(kMostTokensOfACall, kMostTokensOfACall, dear), kMostCost);
  auto sum = usage(kMost, 1);
  sum += usage(1, 2);
  EXPECT_EQ(sum, usage(kMost, 3));
}

TEST(UsageTest, what_cannot_be_is_cut) {
  EXPECT_EQ(plausible(usage(10, 5, 20, 7, 9)), usage(10, 5, 10, 0, 5));
  EXPECT_EQ(plausible(usage(-10, 5, -1)), usage(0, 5));
  EXPECT_EQ(plausible(usage(kMost, kMost)).input, kMostTokensOfACall);
}

TEST(UsageTest, a_split_usage_loses_nothing) {
  const auto split = split_usage(usage(100, 50, 60, 30, 40), Tokens(80));
  EXPECT_EQ(split.within, usage(80, 0, 60, 20, 0));
  EXPECT_EQ(split.above, usage(20, 50, 0, 10, 40));
  EXPECT_EQ(split_usage(usage(10, 10, 5), Tokens(20)).above, usage(0, 0));
  EXPECT_EQ(split_usage(usage(10, 10, 5, 0, 8), Tokens(15)).above, usage(0, 5, 0, 0, 3));
}

TEST(UsageTest, sources_have_names) {
  for (const auto source : {UsageSource::meter, UsageSource::reported, UsageSource::estimated,
                            UsageSource::hold, UsageSource::overrun})
    EXPECT_EQ(parse_usage_source(name(source)), source);
  EXPECT_THROW((void)parse_usage_source("guessed"), Error);
}

}  // namespace
}  // namespace host
