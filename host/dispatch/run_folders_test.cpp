// SPDX-License-Identifier: Apache-2.0
#include "dispatch/run_folders.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "runs/run_lock.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr std::size_t kRunBytes = 40'000;

class RunFoldersTest : public testing::Test {
 protected:
  RunFoldersTest() {
    fs::create_directory(folders_.runs);
    fs::create_directory(folders_.scratch);
  }
  // A run that ended that many hours after the first.
  void add_run(const std::string& name, int hour) {
    const auto folder = folders_.runs / name;
    fs::create_directory(folder);
    write_atomically(folder / "output.log", std::string(kRunBytes, 'x'), 0600);
    const timespec at{1'000'000 + hour * 3600L, 0};
    const timespec both[2] = {at, at};
    ASSERT_EQ(::utimensat(AT_FDCWD, folder.c_str(), both, 0), 0);
  }
  void add_scratch(const std::string& name) {
    fs::create_directories(folders_.scratch / name / "home");
    write_atomically(folders_.scratch / name / "home" / "x", "x", 0600);
  }
  RunsRemoved clear(const RunsInUse& in_use = {}) {
    return clear_runs(folders_, find_runs(folders_), in_use, bounds_);
  }
  [[nodiscard]] bool has_run(const std::string& name) const {
    return fs::exists(folders_.runs / name);
  }

  TestFolder folder_;
  CageFolders folders_{folder_ / "runs", folder_ / "attempts"};
  RunBounds bounds_;
};

TEST_F(RunFoldersTest, WithinTheBoundsAllEndedRunsStay) {
  add_run("d1.1", 1);
  add_run("d1.2", 2);
  bounds_ = {.most = 2, .bytes = 10 * kRunBytes};
  EXPECT_THAT(clear().runs, IsEmpty());
}

TEST_F(RunFoldersTest, BeyondTheirNumberTheLongestEndedGoFirst) {
  add_run("d3.1", 1);
  add_run("d1.1", 3);
  add_run("d2.1", 2);
  bounds_.most = 1;
  EXPECT_THAT(clear().runs, ElementsAre("d3.1", "d2.1"));
  EXPECT_TRUE(has_run("d1.1"));
}

TEST_F(RunFoldersTest, BeyondTheirBytesTheLongestEndedGoFirst) {
  add_run("d1.1", 1);
  add_run("d2.1", 2);
  add_run("d3.1", 3);
  bounds_.bytes = 2 * kRunBytes + kRunBytes / 2;
  EXPECT_THAT(clear().runs, ElementsAre("d1.1"));
}

TEST_F(RunFoldersTest, NoRunOfAnItemInWorkGoes) {
  add_run("d1.1", 1);
  add_run("d1.2", 2);
  add_run("d2.1", 3);
  bounds_.most = 0;
  EXPECT_THAT(clear({.runs = {}, .items = {ItemId(1)}}).runs, ElementsAre("d2.1"));
  EXPECT_TRUE(has_run("d1.1"));
  EXPECT_TRUE(has_run("d1.2"));
}

TEST_F(RunFoldersTest, ThoseOfItemsInWorkDriveNoEndedOneOut) {
  add_run("d1.1", 1);
  for (const char* name : {"d2.1", "d2.2", "d2.3"}) add_run(name, 2);
  bounds_ = {.most = 1, .bytes = kRunBytes + kRunBytes / 2};
  EXPECT_THAT(clear({.runs = {"d2.3"}, .items = {ItemId(2)}}).runs, IsEmpty());
  EXPECT_TRUE(has_run("d1.1"));
  EXPECT_THAT(clear({.runs = {"d2.2", "d2.3"}, .items = {}}).runs, ElementsAre("d1.1"))
      << "ended or not is asked of each run";
}

TEST_F(RunFoldersTest, WhatStillHoldsItsLockStaysWhoeverStartedIt) {
  add_run("d1.1", 1);
  add_run("h1.1", 1);
  add_scratch("d1.1");
  add_scratch("h1.1");
  bounds_.most = 0;
  {
    const auto lock = runs::take_lock(runs::lock_path(folders_.runs / "d1.1"));
    const auto other = runs::take_lock(runs::lock_path(folders_.runs / "h1.1"));
    const auto removed = clear();
    EXPECT_THAT(removed.runs, IsEmpty());
    EXPECT_THAT(removed.scratch, IsEmpty());
  }
  const auto removed = clear();
  EXPECT_THAT(removed.runs, UnorderedElementsAre("d1.1", "h1.1"));
  EXPECT_THAT(removed.scratch, UnorderedElementsAre("d1.1", "h1.1"));
}

TEST_F(RunFoldersTest, ScratchOfDeadRunsGoesAndThatOfRunsInHandStays) {
  add_scratch("d1.1");
  add_scratch("d2.1");
  EXPECT_THAT(clear({.runs = {"d2.1"}, .items = {}}).scratch, ElementsAre("d1.1"));
  EXPECT_TRUE(fs::exists(folders_.scratch / "d2.1" / "home" / "x"));
}

// Within any bounds: nobody reads them, and nobody else clears up after a host that was killed.
TEST_F(RunFoldersTest, WhatAHostBeforeLeftOfItsOwnCommandsGoesAndThisOnesStays) {
  add_run("h1.7", 1);
  add_run("h2.1", 1);
  EXPECT_THAT(clear({.runs = {}, .items = {}, .life = 2}).runs, ElementsAre("h1.7"));
  EXPECT_TRUE(has_run("h2.1"));
}

TEST_F(RunFoldersTest, WhatTheHostDidNotNameStays) {
  for (const char* name : {"notes", "d1", "d1.1.old", "h1.x", "hx.1"}) {
    add_run(name, 1);
    add_scratch(name);
  }
  bounds_ = {.most = 0, .bytes = 0};
  const auto removed = clear();
  EXPECT_THAT(removed.runs, IsEmpty());
  EXPECT_THAT(removed.scratch, IsEmpty());
}

TEST_F(RunFoldersTest, NothingIsRemovedThroughALink) {
  const auto precious = folder_ / "precious";
  fs::create_directory(precious);
  write_atomically(precious / "x", "x", 0600);
  fs::create_directory_symlink(precious, folders_.runs / "d1.1");
  fs::create_directory_symlink(precious, folders_.scratch / "d1.1");
  add_run("d2.1", 1);
  fs::create_directory_symlink(precious, folders_.runs / "d2.1" / "kept");
  bounds_ = {.most = 0, .bytes = 0};
  EXPECT_THAT(clear().runs, ElementsAre("d2.1"));
  EXPECT_TRUE(fs::exists(precious / "x"));
  EXPECT_TRUE(fs::is_symlink(folders_.runs / "d1.1"));
}

TEST_F(RunFoldersTest, WhereTheFolderItselfIsALinkNothingIsRemoved) {
  add_run("d1.1", 1);
  fs::rename(folders_.runs, folder_ / "elsewhere");
  fs::create_directory_symlink(folder_ / "elsewhere", folders_.runs);
  try {
    (void)find_runs(folders_);
    FAIL() << "it was looked at";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::denied);
  }
}

TEST_F(RunFoldersTest, WhatAKilledHostHadHalfRemovedIsFinishedWith) {
  fs::create_directories(folders_.runs / ".removing-d1.1" / "kept");
  fs::create_directories(folders_.scratch / ".removing-d1.1" / "home");
  (void)clear();
  EXPECT_TRUE(fs::is_empty(folders_.runs));
  EXPECT_TRUE(fs::is_empty(folders_.scratch));
}

// Between the look and the removal a run begins: it has a name that was not there.
TEST_F(RunFoldersTest, WhatCameAfterTheLookStays) {
  add_run("d1.1", 1);
  const auto found = find_runs(folders_);
  add_run("d2.1", 0);
  add_scratch("d2.1");
  const auto removed = clear_runs(folders_, found, {}, {.most = 0, .bytes = 0});
  EXPECT_THAT(removed.runs, ElementsAre("d1.1"));
  EXPECT_TRUE(has_run("d2.1"));
  EXPECT_TRUE(fs::exists(folders_.scratch / "d2.1"));
}

TEST_F(RunFoldersTest, WithoutTheFoldersThereIsNothingToDo) {
  fs::remove(folders_.runs);
  fs::remove(folders_.scratch);
  EXPECT_THAT(clear().failed, IsEmpty());
}

}  // namespace
}  // namespace host::dispatch
