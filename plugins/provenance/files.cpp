// SPDX-License-Identifier: Apache-2.0
#include "files.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <timmy/failure.hpp>
#include <utility>

#include "new_file.hpp"

namespace provenance {
namespace {

std::size_t read_some(int fd, char* into, std::size_t size, const std::filesystem::path& path) {
  for (;;) {
    const ssize_t got = ::read(fd, into, size);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) fail_on("read", path);
  }
}

// O_NONBLOCK: a FIFO in its place would hold this run up.
Descriptor open_regular(const std::filesystem::path& path) {
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return file;
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail_on("look at", path);
  if (!S_ISREG(info.st_mode))
    throw timmy::Permanent("denied", path.string() + " is no regular file");
  return file;
}

}  // namespace

void fail_on(const std::string& doing, const std::filesystem::path& path) {
  const int number = errno;
  const std::string message = "can't " + doing + " " + path.string() + ": " + std::strerror(number);
  if (number == EACCES || number == EPERM || number == EROFS)
    throw timmy::Permanent(
        "denied", message + "; grant fs.read or fs.write for " + path.parent_path().string());
  if (number == ENOENT || number == ENOTDIR) throw timmy::Permanent("not_found", message);
  throw timmy::Retryable("io", message);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

std::optional<std::string> read_if_there(const std::filesystem::path& path, std::size_t cap) {
  const auto file = open_regular(path);
  if (!file && errno == ENOENT) return std::nullopt;
  if (!file) fail_on("open", path);
  std::string text;
  std::string block(64 << 10, '\0');
  while (const auto got = read_some(file.get(), block.data(), block.size(), path)) {
    text.append(block, 0, got);
    if (text.size() > cap)
      throw timmy::Permanent("too_large",
                             path.string() + " is larger than " + std::to_string(cap) + " bytes");
  }
  return text;
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  NewFile file(path.string() + ".new");
  file.append(text);
  file.publish(path);
  sync_folder(path.parent_path());
}

void sync_folder(const std::filesystem::path& folder) {
  const Descriptor file(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!file || ::fsync(file.get()) != 0) fail_on("sync", folder);
}

void make_folder(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) fail_on("create", folder);
}

std::vector<std::string> names_in(const std::filesystem::path& folder) {
  const std::unique_ptr<DIR, int (*)(DIR*)> opened(::opendir(folder.c_str()), &::closedir);
  if (!opened) fail_on("list", folder);
  std::vector<std::string> names;
  while (const auto* entry = ::readdir(opened.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void remove_file(const std::filesystem::path& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail_on("remove", path);
}

void each_line(const std::filesystem::path& path, std::size_t longest,
               const std::function<bool(const Line&)>& take) {
  const auto file = open_regular(path);
  if (!file) fail_on("open", path);
  std::string text;  // from the beginning of a line
  std::size_t looked = 0;
  Line line{{}, 1, 0, true};
  std::string block(256 << 10, '\0');
  while (const auto got = read_some(file.get(), block.data(), block.size(), path)) {
    text.append(block, 0, got);
    std::size_t from = 0;
    for (auto end = text.find('\n', looked); end != std::string::npos;
         end = text.find('\n', from)) {
      line.text = std::string_view(text).substr(from, end - from);
      if (!take(line)) return;
      ++line.number;
      line.offset += static_cast<std::int64_t>(end + 1 - from);
      from = end + 1;
    }
    text.erase(0, from);
    looked = text.size();
    if (text.size() > longest) {
      line.whole = false;
      line.text = text;
      (void)take(line);
      return;
    }
  }
  if (text.empty()) return;
  line.whole = false;
  line.text = text;
  (void)take(line);
}

Descriptor FolderLock::open(const std::filesystem::path& folder) {
  make_folder(folder);
  return Descriptor(::open((folder / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
}

FolderLock::FolderLock(const std::filesystem::path& folder) : file_(open(folder)) {
  if (!file_) fail_on("open", folder / "lock");
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(file_.get(), F_SETLK, &whole) == 0) return;
  if (errno != EACCES && errno != EAGAIN) fail_on("lock", folder / "lock");
  throw timmy::Retryable("busy", "another run writes in " + folder.string());
}

}  // namespace provenance
