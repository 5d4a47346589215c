// SPDX-License-Identifier: Apache-2.0
#include "workers/cage.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

TEST(CheckGrantable, RefusesAFolderThatHoldsWhatIsForbidden) {
  const TestFolder folder;
  std::filesystem::create_directories(folder / "home" / "stamps");
  const std::vector<std::filesystem::path> forbidden = {folder / "home"};
  EXPECT_THROW(check_grantable(folder / "home", forbidden), Error);
  EXPECT_THROW(check_grantable(folder / "home/", forbidden), Error);
  EXPECT_THROW(check_grantable(folder.path(), forbidden), Error);
  EXPECT_THROW(check_grantable("/", forbidden), Error);
  EXPECT_THROW(check_grantable(folder / "x" / ".." / "home", forbidden), Error);
  EXPECT_NO_THROW(check_grantable(folder / "home" / "stamps", forbidden));
  EXPECT_NO_THROW(check_grantable(folder / "homestead", forbidden));
}

TEST(CheckGrantable, LooksThroughSymbolicLinks) {
  const TestFolder folder;
  std::filesystem::create_directories(folder / "home");
  std::filesystem::create_symlink(folder / "home", folder / "way");
  EXPECT_THROW(check_grantable(folder / "way", {folder / "home"}), Error);
  EXPECT_THROW(check_grantable(folder / "home", {folder / "way"}), Error);
}

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
