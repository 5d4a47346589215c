// SPDX-License-Identifier: Apache-2.0
#include "app/forge_visit.hpp"

#include <gtest/gtest.h>
#include <sys/prctl.h>

namespace host {
namespace {

TEST(ForgeVisits, AreMadeByAProcessWhoseMemoryIsClosedToOthersOfItsUser) {
  ASSERT_EQ(::prctl(PR_GET_DUMPABLE), 1);
  const ForgeVisit visit({.url = "https://git.example.org"});
  EXPECT_EQ(::prctl(PR_GET_DUMPABLE), 0);
  ::prctl(PR_SET_DUMPABLE, 1);
}

}  // namespace
}  // namespace host
