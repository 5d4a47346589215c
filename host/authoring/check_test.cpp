// SPDX-License-Identifier: Apache-2.0
//
// Each check against a plugin that breaks what it looks at, and nothing else; see
// tests/plugins/bad/bad.cpp.
#include "authoring/check.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <set>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "plugins/test_plugin.hpp"
#include "workers/pool.hpp"
#include "workers/sanitizers.hpp"

namespace host {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

std::filesystem::path bad(const std::string& check, const std::string& way = {}) {
  auto name = check + (way.empty() ? "" : "_" + way);
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
  // A sanitizer's own memory hides a leak: that check is skipped there.
  const std::size_t skipped = kSanitized ? 1 : 0;
  EXPECT_EQ(with(Grade::pass).size() + skipped, list_checks().size());
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

TEST_F(CheckTest, ThereIsABadPluginForEachCheck) {
  for (const auto& info : list_checks())
    EXPECT_TRUE(std::filesystem::exists(bad(std::string(info.name)))) << info.name;
}

TEST_F(CheckTest, WhatAWrapperCaughtIsAFailureLikeAnyOther) {
  options_.only = "^(run|config)\\.";
  EXPECT_TRUE(run(TIMMY_ECHO)) << "one of its tasks looks for a key that the payload lacks";
  EXPECT_EQ(grades_["run.contains"], Grade::pass);
}

TEST_F(CheckTest, LetsNoPluginWriteWhereItsManifestWants) {
  if (!probe_cage(TIMMY_WORKER).in_force("landlock")) GTEST_SKIP() << "this kernel has no Landlock";
  const std::filesystem::path outside(TIMMY_BAD_DIR "/outside");
  std::filesystem::remove_all(outside);
  std::filesystem::create_directories(outside);
  (void)run(bad("manifest.folders"));
  EXPECT_EQ(grades_["run.survives"], Grade::pass) << "it ran, and tried";
  EXPECT_TRUE(std::filesystem::is_empty(outside));
}

// They ask for more memory or time than there is, or for what no number can be.
TEST_F(CheckTest, NoConfigSchemaHurtsTheChecker) {
  const TestFolder folder;
  options_.only = "^config\\.examples$";
  for (const auto& [property, grade] : std::initializer_list<std::pair<const char*, Grade>>{
           {R"({"type":"string","minLength":1000000000000})", Grade::fail},
           {R"({"type":"array","minItems":2000000000})", Grade::fail},
           {R"({"type":"number","maximum":-5})", Grade::warn},
           {R"({"type":"integer","minimum":1e300})", Grade::fail}}) {
    auto manifest = test_manifest("bad");
    manifest["config_schema"] = {
        {"type", "object"}, {"required", {"a"}}, {"properties", {{"a", Json::parse(property)}}}};
    write_plugin(folder / "x.so", manifest);
    (void)run(folder / "x.so");
    EXPECT_EQ(grades_["config.examples"], grade) << property;
  }
}

TEST_F(CheckTest, TheDocumentHasEachCheckWithTheSameWords) {
  const auto document = read_file(TIMMY_CHECK_DOCUMENT, 1 << 20);
  for (const auto& info : list_checks())
    EXPECT_THAT(document, HasSubstr("| `" + std::string(info.name) + "` | " +
                                    std::string(info.about) + " |"));
}

// A check, and the way in which the plugin fails it; empty for the plain one.
struct Bad {
  std::string check;
  std::string way;
  friend std::ostream& operator<<(std::ostream& out, const Bad& it) {
    return out << it.check << ' ' << it.way;
  }
};

class BadPlugin : public CheckTest, public testing::WithParamInterface<Bad> {
 protected:
  static std::filesystem::path file() { return bad(GetParam().check, GetParam().way); }
};

TEST_P(BadPlugin, FailsItsOwnCheckAndNoOther) {
  static const std::set<std::string> kWarning{"life.quick",       "file.needs",    "file.paths",
                                              "config.described", "config.closed", "manifest.size",
                                              "manifest.folders"};
  static const std::set<std::string> kCrashing{"config.random", "config.spoiled", "run.survives",
                                               "run.large",     "run.odd",        "run.again",
                                               "run.outage"};
  const auto& own = GetParam().check;
  EXPECT_EQ(run(file()), kWarning.contains(own));
  auto seen = with(Grade::warn);
  for (const auto grade : {Grade::fail, Grade::crash})
    for (const auto& check : with(grade)) seen.push_back(check);
  EXPECT_THAT(seen, ElementsAre(own));
  EXPECT_EQ(grades_[own] == Grade::crash, GetParam().way.empty() && kCrashing.contains(own));
  for (const auto& report : reports_) {
    if (report.check == own) {
      EXPECT_THAT(report.message, Not(IsEmpty()));
    }
    if (report.grade == Grade::skip && report.check != "run.leaks") {
      EXPECT_THAT(report.message, HasSubstr("needs "));
    }
  }
}

// In a process of its own, as a crash there is the checker's: what it says, or how it ends.
TEST_P(BadPlugin, PassesNoCheckInProcessThatItFailsInAWorker) {
  static const std::set<std::string> kUnseen{"life.quick", "run.leftovers", "run.leaks"};
  static constexpr int kNotWell = 50;
  const auto& own = GetParam().check;
  options_.only = "^" + own + "$";
  options_.in_process = true;
  options_.patience = std::chrono::milliseconds(100);
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::alarm(5);
    ::_exit(run(file()) ? 10 + static_cast<int>(grades_[own]) : kNotWell);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  const int ended = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (kUnseen.contains(own)) {
    EXPECT_EQ(ended, 10 + static_cast<int>(Grade::skip));
  } else if (ended >= 10 && ended != kNotWell) {  // else it crashed, hung or exited
    EXPECT_EQ(name(static_cast<Grade>(ended - 10)), own == "run.again" ? "skip" : "warn");
  }
}

std::vector<Bad> all_bad() {
  std::vector<Bad> all;
  for (const auto& info : list_checks())
    if (!(kSanitized && info.name == "run.leaks")) all.push_back({std::string(info.name), ""});
  for (const auto& [check, way] :
       std::initializer_list<std::pair<const char*, const char*>>{{"manifest.json", "id"},
                                                                  {"config.random", "throws"},
                                                                  {"life.destroy", "throws"},
                                                                  {"run.returns", "sigterm"},
                                                                  {"run.cancel", "sigterm"},
                                                                  {"run.cancel", "exit"},
                                                                  {"run.contains", "memory"},
                                                                  {"run.result", "large"},
                                                                  {"run.leftovers", "descriptor"},
                                                                  {"run.late", "thread"},
                                                                  {"run.again", "fails"},
                                                                  {"run.large", "throws"},
                                                                  {"run.odd", "throws"}})
    all.push_back({check, way});
  return all;
}

INSTANTIATE_TEST_SUITE_P(Each, BadPlugin, testing::ValuesIn(all_bad()), [](const auto& one) {
  auto name = one.param.check + (one.param.way.empty() ? "" : "_" + one.param.way);
  name.replace(name.find('.'), 1, "_");
  return name;
});

}  // namespace
}  // namespace host
