// SPDX-License-Identifier: Apache-2.0
#include "dispatch/verify_tree_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;

constexpr int kOnTheWay = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
constexpr int kAlways = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;

Fd open_regular(const fs::path& folder, const fs::path& path, struct stat& info) {
  Fd fd = open_below(folder, path, O_RDONLY);
  if (!fd || ::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  return fd;
}

}  // namespace

Fd open_below(const fs::path& folder, const fs::path& path, int flags) {
  Fd at(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!at) throw system_error("opening \"" + folder.string() + "\"");
  if (path.is_absolute() || std::find(path.begin(), path.end(), "..") != path.end())
    throw Error(Code::invalid, "\"" + path.string() + "\" leads out of its folder");
  if (path.empty() || path == ".") return Fd(::openat(at.get(), ".", flags | kAlways));
  for (auto part = path.begin(); part != path.end();) {
    const auto name = part->string();
    const bool last = ++part == path.end();
    Fd next(::openat(at.get(), name.c_str(), last ? flags | kAlways : kOnTheWay));
    if (!next || last) return next;
    at = std::move(next);
  }
  return {};
}

std::optional<FileMark> mark_of(const fs::path& folder, const fs::path& path) {
  struct stat info {};
  if (!open_regular(folder, path, info)) return std::nullopt;
  return FileMark{info.st_ino,
                  std::int64_t{info.st_ctim.tv_sec} * 1'000'000'000 + info.st_ctim.tv_nsec,
                  static_cast<std::uint64_t>(info.st_size)};
}

std::optional<std::string> read_below(const fs::path& folder, const fs::path& path,
                                      std::size_t most) {
  struct stat info {};
  const Fd fd = open_regular(folder, path, info);
  if (!fd) return std::nullopt;
  std::string content(most, '\0');
  std::size_t got = 0;
  while (got < most) {
    const auto piece = ::read(fd.get(), content.data() + got, most - got);
    if (piece < 0 && errno == EINTR) continue;
    if (piece <= 0) break;
    got += static_cast<std::size_t>(piece);
  }
  content.resize(got);
  return content;
}

}  // namespace host::dispatch
