// SPDX-License-Identifier: Apache-2.0
#include "tokens/usage_file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "tokens/usage_line.hpp"

namespace host {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kBlock = 64 << 10;
constexpr std::size_t kLongestLine = 1 << 20;  // no own one is near it
// Behind an own line other programs write less than this before this host starts again.
constexpr off_t kSearched = 256 << 20;

std::string quoted(const fs::path& path) { return "\"" + path.string() + "\""; }

FileIdentity identity_of(const struct stat& info) { return {info.st_dev, info.st_ino}; }

struct stat stat_of(int fd, const fs::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) throw system_error("looking at " + quoted(path));
  return info;
}

// Somebody who may write in this folder must not make the host write into other files.
void check_plain(const struct stat& info, const fs::path& path) {
  const bool regular = S_ISREG(info.st_mode);
  if (regular && info.st_nlink <= 1) return;
  throw Error(Code::denied,
              quoted(path) + (regular ? " has a second name (a hard link)"
                                      : " is not a regular file, such as the ledger is written to"),
              "Move it away; the host makes a new one and goes on.");
}

Error open_error(const fs::path& path) {
  if (errno == ELOOP)
    return {Code::denied, quoted(path) + " is a symbolic link",
            "Move it away; the host makes a new one and goes on."};
  return system_error("opening " + quoted(path));
}

// Both kinds: a program in Python may take either. Not waited for: this is the loop's thread.
void lock(int fd, const fs::path& path) {
  struct flock whole {};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (::fcntl(fd, F_OFD_SETLK, &whole) == 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0) return;
  if (errno == EAGAIN || errno == EACCES || errno == EWOULDBLOCK)
    throw Error(Code::unavailable, "another program holds a lock on " + quoted(path),
                "See who has it open: fuser " + path.string() + ".");
  throw system_error("locking " + quoted(path));
}

std::string read_at(int fd, off_t at, std::size_t count, const fs::path& path) {
  std::string block(count, '\0');
  std::size_t got = 0;
  while (got < count) {
    const auto n = ::pread(fd, block.data() + got, count - got, at + static_cast<off_t>(got));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw system_error("reading " + quoted(path));
    if (n == 0) break;
    got += static_cast<std::size_t>(n);
  }
  block.resize(got);
  return block;
}

std::optional<std::int64_t> torn_id(const std::string& tail, const std::string& start) {
  if (!tail.starts_with(start)) return std::nullopt;
  std::int64_t id = 0;
  const auto* const last = tail.data() + tail.size();
  const auto [end, failed] = std::from_chars(tail.data() + start.size(), last, id);
  return failed == std::errc{} && end != last && *end == ',' ? std::optional(id) : std::nullopt;
}

}  // namespace

UsageFile::UsageFile(fs::path path, std::string ledger)
    : path_(std::move(path)), ledger_(std::move(ledger)) {}

FileIdentity UsageFile::identity() const {
  struct stat info {};
  if (::lstat(path_.c_str(), &info) == 0) return identity_of(info);
  if (errno == ENOENT) return {};
  throw system_error("looking at " + quoted(path_));
}

FileIdentity UsageFile::create() const {
  const Fd fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600));
  if (!fd) throw open_error(path_);
  return identity_of(stat_of(fd.get(), path_));
}

// No file: an Opened without a descriptor.
UsageFile::Opened UsageFile::open_locked() const {
  Opened file;
  file.fd = Fd(::open(path_.c_str(), O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.fd && errno == ENOENT) return file;
  if (!file.fd) throw open_error(path_);
  check_plain(stat_of(file.fd.get(), path_), path_);
  lock(file.fd.get(), path_);
  const auto info = stat_of(file.fd.get(), path_);
  file.id = identity_of(info);
  file.size = info.st_size;
  return file;
}

std::string UsageFile::tail_of(const Opened& file) const {
  const auto count = std::min<off_t>(file.size, kLongestLine);
  auto end = read_at(file.fd.get(), file.size - count, static_cast<std::size_t>(count), path_);
  const auto line = end.rfind('\n');
  return line == std::string::npos ? end : end.substr(line + 1);
}

std::optional<std::int64_t> UsageFile::last_own(int fd, off_t size, bool unended) const {
  std::string rest;  // of a line whose beginning stands in an earlier block
  bool whole = unended;
  for (off_t at = size; at > 0 && size - at < kSearched;) {
    const auto count = std::min<off_t>(at, kBlock);
    at -= count;
    std::string text = read_at(fd, at, static_cast<std::size_t>(count), path_) + rest;
    for (;;) {
      const auto feed = text.rfind('\n');
      if (feed == std::string::npos && at > 0) break;
      const auto begin = feed == std::string::npos ? 0 : feed + 1;
      if (whole)
        if (const auto id = own_line_id(std::string_view(text).substr(begin), ledger_)) return id;
      whole = true;
      if (feed == std::string::npos) return std::nullopt;
      text.resize(feed);
    }
    rest = text.size() > kLongestLine ? "x" : std::move(text);
  }
  return std::nullopt;
}

UsageFile::Found UsageFile::look() const {
  const auto file = open_locked();
  if (!file.fd) return {};
  Found found{.file = file.id, .last = last_own(file.fd.get(), file.size, false), .torn = {}};
  found.torn = torn_id(tail_of(file), own_line_start(ledger_));
  return found;
}

std::optional<std::int64_t> UsageFile::last_in_renamed(FileIdentity file) const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path_.parent_path(), error)) {
    struct stat info {};
    if (::lstat(entry.path().c_str(), &info) != 0 || identity_of(info) != file) continue;
    const Fd fd(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
    if (!fd) throw open_error(entry.path());
    // Nobody will end its last line: who reads the file takes it for whole.
    return last_own(fd.get(), info.st_size, true);
  }
  return std::nullopt;
}

bool UsageFile::is_own_tail(const std::string& tail, bool unfinished) const {
  const auto start = own_line_start(ledger_);
  const auto ledger_end = start.rfind(",\"id\"");
  if (tail.size() >= ledger_end) return tail.starts_with(start.substr(0, tail.size()));
  return unfinished && start.starts_with(tail);
}

UsageFile::Appended UsageFile::append(const std::vector<UsageLine>& lines, FileIdentity file,
                                      bool unfinished) const {
  const auto opened = open_locked();
  if (!opened.fd || opened.id != file || identity() != file) return {.moved = true};
  std::string bytes;
  if (const auto tail = tail_of(opened); is_own_tail(tail, unfinished) && !tail.empty()) {
    if (::ftruncate(opened.fd.get(), opened.size - static_cast<off_t>(tail.size())) != 0)
      throw system_error("cutting a torn line off " + quoted(path_));
  } else if (!tail.empty()) {
    bytes = "\n";
  }
  std::vector<std::size_t> ends;  // of each line in `bytes`
  for (const auto& line : lines) {
    bytes += line.text;
    bytes += '\n';
    ends.push_back(bytes.size());
  }
  if (lines.empty()) return {};
  const auto written = ::write(opened.fd.get(), bytes.data(), bytes.size());
  if (written == static_cast<ssize_t>(bytes.size())) return {.through = lines.back().id};
  Appended appended;
  appended.failure = system_error(written < 0 ? errno : ENOSPC, "writing " + quoted(path_),
                                  "Check the free space.");
  if (written <= 0) return appended;
  const auto count =
      std::upper_bound(ends.begin(), ends.end(), static_cast<std::size_t>(written)) - ends.begin();
  const auto kept =
      count == 0 ? off_t{0} : static_cast<off_t>(ends[static_cast<std::size_t>(count) - 1]);
  if (count > 0) appended.through = lines[static_cast<std::size_t>(count) - 1].id;
  // Unless somebody who takes no lock has written on behind it.
  const auto end = ::lseek(opened.fd.get(), 0, SEEK_CUR);
  if (end == stat_of(opened.fd.get(), path_).st_size &&
      ::ftruncate(opened.fd.get(), end - written + kept) != 0)
    appended.failure = system_error("cutting a torn line off " + quoted(path_));
  return appended;
}

}  // namespace host
