// SPDX-License-Identifier: Apache-2.0
#include "workers/cage.hpp"

#include <gtest/gtest.h>

namespace host {
namespace {

TEST(CageReport, SaysWhichLayersAreMissingAndWhy) {
  CageReport report;
  report.layers = {
      {"seccomp", true, ""}, {"landlock", false, "switched off"}, {"memory", false, "no"}};
  EXPECT_EQ(report.missing(), "landlock (switched off); memory (no)");
  EXPECT_TRUE(report.in_force("seccomp"));
  EXPECT_FALSE(report.in_force("landlock"));
  EXPECT_FALSE(report.in_force("anything else"));
  EXPECT_EQ(CageReport::from(report.json()).layers, report.layers);
}

}  // namespace
}  // namespace host
