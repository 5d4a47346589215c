// SPDX-License-Identifier: Apache-2.0
#include "stamp.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

namespace heartbeat {
namespace {

using testing::HasSubstr;

class Stamp : public testing::Test {
 protected:
  Stamp() {
    std::string name = (std::filesystem::temp_directory_path() / "stamp.XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~Stamp() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] std::string content(const std::string& name) const {
    std::ifstream file(folder_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::filesystem::path folder_;
};

TEST_F(Stamp, IsReplacedAsAWhole) {
  write_stamp(folder_, "a", {{"at", "first"}});
  std::ifstream old(folder_ / "a.stamp");
  write_stamp(folder_, "a", {{"at", "second"}});
  EXPECT_EQ(content("a.stamp"), "{\"at\":\"second\"}\n");
  std::string line;
  std::getline(old, line);
  EXPECT_EQ(line, "{\"at\":\"first\"}") << "who has the old one open still reads it";
  EXPECT_FALSE(std::filesystem::exists(folder_ / "a.stamp.new"));
}

TEST_F(Stamp, IsWrittenOverWhatAKilledRunLeft) {
  std::ofstream(folder_ / "a.stamp.new") << "{\"half\":";
  write_stamp(folder_, "a", {{"at", "now"}});
  EXPECT_EQ(content("a.stamp"), "{\"at\":\"now\"}\n");
}

TEST_F(Stamp, SaysWhichFolderIsMissing) {
  EXPECT_THAT([&] { write_stamp(folder_ / "absent", "a", {}); },
              testing::ThrowsMessage<timmy::Retryable>(
                  HasSubstr("create " + (folder_ / "absent").string())));
}

TEST_F(Stamp, IsNotReplacedWhenItCannotBeWritten) {
  write_stamp(folder_, "a", {{"at", "first"}});
  std::filesystem::create_directory(folder_ / "a.stamp.new");
  EXPECT_THROW(write_stamp(folder_, "a", {{"at", "second"}}), timmy::Retryable);
  EXPECT_EQ(content("a.stamp"), "{\"at\":\"first\"}\n");
}

}  // namespace
}  // namespace heartbeat
