// SPDX-License-Identifier: Apache-2.0
//
// That what it makes builds and passes is tests/sdk's to show.
#include "authoring/project.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"

namespace host {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

constexpr std::size_t kCap = 1 << 20;

class ProjectTest : public testing::Test {
 protected:
  Code refusal(NewProject project) {
    project.parent = folder_.path();
    try {
      (void)make_project(project);
    } catch (const Error& error) {
      return error.code();
    }
    return Code::internal;
  }
  TestFolder folder_;
};

TEST_F(ProjectTest, HasAllThatAPluginNeedsUnderItsName) {
  const auto made = make_project({.name = "my-greeter", .parent = folder_.path()});
  EXPECT_THAT(made, UnorderedElementsAre("my-greeter/CMakeLists.txt", "my-greeter/README.md",
                                         "my-greeter/manifest.json", "my-greeter/my-greeter.cpp",
                                         "my-greeter/my-greeter_test.cpp"));
  EXPECT_THAT(read_file(folder_ / "my-greeter/my-greeter.cpp", kCap),
              HasSubstr("struct MyGreeter"));
  EXPECT_THAT(read_file(folder_ / "my-greeter/manifest.json", kCap),
              HasSubstr("\"name\": \"my_greeter\""));
}

TEST_F(ProjectTest, LeavesNoTokenUnfilled) {
  for (const auto* language : {"c++", "c"}) {
    const auto name = std::string("plug") + language[0] + std::to_string(language[1]);
    for (const auto& file :
         make_project({.name = name, .language = language, .parent = folder_.path()})) {
      const auto text = read_file(folder_ / file, kCap);
      for (const auto* token : {"@NAME", "@CLASS@", "@TASK@", "@SOURCE@", "@SDK@"})
        EXPECT_THAT(text, Not(HasSubstr(token))) << file;
    }
  }
}

TEST_F(ProjectTest, RefusesANameThatNoPluginCanHave) {
  for (const auto* name : {"", "Upper", "1st", "a/b", "..", "a b", "\xC3\xA4"})
    EXPECT_EQ(refusal({.name = name}), Code::usage) << name;
  EXPECT_EQ(refusal({.name = std::string(65, 'a')}), Code::usage);
}

TEST_F(ProjectTest, RefusesALanguageWithoutATemplate) {
  EXPECT_EQ(refusal({.name = "x", .language = "cobol"}), Code::usage);
}

TEST_F(ProjectTest, TouchesNothingThatHasTheNameOfAnUnfinishedOne) {
  std::filesystem::create_directory(folder_ / ".mine.new");
  write_atomically(folder_ / ".mine.new/notes", "precious");
  (void)make_project({.name = "mine", .parent = folder_.path()});
  EXPECT_EQ(read_file(folder_ / ".mine.new/notes", kCap), "precious");
}

TEST_F(ProjectTest, LeavesNothingBehindButTheProject) {
  (void)make_project({.name = "mine", .parent = folder_.path()});
  EXPECT_EQ(refusal({.name = "mine"}), Code::conflict);
  const std::filesystem::directory_iterator all(folder_.path());
  EXPECT_EQ(std::distance(begin(all), end(all)), 1);
}

TEST_F(ProjectTest, TouchesNothingThatIsThere) {
  std::filesystem::create_directory(folder_ / "mine");
  write_atomically(folder_ / "mine/manifest.json", "precious");
  EXPECT_EQ(refusal({.name = "mine"}), Code::conflict);
  EXPECT_EQ(read_file(folder_ / "mine/manifest.json", kCap), "precious");
}

}  // namespace
}  // namespace host
