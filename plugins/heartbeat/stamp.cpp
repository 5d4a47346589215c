// SPDX-License-Identifier: Apache-2.0
#include "stamp.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace heartbeat {
namespace {

[[noreturn]] void fail(const std::string& doing, const std::filesystem::path& path) {
  const int number = errno;
  std::string message = "can't " + doing + " " + path.string() + ": " + std::strerror(number);
  if (number == EACCES || number == EROFS || number == EPERM)
    message += "; grant fs.write for " + path.parent_path().string();
  if (number == ENOENT) message += "; create " + path.parent_path().string();
  throw timmy::Retryable("stamp_not_written", message);
}

class File {
 public:
  explicit File(const std::filesystem::path& path)
      : path_(path), fd_(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644)) {
    if (fd_ < 0) fail("create", path);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::close(fd_); }

  void write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail("write", path_);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::fsync(fd_) != 0) fail("sync", path_);
  }

 private:
  const std::filesystem::path& path_;
  int fd_;
};

}  // namespace

void write_stamp(const std::filesystem::path& folder, const std::string& name,
                 const timmy::Json& content) {
  const auto path = folder / (name + ".stamp");
  const auto fresh = folder / (name + ".stamp.new");
  // What a killed run left. Not opened with O_TRUNC, which the cage may deny.
  if (::unlink(fresh.c_str()) != 0 && errno != ENOENT) fail("remove", fresh);
  File(fresh).write(content.dump() + "\n");
  if (std::rename(fresh.c_str(), path.c_str()) != 0) fail("replace", path);
}

}  // namespace heartbeat
