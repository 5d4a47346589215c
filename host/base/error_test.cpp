// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"

#include <gtest/gtest.h>

#include <cerrno>

#include "base/result.hpp"

namespace host {
namespace {

TEST(Error, SaysWhatAndWhatNext) {
  const Error error(Code::denied, "\"token\" can be read by others", "Run: chmod 600 token");
  EXPECT_STREQ(error.what(), "\"token\" can be read by others; Run: chmod 600 token");
  EXPECT_FALSE(error.transient());
  EXPECT_EQ(exit_status(error.code()), 77);
}

TEST(Error, FromErrnoKeepsTheSystemsWords) {
  const auto error = system_error(ENOENT, "opening \"x\"");
  EXPECT_EQ(error.code(), Code::not_found);
  EXPECT_EQ(error.message(), "opening \"x\": No such file or directory");
}

TEST(Result, CatchesWhateverIsThrown) {
  EXPECT_EQ(attempt([] { return 7; }).value(), 7);
  EXPECT_EQ(attempt([]() -> int { throw Error(Code::stale, "late"); }).error().code(), Code::stale);
  EXPECT_EQ(attempt([]() -> int { throw std::runtime_error("odd"); }).error().code(),
            Code::internal);
  EXPECT_EQ(attempt([]() -> int { throw 42; }).error().code(), Code::internal);
  EXPECT_THROW((void)attempt([]() -> int { throw Error(Code::stale, "late"); }).value(), Error);
}

}  // namespace
}  // namespace host
