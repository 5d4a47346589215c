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
#include <string>
#include <string_view>
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

std::uint64_t bytes_below(int folder, int depth) {
  std::uint64_t bytes = 0;
  const auto listing = list(folder);
  while (const char* name = next_name(listing)) {
    struct stat info {};
    if (::fstatat(folder, name, &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    bytes += static_cast<std::uint64_t>(info.st_blocks) * 512;
    if (!S_ISDIR(info.st_mode) || depth == kDeepest) continue;
    if (const Fd below(::openat(folder, name, kFolder)); below)
      bytes += bytes_below(below.get(), depth + 1);
  }
  return bytes;
}

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
  const Fd top(::open(folder.c_str(), kFolder));
  return top ? bytes_below(top.get(), 0) : 0;
}

}  // namespace host::workspaces
