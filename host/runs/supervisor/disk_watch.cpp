// SPDX-License-Identifier: Apache-2.0
#include "runs/supervisor/disk_watch.hpp"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <memory>

#include "base/error.hpp"

namespace host::runs::supervisor {
namespace {

using Instant = std::chrono::steady_clock::time_point;

// A descriptor each; no tree that people made is as deep.
constexpr int kDeepest = 200;
constexpr std::uint64_t kBlock = 512;  // of st_blocks
constexpr std::uint64_t kLeftOnDisk = 64u << 20;
constexpr auto kPause = std::chrono::milliseconds(250);
// A look may take a twentieth of the time.
constexpr int kPausesPerLook = 20;

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
using Folder = std::unique_ptr<DIR, CloseFolder>;

Fd open_folder(int parent, const char* name) {
  constexpr int kFlags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  Fd fd(::openat(parent, name, O_RDONLY | kFlags));
  if (fd || errno != EACCES) return fd;
  // What hides from a look would not be counted. By what was opened: the name may be a link by now.
  const Fd hidden(::openat(parent, name, O_PATH | kFlags));
  if (!hidden) return fd;
  (void)::chmod(("/proc/self/fd/" + std::to_string(hidden.get())).c_str(), 0700);
  return Fd(::openat(parent, name, O_RDONLY | kFlags));
}

bool is_dots(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

std::uint64_t bytes_below(Fd opened, dev_t device, int depth) {
  if (depth > kDeepest)
    throw Error(Code::too_large,
                "its folders lie " + std::to_string(depth) + " deep in each other");
  const int fd = opened.release();
  const Folder folder(::fdopendir(fd));
  std::uint64_t bytes = 0;
  while (const dirent* entry = folder ? ::readdir(folder.get()) : nullptr) {
    struct stat info {};
    if (is_dots(entry->d_name) || ::fstatat(fd, entry->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0 ||
        info.st_dev != device)
      continue;
    bytes += static_cast<std::uint64_t>(info.st_blocks) * kBlock;
    if (!S_ISDIR(info.st_mode)) continue;
    if (Fd inner = open_folder(fd, entry->d_name))
      bytes += bytes_below(std::move(inner), device, depth + 1);
  }
  return bytes;
}

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

std::uint64_t bytes_on_disk(const Fd& folder) {
  struct stat info {};
  if (::fstat(folder.get(), &info) != 0) throw system_error("looking at a run's folder");
  // A second look must begin at the beginning.
  return bytes_below(open_folder(folder.get(), "."), info.st_dev, 0);
}

DiskWatch::DiskWatch(const std::vector<std::filesystem::path>& folders, std::uint64_t most)
    : most_(most), event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  for (const auto& path : folders)
    folders_.emplace_back(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!event_ ||
      std::any_of(folders_.begin(), folders_.end(), [](const Fd& folder) { return !folder; }))
    throw system_error("watching a run's folders");
  thread_ = std::jthread([this](const std::stop_token& stopped) { watch(stopped); });
}

DiskWatch::~DiskWatch() = default;

std::string DiskWatch::evidence() const {
  const std::scoped_lock lock(mutex_);
  return evidence_;
}

// Between two looks it only asks how much is free, which costs nothing: when that falls fast, the
// next look is due.
void DiskWatch::watch(const std::stop_token& stopped) {
  std::mutex idle;
  std::condition_variable_any wake;
  while (!stopped.stop_requested()) {
    const Instant begun = std::chrono::steady_clock::now();
    if (!look()) return;
    const auto took = std::chrono::steady_clock::now() - begun;
    const Instant due = begun + std::max<Instant::duration>(kPause, kPausesPerLook * took);
    const auto free = free_bytes();
    while (!stopped.stop_requested() && std::chrono::steady_clock::now() < due &&
           free_bytes() + most_ / 4 > free) {
      std::unique_lock lock(idle);
      (void)wake.wait_for(lock, stopped, kPause, [] { return false; });
    }
  }
}

bool DiskWatch::look() {
  try {
    std::uint64_t bytes = 0;
    for (const auto& folder : folders_) bytes += bytes_on_disk(folder);
    if (bytes > most_) {
      tell("its folders take " + mebibytes(bytes) + " of disk, of " + mebibytes(most_) +
           " at most");
    } else if (const auto free = free_bytes(); free < kLeftOnDisk) {
      tell("the disk that it works on has only " + mebibytes(free) + " left");
    } else {
      return true;
    }
  } catch (const Error& error) {
    tell(error.message());
  }
  return false;
}

std::uint64_t DiskWatch::free_bytes() const {
  std::uint64_t least = ~std::uint64_t{0};
  for (const auto& folder : folders_) {
    struct statvfs info {};
    if (::fstatvfs(folder.get(), &info) == 0)
      least = std::min(least, std::uint64_t{info.f_bavail} * info.f_frsize);
  }
  return least;
}

void DiskWatch::tell(std::string evidence) {
  {
    const std::scoped_lock lock(mutex_);
    evidence_ = std::move(evidence);
  }
  const std::uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
}

}  // namespace host::runs::supervisor
