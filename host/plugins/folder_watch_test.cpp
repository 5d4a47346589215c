// SPDX-License-Identifier: Apache-2.0
#include "plugins/folder_watch.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "base/file.hpp"
#include "base/test_folder.hpp"
#include "plugins/test_plugin.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class FolderWatchTest : public testing::Test {
 protected:
  void watch(std::vector<fs::path> folders) {
    watch_ = std::make_unique<FolderWatch>(
        context_, loop_, Log::to_memory(std::make_shared<std::vector<std::string>>()),
        std::move(folders), [this] { ++calls_; }, 20ms);
  }
  // Whether a call comes, given plenty of time.
  bool comes() {
    const int before = calls_;
    const auto cap = std::chrono::steady_clock::now() + 10s;
    while (calls_ == before && std::chrono::steady_clock::now() < cap) context_.run_one_for(100ms);
    return calls_ > before;
  }
  // Runs the loop until what has happened so far has been told.
  void settle() {
    const auto end = std::chrono::steady_clock::now() + 150ms;
    while (std::chrono::steady_clock::now() < end) context_.run_one_for(20ms);
  }

  TestFolder folder_;
  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  int calls_ = 0;
  std::unique_ptr<FolderWatch> watch_;
};

TEST_F(FolderWatchTest, TellsOfAFileThatIsDroppedInReplacedCutOrRemoved) {
  watch({folder_.path()});
  EXPECT_TRUE(watch_->working());
  write_bytes(folder_ / "x.so", "a");
  EXPECT_TRUE(comes()) << "dropped in";
  settle();
  write_bytes(folder_ / ".x.so", "b");
  fs::rename(folder_ / ".x.so", folder_ / "x.so");
  EXPECT_TRUE(comes()) << "replaced";
  settle();
  fs::resize_file(folder_ / "x.so", 0);
  EXPECT_TRUE(comes()) << "cut";
  settle();
  fs::permissions(folder_ / "x.so", fs::perms(0666));
  EXPECT_TRUE(comes()) << "its mode changed";
  settle();
  fs::remove(folder_ / "x.so");
  EXPECT_TRUE(comes()) << "removed";
}

TEST_F(FolderWatchTest, TellsOnceOfManyChangesAtOnce) {
  watch({folder_.path()});
  for (int i = 0; i < 50; ++i) write_bytes(folder_ / (std::to_string(i) + ".so"), "a");
  EXPECT_TRUE(comes());
  settle();
  EXPECT_EQ(calls_, 1);
}

TEST_F(FolderWatchTest, ChangesThatNeverPauseAreToldAllTheSame) {
  watch({folder_.path()});
  const auto cap = std::chrono::steady_clock::now() + 10s;
  while (calls_ == 0 && std::chrono::steady_clock::now() < cap) {
    write_bytes(folder_ / "x.so", "a");
    context_.run_one_for(5ms);
  }
  EXPECT_EQ(calls_, 1);
}

TEST_F(FolderWatchTest, ReadingAPluginIsNoChange) {
  write_bytes(folder_ / "x.so", "a");
  watch({folder_.path()});
  static_cast<void>(read_file(folder_ / "x.so", 100));
  for ([[maybe_unused]] const auto& item : fs::directory_iterator(folder_.path())) continue;
  settle();
  EXPECT_EQ(calls_, 0);
}

TEST_F(FolderWatchTest, NoticesAFolderThatAppearsLaterHoweverDeep) {
  watch({folder_ / "a" / "b" / "plugins"});
  EXPECT_TRUE(watch_->working());
  fs::create_directory(folder_ / "unrelated");
  settle();
  EXPECT_EQ(calls_, 0);
  fs::create_directories(folder_ / "a" / "b" / "plugins");
  EXPECT_TRUE(comes());
  settle();
  write_bytes(folder_ / "a" / "b" / "plugins" / "x.so", "a");
  EXPECT_TRUE(comes());
}

TEST_F(FolderWatchTest, GoesOnWhenTheFolderIsRemovedAndMadeAgain) {
  fs::create_directory(folder_ / "plugins");
  watch({folder_ / "plugins"});
  fs::remove(folder_ / "plugins");
  EXPECT_TRUE(comes());
  settle();
  fs::create_directory(folder_ / "plugins");
  EXPECT_TRUE(comes());
  settle();
  write_bytes(folder_ / "plugins" / "x.so", "a");
  EXPECT_TRUE(comes());
}

TEST_F(FolderWatchTest, WatchesAFolderAndAMissingOneInsideIt) {
  watch({folder_ / "inner", folder_.path()});
  write_bytes(folder_ / "x.so", "a");
  EXPECT_TRUE(comes());
  settle();
  fs::create_directory(folder_ / "inner");
  EXPECT_TRUE(comes());
  settle();
  write_bytes(folder_ / "inner" / "y.so", "a");
  EXPECT_TRUE(comes());
}

TEST_F(FolderWatchTest, IsSilentOnceItIsGone) {
  watch({folder_.path()});
  write_bytes(folder_ / "x.so", "a");
  watch_.reset();
  settle();
  EXPECT_EQ(calls_, 0);
}

}  // namespace
}  // namespace host
