// SPDX-License-Identifier: Apache-2.0
#include "caches.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace budget {
namespace {

constexpr std::int64_t kRemovedCap = 10'000;
constexpr std::int64_t kSeenCap = 200'000;
constexpr int kDepthCap = 16;
constexpr std::size_t kProblemsCap = 20;

using Folder = std::unique_ptr<DIR, int (*)(DIR*)>;

// One component at a time, so that no link on the way is followed.
int open_folder(const std::string& path) {
  int at = ::open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  for (std::size_t from = 1; at >= 0 && from <= path.size();) {
    const auto to = std::min(path.find('/', from), path.size());
    const auto name = path.substr(from, to - from);
    from = to + 1;
    if (name.empty()) continue;
    const bool last = path.find_first_not_of('/', to) == std::string::npos;
    const int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | (last ? O_RDONLY : O_PATH);
    const int next = ::openat(at, name.c_str(), flags);
    const int number = errno;
    ::close(at);
    errno = number;
    at = next;
  }
  return at;
}

class Remover {
 public:
  Remover(const Cache& cache, const timmy::Context& ctx, Sweep& sweep)
      : cache_(cache),
        ctx_(ctx),
        sweep_(sweep),
        before_(std::chrono::floor<std::chrono::seconds>(ctx.now() - cache.older_than)
                    .time_since_epoch()
                    .count()) {}

  void start() {
    const int fd = open_folder(cache_.folder);
    if (fd < 0) return problem("open", cache_.folder);
    struct stat info {};
    if (::fstat(fd, &info) != 0) {
      problem("look at", cache_.folder);
      ::close(fd);
      return;
    }
    device_ = info.st_dev;
    walk(fd, cache_.folder, 0);
  }

 private:
  // Takes the descriptor over.
  void walk(int fd, const std::string& path, int depth) {
    const Folder folder(::fdopendir(fd), &::closedir);
    if (!folder) {
      problem("list", path);
      ::close(fd);
      return;
    }
    while (const auto* entry = ::readdir(folder.get())) {
      const std::string name = entry->d_name;
      if (name == "." || name == "..") continue;
      if (is_enough()) return;
      ++sweep_.seen;
      ctx_.throw_if_cancelled();
      look(fd, name, path, depth);
    }
  }

  void look(int folder, const std::string& name, const std::string& path, int depth) {
    struct stat info {};
    if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
      if (errno != ENOENT) problem("look at", path + "/" + name);
      return;
    }
    if (S_ISDIR(info.st_mode)) return enter(folder, name, path, depth);
    if (!S_ISREG(info.st_mode) || info.st_mtim.tv_sec >= before_) return;
    if (::unlinkat(folder, name.c_str(), 0) != 0) {
      if (errno != ENOENT) problem("remove", path + "/" + name);
      return;
    }
    ++sweep_.removed;
    sweep_.bytes += info.st_size;
  }

  void enter(int folder, const std::string& name, const std::string& path, int depth) {
    const auto inner = path + "/" + name;
    if (depth >= kDepthCap) {
      sweep_.left = true;
      return;
    }
    const int fd = ::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return problem("open", inner);
    struct stat info {};
    if (::fstat(fd, &info) != 0 || info.st_dev != device_) {
      ::close(fd);
      return;
    }
    walk(fd, inner, depth + 1);
  }

  [[nodiscard]] bool is_enough() {
    if (sweep_.removed < kRemovedCap && sweep_.seen < kSeenCap) return false;
    return sweep_.left = true;
  }

  void problem(const char* doing, const std::string& path) {
    const int number = errno;
    if (sweep_.problems.size() >= kProblemsCap) return;
    std::string text = std::string("can't ") + doing + " " + path + ": " + std::strerror(number);
    if (number == EACCES || number == EPERM)
      text += "; grant fs.read and fs.write for " + cache_.folder;
    if (number == ELOOP || number == ENOTDIR) text += "; no symbolic link is followed";
    sweep_.problems.push_back(text);
  }

  const Cache& cache_;
  const timmy::Context& ctx_;
  Sweep& sweep_;
  std::int64_t before_;  // seconds of the epoch
  dev_t device_ = 0;
};

}  // namespace

Cache Cache::from(const timmy::Json& config) {
  Cache cache{config.at("folder").get<std::string>(), {}};
  if (!cache.folder.starts_with('/') || cache.folder.find_first_not_of('/') == std::string::npos)
    throw timmy::Permanent("bad_config",
                           "folder is \"" + cache.folder + "\", expected an absolute path");
  const auto text = config.at("older_than").get<std::string>();
  const auto number = std::strtol(text.c_str(), nullptr, 10);
  const char unit = text.empty() ? ' ' : text.back();
  if (number <= 0 || (unit != 'm' && unit != 'h' && unit != 'd'))
    throw timmy::Permanent("bad_config", "older_than is \"" + text + "\", expected as 7d");
  cache.older_than = std::chrono::minutes(number) * (unit == 'm' ? 1 : unit == 'h' ? 60 : 24 * 60);
  return cache;
}

void remove_expired(const Cache& cache, const timmy::Context& ctx, Sweep& sweep) {
  Remover(cache, ctx, sweep).start();
}

}  // namespace budget
