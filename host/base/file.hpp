// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace host {

// An open file descriptor, closed when destroyed. Always close-on-exec.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  [[nodiscard]] int release() noexcept;
  void reset() noexcept;
  // A second descriptor for the same open file. Throws.
  [[nodiscard]] Fd duplicate() const;

 private:
  int fd_ = -1;
};

// The whole file, at most `cap` bytes. Throws not_found, denied, io, or too_large past the cap.
// Never blocks on a FIFO: only regular files are read, anything else is Error{invalid}.
[[nodiscard]] std::string read_file(const std::filesystem::path& path, std::size_t cap);

// The rest of an open file, at most `cap` bytes. `what` names it in errors.
[[nodiscard]] std::string read_all(int fd, std::size_t cap, std::string_view what);

// Replaces the file as a whole: writes beside it, fsyncs, renames, fsyncs the directory. After a
// crash the file is the old one or the new one. The folder must exist.
void write_atomically(const std::filesystem::path& path, std::string_view content,
                      mode_t mode = 0644);

// Creates the folder and its parents with `mode` (umask applied); fine if it is there.
void make_directories(const std::filesystem::path& path, mode_t mode = 0755);

// Who may have changed a file: it and every parent folder must belong to root or this process's
// user and be writable by nobody else (as sshd's safe_path). A root-owned sticky folder, such as
// /tmp, passes as a parent only if `allow_sticky`. Throws Error{denied} naming the first component
// at fault and what mends it: a chmod, a chown, or, out of a sticky folder, to move the file. `fd`
// is the open file that `path` led to; its own owner and mode are read from it, so that what is
// checked is what is used.
void check_trusted(int fd, const std::filesystem::path& path, bool allow_sticky = false);

// A file with a secret in it (a token): regular, owned by this user or root, mode without any bit
// for group or others (a group's bits that are the mask of an access list for these two users
// alone, as systemd's LoadCredential= makes it, are none), one link, not a symlink, 1 to 4096
// bytes. Returns its content without surrounding ASCII white space. Throws not_found, or denied
// with the chmod to run, or invalid.
[[nodiscard]] std::string read_secret_file(const std::filesystem::path& path);

// A value that must never be printed. No operator<<, no implicit conversion; its bytes are wiped
// when it goes (best effort: libcurl keeps copies of headers).
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&&) noexcept = default;
  ~Secret();
  // The bytes, for the one place that sends them.
  [[nodiscard]] const std::string& expose() const noexcept { return value_; }
  [[nodiscard]] bool empty() const noexcept { return value_.empty(); }

 private:
  std::string value_;
};

}  // namespace host
