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
  EXPECT_EQ(printable("\xc2\x9b"
                      "31m \x9b"
                      "31m"),
            "?31m ?31m")
      << "a C1 control, and its lone byte";
  EXPECT_EQ(printable("\xe2\x80\xae"
                      "fdp.exe\xe2\x81\xa9"),
            "?fdp.exe?")
      << "turned writing";
  EXPECT_EQ(printable("\xc1\x9b \xe0\x82\x9b \xf0\x9f\x98"), "?? ??? ???") << "overlong, torn";
}

TEST(Printable, LeavesEveryOtherCharacterAlone) {
  const std::string text = "grüße, 日本語, \xf0\x9f\x98\x80, naïve";
  EXPECT_EQ(printable(text), text);
}

}  // namespace
}  // namespace host::cli
