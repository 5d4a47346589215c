// SPDX-License-Identifier: Apache-2.0
#include "file_bytes.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <iterator>
#include <utility>

namespace provenance {
namespace {

constexpr std::size_t kChunk = 256u << 10;

// How many bytes came; 0 at the end, less where the disk failed.
ssize_t read_some(int fd, char* into, std::size_t most) {
  for (;;) {
    const ssize_t got = ::read(fd, into, most);
    if (got >= 0 || errno != EINTR) return got;
  }
}

}  // namespace

OpenFile::OpenFile(OpenFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
OpenFile& OpenFile::operator=(OpenFile&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}
OpenFile::~OpenFile() {
  if (fd_ >= 0) ::close(fd_);
}

OpenFile OpenFile::in(int folder, const std::string& name) {
  OpenFile file(
      ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!file || ::fstat(file.get(), &info) != 0) return OpenFile(-1);
  if (S_ISREG(info.st_mode)) return file;
  errno = EINVAL;
  return OpenFile(-1);
}

// Name by name, since O_NOFOLLOW is about the last one alone. To pass through a folder asks for no
// leave to read it.
OpenFile OpenFile::folder(const std::string& path) {
  constexpr int kFolder = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  const std::filesystem::path names(path);
  OpenFile at(AT_FDCWD);
  for (auto name = names.begin(); name != names.end(); ++name) {
    const int how = std::next(name) == names.end() ? O_RDONLY : O_PATH;
    at = OpenFile(::openat(at.get(), name->c_str(), kFolder | how));
    if (!at) break;
  }
  return at;
}

Entries entries_of(const std::string& path) {
  const auto folder = OpenFile::folder(path);
  const int fd = folder ? ::fcntl(folder.get(), F_DUPFD_CLOEXEC, 0) : -1;
  Entries entries(fd < 0 ? nullptr : ::fdopendir(fd), &::closedir);
  if (!entries && fd >= 0) ::close(fd);
  return entries;
}

std::optional<FileIdentity> OpenFile::identity() const {
  struct stat info {};
  if (::fstat(fd_, &info) != 0) return std::nullopt;
  return FileIdentity::of(info);
}

std::optional<std::string> bytes_of(const OpenFile& file, std::size_t most) {
  const auto identity = file.identity();
  if (!identity) return std::nullopt;
  std::string bytes;
  std::size_t size = 0;
  const auto expected = static_cast<std::size_t>(identity->size);
  if (expected <= most) bytes.resize(expected + 1);
  while (expected <= most) {
    if (size == bytes.size()) bytes.resize(size + kChunk);
    const ssize_t got = read_some(file.get(), bytes.data() + size, bytes.size() - size);
    if (got < 0) return std::nullopt;
    size += static_cast<std::size_t>(got);
    if (size > most) break;
    if (got > 0) continue;
    bytes.resize(size);
    return bytes;
  }
  errno = EFBIG;
  return std::nullopt;
}

// Keeps what is not told yet, and adds what comes next.
bool LineReader::fill() {
  buffer_.erase(0, at_);
  gone_ += at_;
  at_ = 0;
  const std::size_t kept = buffer_.size();
  buffer_.resize(kept + kChunk);
  const ssize_t got = read_some(file_.get(), buffer_.data() + kept, kChunk);
  buffer_.resize(kept + static_cast<std::size_t>(got > 0 ? got : 0));
  if (got > 0) return true;
  failed_ = got < 0;
  ended_ = true;
  return false;
}

bool LineReader::next() {
  too_long_ = false;
  line_ = {};
  offset_ = gone_ + at_;
  std::size_t looked = at_;
  for (;;) {
    const std::size_t end = buffer_.find('\n', looked);
    if (end != std::string::npos) {
      too_long_ = too_long_ || end - at_ > longest_;
      if (!too_long_) line_ = std::string_view(buffer_).substr(at_, end - at_);
      at_ = end + 1;
      whole_ = true;
      ++number_;
      return true;
    }
    if (buffer_.size() - at_ > longest_) {
      too_long_ = true;
      at_ = buffer_.size();  // what comes until the line feed is passed over
    }
    looked = buffer_.size() - at_;
    if (ended_ || !fill()) break;
  }
  if (at_ == buffer_.size() && !too_long_) return false;
  too_long_ = too_long_ || buffer_.size() - at_ > longest_;
  if (!too_long_) line_ = std::string_view(buffer_).substr(at_);
  at_ = buffer_.size();
  whole_ = false;
  ++number_;
  return true;
}

}  // namespace provenance
