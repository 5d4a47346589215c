// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_tree_file.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "base/error.hpp"
#include "base/test_folder.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using ::testing::Optional;

class TreeFiles : public ::testing::Test {
 protected:
  TreeFiles() {
    fs::create_directories(folder_ / "tree" / "a");
    put("tree/a/file", "inside");
    put("outside", "outside");
  }
  void put(const std::string& path, const std::string& text) const {
    std::ofstream(folder_ / path, std::ios::binary) << text;
  }
  [[nodiscard]] auto read(const std::string& path, std::size_t most = 100) const {
    return read_below(folder_ / "tree", path, most);
  }
  TestFolder folder_;
};

TEST_F(TreeFiles, AreReadUpToABound) {
  EXPECT_THAT(read("a/file"), Optional(std::string("inside")));
  EXPECT_THAT(read("a/file", 2), Optional(std::string("in")));
  EXPECT_EQ(read("a/none"), std::nullopt);
  EXPECT_EQ(read("a"), std::nullopt);
}

TEST_F(TreeFiles, AreNotReadThroughLinks) {
  fs::create_symlink(folder_ / "outside", folder_ / "tree" / "link");
  fs::create_symlink(folder_.path(), folder_ / "tree" / "folder");
  EXPECT_EQ(read("link"), std::nullopt);
  EXPECT_EQ(read("folder/outside"), std::nullopt);
  EXPECT_THROW((void)read("../outside"), Error);
  EXPECT_THROW((void)read((folder_ / "outside").string()), Error);
}

TEST_F(TreeFiles, DoNotHangOnAFifo) {
  ::mkfifo((folder_ / "tree" / "pipe").c_str(), 0600);
  EXPECT_EQ(read("pipe"), std::nullopt);
}

TEST_F(TreeFiles, AreToldFromWhatWasWrittenAnew) {
  const auto before = mark_of(folder_ / "tree", "a/file");
  EXPECT_EQ(mark_of(folder_ / "tree", "a/file"), before);
  put("tree/a/new", "inside");
  fs::rename(folder_ / "tree" / "a" / "new", folder_ / "tree" / "a" / "file");
  EXPECT_NE(mark_of(folder_ / "tree", "a/file"), before);
  EXPECT_EQ(mark_of(folder_ / "tree", "a/none"), std::nullopt);
}

}  // namespace
}  // namespace host::dispatch
