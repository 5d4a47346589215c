// SPDX-License-Identifier: Apache-2.0
#include "plugins/image.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/test_folder.hpp"
#include "plugins/test_plugin.hpp"

namespace host {
namespace {

Fd open_file(const std::filesystem::path& path) {
  return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

TEST(PluginImageTest, HoldsTheBytesAndTheirHash) {
  const TestFolder folder;
  write_bytes(folder / "x.so", "abc");
  const Fd file = open_file(folder / "x.so");
  const auto image = PluginImage::copy_of(file.get(), folder / "x.so");
  // FIPS 180-2, appendix B.1.
  EXPECT_EQ(image->sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_of(file.get(), folder / "x.so"), image->sha256);
  EXPECT_EQ(image->size, 3u);
  EXPECT_EQ(image->path, folder / "x.so");
  char bytes[4] = {};
  EXPECT_EQ(::pread(image->fd(), bytes, 4, 0), 3);
  EXPECT_STREQ(bytes, "abc");
}

TEST(PluginImageTest, CannotBeChangedByAnybody) {
  const TestFolder folder;
  write_bytes(folder / "x.so", "abc");
  const auto image = PluginImage::copy_of(open_file(folder / "x.so").get(), folder / "x.so");
  EXPECT_EQ(::pwrite(image->fd(), "x", 1, 0), -1);
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(::ftruncate(image->fd(), 0), -1);
  EXPECT_EQ(::ftruncate(image->fd(), 100), -1);
  EXPECT_EQ(::mmap(nullptr, 3, PROT_READ | PROT_WRITE, MAP_SHARED, image->fd(), 0), MAP_FAILED);
  EXPECT_EQ(::fallocate(image->fd(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 3), -1);
  void* read_only = ::mmap(nullptr, 3, PROT_READ, MAP_SHARED, image->fd(), 0);
  ASSERT_NE(read_only, MAP_FAILED);
  EXPECT_EQ(::mprotect(read_only, 3, PROT_READ | PROT_WRITE), -1);
  ::munmap(read_only, 3);
  const std::string again = "/proc/self/fd/" + std::to_string(image->fd());
  const Fd opened(::open(again.c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_EQ(::pwrite(opened.get(), "x", 1, 0), -1);
  EXPECT_EQ(::fcntl(image->fd(), F_ADD_SEALS, F_SEAL_WRITE), -1);
}

TEST(PluginImageTest, KeepsItsBytesWhenTheFileIsOverwrittenInPlace) {
  const TestFolder folder;
  write_bytes(folder / "x.so", "old");
  const auto image = PluginImage::copy_of(open_file(folder / "x.so").get(), folder / "x.so");
  write_bytes(folder / "x.so", "");
  char bytes[4] = {};
  EXPECT_EQ(::pread(image->fd(), bytes, 4, 0), 3);
  EXPECT_STREQ(bytes, "old");
}

TEST(PluginImageTest, IsClosedOnExec) {
  const TestFolder folder;
  write_bytes(folder / "x.so", "abc");
  const auto image = PluginImage::copy_of(open_file(folder / "x.so").get(), folder / "x.so");
  EXPECT_NE(::fcntl(image->fd(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(PluginImageTest, RefusesAFileBeyondTheCapWithoutReadingItAll) {
  const TestFolder folder;
  write_bytes(folder / "x.so", "");
  ASSERT_EQ(::truncate((folder / "x.so").c_str(), PluginImage::kCap + 1), 0);
  const Fd file = open_file(folder / "x.so");
  try {
    static_cast<void>(PluginImage::copy_of(file.get(), folder / "x.so"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), Code::too_large);
  }
}

}  // namespace
}  // namespace host
