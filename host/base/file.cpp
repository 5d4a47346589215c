// SPDX-License-Identifier: Apache-2.0
#include "base/file.hpp"

#include <endian.h>
#include <fcntl.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

std::string quoted(const fs::path& path) { return "\"" + path.string() + "\""; }

struct stat stat_of(int fd, const fs::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw system_error("reading the mode of " + quoted(path));
  return info;
}

void sync_directory(const fs::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) throw system_error("syncing the folder " + quoted(path));
}

void write_all(int fd, std::string_view content, const fs::path& path) {
  while (!content.empty()) {
    const auto written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw system_error("writing " + quoted(path), "Check the free space.");
    content.remove_prefix(static_cast<std::size_t>(written));
  }
}

bool owned_by_us_or_root(const struct stat& info) {
  return info.st_uid == 0 || info.st_uid == ::geteuid();
}

// "Run: chmod ...", by who may run it.
std::string command(const struct stat& info, const std::string& what) {
  const bool ours = ::geteuid() == 0 || info.st_uid == ::geteuid();
  return (ours ? "Run: " : "As root, run: ") + what;
}

void check_component(const struct stat& info, const fs::path& path, bool allow_sticky) {
  if (!owned_by_us_or_root(info))
    throw Error(Code::denied,
                quoted(path) + " belongs to user " + std::to_string(info.st_uid) +
                    ", not to root or this host's user",
                command(info, "chown root " + path.string()));
  const bool sticky = S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) && info.st_uid == 0;
  if ((info.st_mode & 022) != 0 && !(sticky && allow_sticky))
    throw Error(Code::denied, quoted(path) + " can be written by others",
                // Such a folder is open on purpose, and chmod would break the machine.
                sticky ? "Move the file out of " + path.string() + ", where everybody may write."
                       : command(info, "chmod go-w " + path.string()));
}

// Whether the file has an access list, and that lets in only its owner, this process's user and
// root. systemd hands out credentials so: then the mode's bits of the group are the list's mask.
bool listed_for_us_alone(int fd) {
  std::array<char, 4096> list;
  const auto size = ::fgetxattr(fd, "system.posix_acl_access", list.data(), list.size());
  posix_acl_xattr_header header{};
  if (size < static_cast<ssize_t>(sizeof header)) return false;
  std::memcpy(&header, list.data(), sizeof header);
  if (le32toh(header.a_version) != POSIX_ACL_XATTR_VERSION) return false;
  for (std::size_t at = sizeof header; at < static_cast<std::size_t>(size);) {
    posix_acl_xattr_entry entry{};
    if (static_cast<std::size_t>(size) - at < sizeof entry) return false;
    std::memcpy(&entry, list.data() + at, sizeof entry);
    at += sizeof entry;
    const auto tag = le16toh(entry.e_tag);
    const auto user = le32toh(entry.e_id);
    const bool ours = tag == ACL_USER_OBJ || tag == ACL_MASK ||
                      (tag == ACL_USER && (user == ::geteuid() || user == 0));
    if (!ours && entry.e_perm != 0) return false;
  }
  return true;
}

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

int Fd::release() noexcept { return std::exchange(fd_, -1); }

void Fd::reset() noexcept {
  if (fd_ >= 0) ::close(release());
}

Fd Fd::duplicate() const {
  Fd copy(::fcntl(fd_, F_DUPFD_CLOEXEC, 0));
  if (!copy) throw system_error("duplicating a descriptor");
  return copy;
}

std::string read_file(const fs::path& path, std::size_t cap) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd) throw system_error("opening " + quoted(path));
  if (!S_ISREG(stat_of(fd.get(), path).st_mode))
    throw Error(Code::invalid, quoted(path) + " is not a regular file");
  return read_all(fd.get(), cap, quoted(path));
}

std::string read_all(int fd, std::size_t cap, std::string_view what) {
  std::string content;
  std::array<char, 65536> block;
  for (;;) {
    const auto got = ::read(fd, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error("reading " + std::string(what));
    if (got == 0) return content;
    if (content.size() + static_cast<std::size_t>(got) > cap)
      throw Error(Code::too_large,
                  std::string(what) + " is larger than " + std::to_string(cap) + " bytes");
    content.append(block.data(), static_cast<std::size_t>(got));
  }
}

void write_atomically(const fs::path& path, std::string_view content, mode_t mode) {
  const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  std::string name = (folder / ("." + path.filename().string() + ".XXXXXX")).string();
  Fd fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) throw system_error("creating a file in " + quoted(folder));
  try {
    write_all(fd.get(), content, path);
    if (::fchmod(fd.get(), mode) != 0) throw system_error("setting the mode of " + quoted(path));
    if (::fsync(fd.get()) != 0) throw system_error("syncing " + quoted(path));
    if (::rename(name.c_str(), path.c_str()) != 0) throw system_error("replacing " + quoted(path));
  } catch (...) {
    ::unlink(name.c_str());
    throw;
  }
  sync_directory(folder);
}

void make_directories(const fs::path& path, mode_t mode) {
  if (path.empty()) return;
  if (::mkdir(path.c_str(), mode) == 0) return;
  if (errno == ENOENT && path.has_parent_path() && path.parent_path() != path) {
    make_directories(path.parent_path(), mode);
    if (::mkdir(path.c_str(), mode) == 0) return;
  }
  if (errno == EEXIST && fs::is_directory(path)) return;
  throw system_error("creating the folder " + quoted(path));
}

void check_trusted(int fd, const fs::path& path, bool allow_sticky) {
  std::error_code ignored;
  const fs::path real = fs::canonical(path, ignored);
  const fs::path whole = ignored ? fs::absolute(path) : real;
  check_component(stat_of(fd, whole), whole, false);
  for (fs::path folder = whole.parent_path();; folder = folder.parent_path()) {
    struct stat info {};
    if (::stat(folder.c_str(), &info) != 0) throw system_error("examining " + quoted(folder));
    check_component(info, folder, allow_sticky);
    if (folder == folder.parent_path()) return;
  }
}

std::string read_secret_file(const fs::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (!fd && errno == ELOOP)
    throw Error(Code::denied, quoted(path) + " is a symbolic link",
                "Put the secret into a regular file of its own.");
  if (!fd) throw system_error("opening " + quoted(path));
  const auto info = stat_of(fd.get(), path);
  if (!S_ISREG(info.st_mode)) throw Error(Code::denied, quoted(path) + " is not a regular file");
  if (!owned_by_us_or_root(info))
    throw Error(Code::denied, quoted(path) + " belongs to another user",
                "Run: chown " + std::to_string(::geteuid()) + " " + path.string());
  if ((info.st_mode & 077) != 0 && !listed_for_us_alone(fd.get()))
    throw Error(Code::denied, quoted(path) + " can be read or written by others",
                "Run: chmod 600 " + path.string());
  if (info.st_nlink != 1)
    throw Error(Code::denied, quoted(path) + " has a second name (a hard link)",
                "Remove the other name, or copy the secret into a new file.");
  std::string content = read_all(fd.get(), 4096, quoted(path));
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  const auto first = content.find_first_not_of(kSpace);
  if (first == std::string::npos) throw Error(Code::invalid, quoted(path) + " is empty");
  content = content.substr(first, content.find_last_not_of(kSpace) - first + 1);
  for (const unsigned char byte : content)
    if (byte <= ' ' || byte == 0x7f)
      throw Error(Code::invalid, quoted(path) + " holds white space or control bytes",
                  "The file must hold the secret alone, on one line.");
  return content;
}

Secret::~Secret() { ::explicit_bzero(value_.data(), value_.size()); }

}  // namespace host
