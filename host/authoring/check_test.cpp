// SPDX-License-Identifier: Apache-2.0
//
// Each check against a plugin that breaks what it looks at, and nothing else; see
// tests/plugins/bad/bad.cpp.
#include "authoring/check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "workers/sanitizers.hpp"

namespace host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::filesystem::path bad(const std::string& check) {
  auto name = check;
  name.replace(name.find('.'), 1, "_");
  return std::filesystem::path(TIMMY_BAD_DIR) / ("bad_" + name + ".so");
}

class CheckTest : public testing::Test {
 protected:
  bool run(const std::filesystem::path& file) {
    reports_.clear();
    return check_plugin(file, options_, [this](const CheckReport& report) {
      grades_[report.check] = report.grade;
      reports_.push_back(report);
    });
  }
  std::vector<std::string> with(Grade grade) const {
    std::vector<std::string> checks;
    for (const auto& report : reports_)
      if (report.grade == grade) checks.push_back(report.check);
    return checks;
  }

  CheckOptions options_{.worker = TIMMY_WORKER, .patience = std::chrono::seconds(1)};
  std::map<std::string, Grade> grades_;
  std::vector<CheckReport> reports_;
};

TEST_F(CheckTest, APluginThatKeepsEveryRulePassesEveryCheck) {
  EXPECT_TRUE(run(std::filesystem::path(TIMMY_BAD_DIR) / "bad_none.so"));
  EXPECT_EQ(with(Grade::pass).size(), list_checks().size());
}

TEST_F(CheckTest, WhatIsNoPluginFailsTheFirstCheckAndTheRestIsSkipped) {
  const TestFolder folder;
  std::filesystem::copy_file(TIMMY_WORKER, folder / "x.so");
  EXPECT_FALSE(run(folder / "x.so"));
  EXPECT_THAT(with(Grade::fail), ElementsAre("file.plugin"));
  EXPECT_EQ(with(Grade::skip).size(), list_checks().size() - 1);
  EXPECT_THAT(reports_.at(0).fix, Not(IsEmpty()));
}

TEST_F(CheckTest, RunsOnlyWhatIsAskedForAndReportsWhatThatNeedsOnlyWhenItFails) {
  options_.only = "^run\\.cancel$";
  EXPECT_TRUE(run(bad("run.large")));
  EXPECT_THAT(reports_, testing::SizeIs(1));
  EXPECT_FALSE(run(bad("life.loads")));
  EXPECT_THAT(with(Grade::fail), ElementsAre("life.loads"));
  EXPECT_THAT(with(Grade::skip), ElementsAre("run.cancel"));
}

TEST_F(CheckTest, RefusesAnExpressionThatIsNoneOrNamesNothing) {
  options_.only = "(";
  EXPECT_THROW(run(bad("run.large")), Error);
  options_.only = "no such check";
  EXPECT_THROW(run(bad("run.large")), Error);
}

TEST_F(CheckTest, ThereIsABadPluginForEachCheckThatAMachineLikeThisCanFail) {
  for (const auto& info : list_checks()) {
    const std::string name(info.name);
    if (name == "file.plugin" || name == "file.needs") continue;
    EXPECT_TRUE(std::filesystem::exists(bad(name))) << name;
  }
}

TEST_F(CheckTest, TheDocumentHasEachCheckWithTheSameWords) {
  const auto document = read_file(TIMMY_CHECK_DOCUMENT, 1 << 20);
  for (const auto& info : list_checks())
    EXPECT_THAT(document, HasSubstr("| `" + std::string(info.name) + "` | " +
                                    std::string(info.about) + " |"));
}

class BadPlugin : public CheckTest, public testing::WithParamInterface<std::string> {};

TEST_P(BadPlugin, FailsItsOwnCheckAndNoOther) {
  const auto& own = GetParam();
  const bool warns = own == "life.quick";
  EXPECT_EQ(run(bad(own)), warns);
  auto seen = with(Grade::warn);
  for (const auto grade : {Grade::fail, Grade::crash})
    for (const auto& check : with(grade)) seen.push_back(check);
  EXPECT_THAT(seen, ElementsAre(own));
  for (const auto& report : reports_) {
    if (report.check == own) {
      EXPECT_THAT(report.message, Not(IsEmpty()));
    }
    if (report.grade == Grade::skip) {
      EXPECT_THAT(report.message, HasSubstr("needs "));
    }
  }
}

const std::vector<std::string> kCrashing{"config.random", "config.spoiled", "run.survives",
                                         "run.large", "run.odd"};

TEST_P(BadPlugin, IsToldApartFromOneThatCrashes) {
  options_.only = "^" + GetParam() + "$";
  (void)run(bad(GetParam()));
  const bool crashes = std::find(kCrashing.begin(), kCrashing.end(), GetParam()) != kCrashing.end();
  EXPECT_EQ(grades_[GetParam()] == Grade::crash, crashes);
}

std::vector<std::string> all_bad() {
  std::vector<std::string> names;
  for (const auto& info : list_checks())
    if (info.name != "file.plugin" && info.name != "file.needs" &&
        !(kSanitized && info.name == "run.leaks"))
      names.emplace_back(info.name);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Each, BadPlugin, testing::ValuesIn(all_bad()), [](const auto& one) {
  auto name = one.param;
  name.replace(name.find('.'), 1, "_");
  return name;
});

}  // namespace
}  // namespace host
