// SPDX-License-Identifier: Apache-2.0
#include "workspaces/clone_remove.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"

namespace host::workspaces {
namespace {

constexpr int kDeepest = 100;
constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;

struct Closed {
  void operator()(DIR* listing) const { ::closedir(listing); }
};
using Listing = std::unique_ptr<DIR, Closed>;

// The entries of an open folder, which stays open.
Listing list(int folder) {
  Fd copy(::openat(folder, ".", kFolder));
  if (!copy) throw system_error("listing a folder");
  Listing listing(::fdopendir(copy.get()));
  if (listing == nullptr) throw system_error("listing a folder");
  (void)copy.release();
  return listing;
}

const char* next_name(const Listing& listing) {
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return entry->d_name;
  }
  return nullptr;
}

bool is_folder(int parent, const char* name) {
  struct stat info {};
  return ::fstatat(parent, name, &info, AT_SYMLINK_NOFOLLOW) == 0 && S_ISDIR(info.st_mode);
}

class Removal {
 public:
  explicit Removal(Fd top) : top_(std::move(top)) {}

  // Each folder is moved up into the top one before it is emptied, so none lies deeper than one.
  void run() {
    empty(top_.get());
    while (!waiting_.empty()) {
      const auto name = std::move(waiting_.back());
      waiting_.pop_back();
      const Fd folder(::openat(top_.get(), name.c_str(), kFolder));
      if (!folder) throw system_error("opening a folder to remove it");
      empty(folder.get());
      if (::unlinkat(top_.get(), name.c_str(), AT_REMOVEDIR) != 0)
        throw system_error("removing a folder");
    }
  }

 private:
  // Until a look finds nothing: a listing may miss what comes while it goes on.
  void empty(int folder) {
    for (bool found = true; found;) {
      found = false;
      const auto listing = list(folder);
      while (const char* name = next_name(listing)) found |= take(folder, name);
    }
  }

  // False: it waits in the top folder, where the next look finds it again.
  bool take(int folder, const char* name) {
    if (!is_folder(folder, name)) {
      if (::unlinkat(folder, name, 0) != 0) throw system_error("removing a file");
      return true;
    }
    if (folder == top_.get() && std::string_view(name).starts_with(moved_)) return false;
    // Neither its entries nor its ".." can be changed in a folder that may not be written.
    if (::fchmodat(folder, name, 0700, 0) != 0) throw system_error("opening a folder to remove it");
    auto moved = fmt::format("{}{}", moved_, ++count_);
    if (::renameat(folder, name, top_.get(), moved.c_str()) != 0)
      throw system_error("moving a folder to remove it");
    waiting_.push_back(std::move(moved));
    return true;
  }

  Fd top_;
  // Its own: what an earlier removal left behind is like any other folder.
  const std::string moved_ = fmt::format(
      ".removing-{}-{}-", ::getpid(), std::chrono::steady_clock::now().time_since_epoch().count());
  std::vector<std::string> waiting_;
  std::size_t count_ = 0;
};

// A folder to be read, whatever its mode; what it was comes back when this goes. By what was
// opened, never by name: where an agent is at work, a link may stand there by now.
class Opened {
 public:
  Opened(int parent, const char* name)
      : found_(::openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) {
    struct stat info {};
    if (!found_ || ::fstat(found_.get(), &info) != 0) return;
    mode_ = info.st_mode & 07777;
    constexpr mode_t kNeeded = S_IRUSR | S_IXUSR;
    lifted_ = (mode_ & kNeeded) != kNeeded && ::chmod(own_path().c_str(), mode_ | kNeeded) == 0;
  }
  ~Opened() {
    if (lifted_) (void)::chmod(own_path().c_str(), mode_);
  }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  // Null: it can't be read.
  [[nodiscard]] Listing list() const {
    Fd copy(found_ ? ::openat(found_.get(), ".", kFolder) : -1);
    Listing listing(copy ? ::fdopendir(copy.get()) : nullptr);
    if (listing != nullptr) (void)copy.release();
    return listing;
  }
  [[nodiscard]] int fd() const { return found_.get(); }

 private:
  [[nodiscard]] std::string own_path() const {
    return fmt::format("/proc/self/fd/{}", found_.get());
  }

  Fd found_;
  mode_t mode_ = 0;
  bool lifted_ = false;
};

class Count {
 public:
  void add(const Opened& folder, int depth) {
    const auto listing = folder.list();
    if (listing == nullptr) return;
    while (const char* name = next_name(listing)) {
      struct stat info {};
      if (::fstatat(folder.fd(), name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
      if (is_new(info)) bytes_ += static_cast<std::uint64_t>(info.st_blocks) * 512;
      if (S_ISDIR(info.st_mode) && depth < kDeepest) add(Opened(folder.fd(), name), depth + 1);
    }
  }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  // False: a name more of a file that was counted. Past kMostLinked each name counts.
  bool is_new(const struct stat& info) {
    if (S_ISDIR(info.st_mode) || info.st_nlink < 2 || linked_.size() == kMostLinked) return true;
    return linked_.emplace(info.st_dev, info.st_ino).second;
  }

  static constexpr std::size_t kMostLinked = 200'000;
  std::set<std::pair<dev_t, ino_t>> linked_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

void remove_tree(const std::filesystem::path& folder) {
  Fd top(::open(folder.c_str(), kFolder));
  if (!top && errno == ENOENT) return;
  const std::string doing = "removing \"" + folder.string() + "\"";
  if (!top) throw system_error(doing);
  Removal(std::move(top)).run();
  if (::rmdir(folder.c_str()) != 0) throw system_error(doing);
}

std::uint64_t bytes_in(const std::filesystem::path& folder) {
  Count count;
  count.add(Opened(AT_FDCWD, folder.c_str()), 0);
  return count.bytes();
}

}  // namespace host::workspaces
