// SPDX-License-Identifier: Apache-2.0
#include "cli/table.hpp"

#include <gtest/gtest.h>

#include <sstream>

namespace host::cli {
namespace {

TEST(Table, AlignsByCharactersAndTrimsLineEnds) {
  Table table({"ID", "TASK", "STATE"});
  table.add({"7", "grüße", "available"});
  table.add({"1234", "x", ""});
  std::ostringstream out;
  table.print(out);
  EXPECT_EQ(out.str(),
            "ID    TASK   STATE\n"
            "7     grüße  available\n"
            "1234  x\n");
}

TEST(Printable, KeepsAJobsTextFromDrivingTheTerminal) {
  EXPECT_EQ(printable("a\x1b[31mb\nc"), "a?[31mb?c");
  EXPECT_EQ(printable("a\nb\x07", true), "a\nb?");
}

}  // namespace
}  // namespace host::cli
