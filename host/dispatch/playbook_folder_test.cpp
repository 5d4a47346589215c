// SPDX-License-Identifier: Apache-2.0
#include "dispatch/playbook_folder.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "dispatch/playbook_fixture.hpp"

namespace host::dispatch {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class PlaybookFolders : public ::testing::Test {
 protected:
  PlaybookFolders() {
    for (const auto* name : {"own", "installed"}) make_directories(folder_ / name, 0700);
    write("installed/agent-lanes.json", kLanes);
  }
  std::filesystem::path write(const std::string& name, const std::string& text,
                              mode_t mode = 0600) {
    write_atomically(folder_ / name, text, mode);
    ::chmod((folder_ / name).c_str(), mode);  // whatever the umask
    return folder_ / name;
  }
  [[nodiscard]] PlaybookSet load() const {
    return load_playbooks({folder_ / "own", folder_ / "nowhere", folder_ / "installed"});
  }
  static std::string said(const std::vector<Problem>& problems) {
    std::string text;
    for (const auto& problem : problems) text += problem.where + ": " + problem.message + "\n";
    return text;
  }

  TestFolder folder_;
};

TEST_F(PlaybookFolders, TheFirstOfANameCounts) {
  write("own/b.yaml", playbook_text("b", "priority: 1\n"));
  write("installed/b.yaml", playbook_text("b", "priority: 2\n"));
  write("installed/a.yaml", playbook_text("a"));
  const auto set = load();
  ASSERT_THAT(set.files, SizeIs(2));
  EXPECT_EQ(set.files[0].name, "a");
  EXPECT_TRUE(set.files[0].usable()) << said(set.files[0].problems);
  EXPECT_EQ(set.files[1].playbook->priority, 1);
  EXPECT_THAT(set.files[1].shadowed, ElementsAre(folder_ / "installed/b.yaml"));
  EXPECT_TRUE(set.lanes.lanes);
  EXPECT_THAT(set.warnings, IsEmpty());
  EXPECT_EQ(set.find("c"), nullptr);
}

TEST_F(PlaybookFolders, AMistakeBringsBackNothing) {
  write("own/b.yaml", "name: b\n");
  write("installed/b.yaml", playbook_text("b"));
  write("own/agent-lanes.json", "{");
  const auto set = load();
  ASSERT_THAT(set.files, SizeIs(1));
  EXPECT_FALSE(set.files[0].usable());
  EXPECT_THAT(said(set.files[0].problems), HasSubstr("has no \"lane\""));
  EXPECT_FALSE(set.lanes.lanes);
  EXPECT_THAT(said(set.lanes.problems), HasSubstr("own/agent-lanes.json:1:"));
}

// Nobody knows whether it has one of the name.
TEST_F(PlaybookFolders, AFolderThatCannotBeReadBringsBackNothing) {
  write("own/a.yaml", playbook_text("a"));
  write("installed/b.yaml", playbook_text("b"));
  std::filesystem::create_directory_symlink("loop", folder_ / "loop");
  const auto set = load_playbooks({folder_ / "own", folder_ / "loop", folder_ / "installed"});
  ASSERT_THAT(set.files, SizeIs(2));
  EXPECT_THAT(said(set.find("a")->problems), Not(HasSubstr("can't read")))
      << "what ranks higher counts";
  EXPECT_FALSE(set.find("b")->usable());
  EXPECT_THAT(said(set.find("b")->problems),
              AllOf(HasSubstr("can't read"), HasSubstr((folder_ / "loop").string())));
  EXPECT_FALSE(set.lanes.lanes) << "nor which lanes";
  EXPECT_THAT(said(set.lanes.problems), HasSubstr("can't read"));
  EXPECT_THAT(set.warnings, ElementsAre(HasSubstr("can't read")));
}

TEST_F(PlaybookFolders, AFolderWithTooManyBringsBackNothing) {
  for (int i = 0; i < 501; ++i) write("own/a" + std::to_string(1000 + i) + ".yaml", "");
  write("installed/a1500.yaml", playbook_text("a1500"));
  EXPECT_FALSE(load().find("a1500")->usable());
}

TEST_F(PlaybookFolders, WhatOthersCanWriteIsRefused) {
  write("own/a.yaml", playbook_text("a"), 0666);
  write("own/b.yaml", playbook_text("b"), 0620);
  write("own/agent-lanes.json", kLanes, 0622);
  const auto set = load();
  ASSERT_THAT(set.files, SizeIs(2));
  for (const auto& file : set.files)
    EXPECT_THAT(said(file.problems), AllOf(HasSubstr(file.path.string()), HasSubstr("chmod")));
  EXPECT_FALSE(set.lanes.lanes);
}

TEST_F(PlaybookFolders, AFolderThatOthersCanWriteIsRefused) {
  write("own/a.yaml", playbook_text("a"));
  ::chmod((folder_ / "own").c_str(), 0777);
  EXPECT_FALSE(load().files.at(0).usable());
}

TEST_F(PlaybookFolders, ALinkIsRefusedAndOtherFilesArePassedOver) {
  const auto file = write("installed/a.yaml", playbook_text("a"));
  std::filesystem::create_symlink(file, folder_ / "own/a.yaml");
  write("own/b.yml", playbook_text("b"));
  write("own/.c.yaml", playbook_text("c"));
  write("own/README.md", "x");
  std::filesystem::create_directory(folder_ / "own/d.yaml");
  const auto set = load();
  ASSERT_THAT(set.files, SizeIs(2));
  EXPECT_THAT(said(set.files[0].problems), HasSubstr("is a symbolic link"));
  EXPECT_THAT(said(set.files[1].problems), HasSubstr("is not a regular file"));
  EXPECT_THAT(set.warnings, ElementsAre(HasSubstr("b.yml is passed over")));
}

TEST_F(PlaybookFolders, ALaneThatIsNotThereIsAProblem) {
  write("own/a.yaml", playbook_text("a", "agent: { toolsets: [file] }\n"));
  write("own/b.yaml",
        "name: b\ndescription: d\nmatching: { authors: [x] }\nlane: heavvy\nprompt: p\n");
  write("own/c.yaml",
        "name: c\ndescription: d\nmatching: { authors: [x] }\nlane: other\nprompt: p\n"
        "agent: { toolsets: [file] }\n");
  const auto set = load();
  EXPECT_TRUE(set.find("a")->usable()) << said(set.find("a")->problems);
  EXPECT_FALSE(set.find("b")->usable());
  EXPECT_THAT(said(set.find("b")->problems), AllOf(HasSubstr("own/b.yaml:4:7: lane is \"heavvy\""),
                                                   HasSubstr("did you mean \"heavy\"?")));
  EXPECT_THAT(said(set.find("c")->problems),
              HasSubstr("over that of lane other is a command and has `toolsets`"));
  std::filesystem::remove(folder_ / "installed/agent-lanes.json");
  EXPECT_THAT(said(load().find("a")->problems), HasSubstr("there is no agent-lanes.json"));
}

TEST_F(PlaybookFolders, FilesByNameAreCheckedWhereverTheyAre) {
  const auto good = write("own/a.yaml", playbook_text("a"), 0666);
  const auto bad = write("own/b.yaml", playbook_text("b", "limts: {}\n"));
  const auto set = check_playbooks({good, bad}, load().lanes);
  ASSERT_THAT(set.files, SizeIs(2));
  EXPECT_TRUE(set.files[0].usable()) << said(set.files[0].problems);
  EXPECT_THAT(set.warnings, ElementsAre(HasSubstr("no host would take it as it is")));
  EXPECT_FALSE(set.files[1].usable());
  const auto lanes =
      write("own/agent-lanes.json", R"({"lanes": {"x": {"agent": {"kind": "hermes"}}}})");
  const auto with_lanes = check_playbooks({good, lanes}, load().lanes);
  EXPECT_THAT(said(with_lanes.files.at(0).problems), HasSubstr("lane is \"code\""));
  EXPECT_THAT(said(check_playbooks({folder_ / "none.yaml"}, {}).files.at(0).problems),
              HasSubstr("none.yaml"));
}

}  // namespace
}  // namespace host::dispatch
