// SPDX-License-Identifier: Apache-2.0
#include "deadman/way.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>

#include "base/error.hpp"
#include "base/file.hpp"

namespace host::deadman {
namespace {

namespace fs = std::filesystem;

// As the kernel has it.
constexpr int kMostLinks = 40;

}  // namespace

std::string Way::fault(const fs::path& path, const struct stat& info, bool above) const {
  if (info.st_uid != 0 && info.st_uid != ::geteuid() && info.st_uid != owner_)
    return fmt::format("{} belongs to user {}{}", path.string(), info.st_uid, about_owner_);
  const bool sticky = info.st_uid == 0 && (info.st_mode & S_ISVTX) != 0;
  if ((info.st_mode & 022) == 0 || (sticky && above)) return {};
  return path.string() + " can be written by others; " +
         (sticky ? about_sticky_ : "run: chmod go-w " + path.string());
}

std::string Way::folder_fault(const fs::path& folder) const {
  for (fs::path at = folder;; at = at.parent_path()) {
    struct stat info {};
    if (::stat(at.c_str(), &info) != 0)
      return fmt::format("{} can't be looked at: {}", at.string(), std::strerror(errno));
    if (auto why = fault(at, info, at != folder); !why.empty()) return why;
    if (at == at.parent_path()) return {};
  }
}

fs::path Way::follow(const fs::path& path) const {
  fs::path at = "/";
  std::deque<fs::path> left(path.begin(), path.end());
  for (int links = 0; !left.empty();) {
    const auto name = left.front();
    left.pop_front();
    if (name == "..") {
      // Whoever may put a link in the place of what is left there would choose where that leads.
      at = at.parent_path();
      if (auto why = folder_fault(at); !why.empty())
        throw Error(Code::denied, path.string() + " leads up to where others choose: " + why);
    }
    if (name.empty() || name == "/" || name == "." || name == "..") continue;
    const auto next = at / name;
    struct stat info {};
    if (::lstat(next.c_str(), &info) != 0) throw system_error("looking at " + next.string());
    if (!S_ISLNK(info.st_mode)) {
      at = next;
      continue;
    }
    if (++links > kMostLinks) throw Error(Code::invalid, path.string() + " is links without end");
    if (auto why = folder_fault(at); !why.empty())
      throw Error(Code::denied, next.string() + " is a symbolic link, and " + why);
    const auto target = fs::read_symlink(next);
    if (target.is_absolute()) at = "/";
    left.insert(left.begin(), target.begin(), target.end());
  }
  return at;
}

}  // namespace host::deadman
