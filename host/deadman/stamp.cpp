// SPDX-License-Identifier: Apache-2.0
#include "deadman/stamp.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <optional>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/result.hpp"

namespace host::deadman {
namespace {

namespace fs = std::filesystem;

Sign untrusted(std::string why) { return {Sign::Kind::untrusted, std::move(why)}; }

std::optional<uid_t> id_of(const std::string& user) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, 16384> room;
  if (::getpwnam_r(user.c_str(), &entry, room.data(), room.size(), &found) != 0 || found == nullptr)
    return std::nullopt;
  return entry.pw_uid;
}

class Look {
 public:
  explicit Look(std::optional<uid_t> owner) : owner_(owner) {}

  // Why somebody else could have made or changed it; "" when not.
  [[nodiscard]] std::string fault(const fs::path& path, const struct stat& info, bool above) const {
    if (info.st_uid != 0 && info.st_uid != ::geteuid() && info.st_uid != owner_)
      return fmt::format(
          "{} belongs to user {}; name that as `user` of the watch if it is the "
          "agent's",
          path.string(), info.st_uid);
    const bool sticky = info.st_uid == 0 && (info.st_mode & S_ISVTX) != 0;
    if ((info.st_mode & 022) == 0 || (sticky && above)) return {};
    return path.string() + " can be written by others; " +
           (sticky ? "keep stamps in a folder of the agent's own"
                   : "run: chmod go-w " + path.string());
  }

  // Of the folder, whose path has no links, and all above it.
  [[nodiscard]] std::string folder_fault(const fs::path& folder) const {
    for (fs::path at = folder;; at = at.parent_path()) {
      struct stat info {};
      if (::stat(at.c_str(), &info) != 0)
        return fmt::format("{} can't be looked at: {}", at.string(), std::strerror(errno));
      if (auto why = fault(at, info, at != folder); !why.empty()) return why;
      if (at == at.parent_path()) return {};
    }
  }

  // Where `folder` leads. A link on the way counts only where nobody else could have put it, or
  // whoever may write there would choose what is looked at. Throws Error saying why it leads
  // nowhere.
  [[nodiscard]] fs::path follow(const fs::path& folder) const {
    fs::path at = "/";
    std::deque<fs::path> left(folder.begin(), folder.end());
    for (int links = 0; !left.empty();) {
      const auto name = left.front();
      left.pop_front();
      if (name == "..") at = at.parent_path();
      if (name.empty() || name == "/" || name == "." || name == "..") continue;
      const auto next = at / name;
      struct stat info {};
      if (::lstat(next.c_str(), &info) != 0) throw system_error("looking at " + next.string());
      if (!S_ISLNK(info.st_mode)) {
        at = next;
        continue;
      }
      if (++links > kMostLinks)
        throw Error(Code::invalid, folder.string() + " is links without end");
      if (auto why = folder_fault(at); !why.empty())
        throw Error(Code::denied, next.string() + " is a symbolic link, and " + why);
      const auto target = fs::read_symlink(next);
      if (target.is_absolute()) at = "/";
      left.insert(left.begin(), target.begin(), target.end());
    }
    return at;
  }

 private:
  // As the kernel has it.
  static constexpr int kMostLinks = 40;

  std::optional<uid_t> owner_;
};

}  // namespace

Sign look_at_stamp(const fs::path& stamp, const std::string& user) {
  std::optional<uid_t> owner;
  if (!user.empty() && !(owner = id_of(user)))
    return untrusted("there is no user \"" + user + "\" on this machine");
  const Look look(owner);
  // A folder that is not there is no silence: a home that is not mounted, or hidden by the unit.
  const auto folder = attempt([&] { return look.follow(stamp.parent_path()); });
  if (!folder) return untrusted(folder.error().message());
  if (auto why = look.folder_fault(folder.value()); !why.empty()) return untrusted(std::move(why));

  const auto path = folder.value() / stamp.filename();
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {Sign::Kind::missing, ""};
    return untrusted(path.string() + " can't be looked at: " + std::strerror(errno));
  }
  if (S_ISLNK(info.st_mode)) return untrusted(path.string() + " is a symbolic link");
  if (!S_ISREG(info.st_mode)) return untrusted(path.string() + " is not a regular file");
  if (auto why = look.fault(path, info, false); !why.empty()) return untrusted(std::move(why));
  return {Sign::Kind::there, fmt::format("{}:{}.{:09}:{}", info.st_ino, info.st_mtim.tv_sec,
                                         info.st_mtim.tv_nsec, info.st_size)};
}

}  // namespace host::deadman
