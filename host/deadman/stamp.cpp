// SPDX-License-Identifier: Apache-2.0
#include "deadman/stamp.hpp"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "base/result.hpp"
#include "deadman/way.hpp"

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

}  // namespace

Sign look_at_stamp(const fs::path& stamp, const std::string& user) {
  std::optional<uid_t> owner;
  if (!user.empty() && !(owner = id_of(user)))
    return untrusted("there is no user \"" + user + "\" on this machine");
  const Way way(owner, "; name that as `user` of the watch if it is the agent's",
                "keep stamps in a folder of the agent's own");
  // A folder that is not there is no silence: a home that is not mounted, or hidden by the unit.
  const auto folder = attempt([&] { return way.follow(stamp.parent_path()); });
  if (!folder) return untrusted(folder.error().message());
  if (auto why = way.folder_fault(folder.value()); !why.empty()) return untrusted(std::move(why));

  const auto path = folder.value() / stamp.filename();
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {Sign::Kind::missing, ""};
    return untrusted(path.string() + " can't be looked at: " + std::strerror(errno));
  }
  if (S_ISLNK(info.st_mode)) return untrusted(path.string() + " is a symbolic link");
  if (!S_ISREG(info.st_mode)) return untrusted(path.string() + " is not a regular file");
  if (auto why = way.fault(path, info, false); !why.empty()) return untrusted(std::move(why));
  return {Sign::Kind::there, fmt::format("{}:{}.{:09}:{}", info.st_ino, info.st_mtim.tv_sec,
                                         info.st_mtim.tv_nsec, info.st_size)};
}

}  // namespace host::deadman
