// SPDX-License-Identifier: Apache-2.0
//
// Files that are there whole or not at all. What can't be done throws timmy::Retryable "io", or
// Permanent "denied" where a grant is missing and "not_found", and says which file.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace provenance {

// Throws the failure of the call that has just set errno.
[[noreturn]] void fail_on(const std::string& doing, const std::filesystem::path& path);

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

// The file's bytes; nothing where there is none. More than `cap` bytes, or what is no regular file,
// is a failure.
[[nodiscard]] std::optional<std::string> read_if_there(const std::filesystem::path& path,
                                                       std::size_t cap);

// A small file, replaced as a whole and durably.
void write_file(const std::filesystem::path& path, std::string_view text);

// What has been renamed and removed in it is on the disk when this returns.
void sync_folder(const std::filesystem::path& folder);

void make_folder(const std::filesystem::path& folder);
[[nodiscard]] std::vector<std::string> names_in(const std::filesystem::path& folder);
// It may be gone already.
void remove_file(const std::filesystem::path& path);

// Each line of a file, without its end, as long as `take` says true. A line longer than `longest`
// bytes, and a last one without an end, are handed over as they are, cut.
struct Line {
  std::string_view text;
  std::int64_t number = 0;  // from 1
  std::int64_t offset = 0;  // bytes before it
  bool whole = true;
};
void each_line(const std::filesystem::path& path, std::size_t longest,
               const std::function<bool(const Line&)>& take);

// The right to write in a folder, which one process at a time has. Makes the folder where it is
// missing. Throws Retryable "busy".
class FolderLock {
 public:
  explicit FolderLock(const std::filesystem::path& folder);

 private:
  static Descriptor open(const std::filesystem::path& folder);

  Descriptor file_;
};

}  // namespace provenance
