// SPDX-License-Identifier: Apache-2.0
#include "base/file_watch.hpp"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <fstream>

#include "base/test_folder.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

class FileWatchTest : public testing::Test {
 protected:
  void watch(const fs::path& file) {
    watch_ = std::make_unique<FileWatch>(
        context_, loop_, Log::to_memory(std::make_shared<std::vector<std::string>>()), file,
        [this] { ++calls_; }, 20ms);
  }
  static void write(const fs::path& file, const char* text = "{}") { std::ofstream(file) << text; }
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
  fs::path file_ = folder_ / "home/budget.json";
  boost::asio::io_context context_;
  SystemClock clock_;
  AsioLoop loop_{context_, clock_};
  int calls_ = 0;
  std::unique_ptr<FileWatch> watch_;
};

TEST_F(FileWatchTest, TellsOfAFileThatComesIsWrittenReplacedOrRemoved) {
  fs::create_directories(file_.parent_path());
  watch(file_);
  write(file_);
  EXPECT_TRUE(comes()) << "it came";
  settle();
  write(file_, "{ }");
  EXPECT_TRUE(comes()) << "written";
  settle();
  write(file_.parent_path() / "new");
  fs::rename(file_.parent_path() / "new", file_);
  EXPECT_TRUE(comes()) << "replaced";
  settle();
  write(file_, "{  }");
  EXPECT_TRUE(comes()) << "the new one written";
  settle();
  fs::permissions(file_, fs::perms(0666));
  EXPECT_TRUE(comes()) << "its mode";
  settle();
  fs::remove(file_);
  EXPECT_TRUE(comes()) << "removed";
  settle();
  write(file_);
  EXPECT_TRUE(comes()) << "it came again";
}

TEST_F(FileWatchTest, TellsOfAFileWhoseFolderComesLater) {
  watch(file_);
  fs::create_directories(file_.parent_path());
  write(file_);
  EXPECT_TRUE(comes());
  settle();
  write(file_, "{ }");
  EXPECT_TRUE(comes());
}

TEST_F(FileWatchTest, TellsOfAFileWhoseFolderWasPutAway) {
  fs::create_directories(file_.parent_path());
  write(file_);
  watch(file_);
  fs::rename(file_.parent_path(), folder_ / "old");
  EXPECT_TRUE(comes());
  fs::create_directories(file_.parent_path());
  write(file_);
  EXPECT_TRUE(comes());
}

TEST_F(FileWatchTest, WhatOthersWriteBesideItWakesNobody) {
  fs::create_directories(file_.parent_path());
  write(file_);
  write(file_.parent_path() / "state.db");
  watch(file_);
  for (int i = 0; i < 100; ++i) {
    write(file_.parent_path() / "state.db", "more");
    context_.poll();
  }
  settle();
  EXPECT_EQ(watch_->wakeups(), 0u);
  write(file_.parent_path() / "state.db-journal");
  fs::remove(file_.parent_path() / "state.db-journal");
  settle();
  EXPECT_EQ(calls_, 0) << "another file that comes and goes";
  write(file_, "{ }");
  EXPECT_TRUE(comes());
}

}  // namespace
}  // namespace host
