// SPDX-License-Identifier: Apache-2.0
#include "config/size.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace host {
namespace {

std::string refusal(const char* text) {
  try {
    return "accepted: " + std::to_string(parse_size(text));
  } catch (const Error& error) {
    return error.what();
  }
}

TEST(ParseSize, ReadsBinaryUnits) {
  EXPECT_EQ(parse_size("1B"), 1U);
  EXPECT_EQ(parse_size("64KiB"), 65536U);
  EXPECT_EQ(parse_size("512MiB"), 512U << 20);
  EXPECT_EQ(parse_size("3GiB"), std::uint64_t{3} << 30);
}

TEST(ParseSize, RefusesWhatWouldBeAGuess) {
  EXPECT_THAT(refusal("512"), ::testing::HasSubstr("has no unit"));
  EXPECT_THAT(refusal("512MB"), ::testing::HasSubstr("unknown unit"));
  EXPECT_THAT(refusal("0MiB"), ::testing::HasSubstr("is zero"));
  EXPECT_THAT(refusal("-1MiB"), ::testing::HasSubstr("is not one"));
  EXPECT_THAT(refusal(""), ::testing::HasSubstr("is not one"));
  EXPECT_THAT(refusal("1MiB "), ::testing::HasSubstr("unknown unit"));
  EXPECT_THAT(refusal("99999999999999GiB"), ::testing::HasSubstr("too large"));
  EXPECT_THAT(refusal("99999999999999999999B"), ::testing::HasSubstr("too large"));
}

TEST(FormatSize, IsReadBackAsTheSame) {
  for (const std::uint64_t bytes : {std::uint64_t{1}, std::uint64_t{1023}, std::uint64_t{1} << 20,
                                    (std::uint64_t{1} << 30) + 1024})
    EXPECT_EQ(parse_size(format_size(bytes)), bytes);
}

}  // namespace
}  // namespace host
