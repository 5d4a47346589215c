// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dirent.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "file_identity.hpp"

namespace provenance {

// A descriptor that is closed with its owner.
class OpenFile {
 public:
  explicit OpenFile(int fd) : fd_(fd) {}
  OpenFile(OpenFile&& other) noexcept;
  OpenFile& operator=(OpenFile&& other) noexcept;
  ~OpenFile();

  // A regular file, which is no link and waits for nobody; errno says why where it isn't one.
  [[nodiscard]] static OpenFile in(int folder, const std::string& name);
  // A folder, likewise: there is no link in all of its path, which ends with a name.
  [[nodiscard]] static OpenFile folder(const std::string& path);

  [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] std::optional<FileIdentity> identity() const;

 private:
  int fd_;
};

using Entries = std::unique_ptr<DIR, int (*)(DIR*)>;
// What is in a folder, likewise; null where it can't be listed.
[[nodiscard]] Entries entries_of(const std::string& path);

// All bytes, at most so many; nothing where there are more, or where they can't be read: errno says
// which, EFBIG or another.
[[nodiscard]] std::optional<std::string> bytes_of(const OpenFile& file, std::size_t most);

// The lines of a file, one after the other. For one thread.
class LineReader {
 public:
  LineReader(const OpenFile& file, std::size_t longest) : file_(file), longest_(longest) {}

  // Whether there is another one. It is then in line(), or was too long.
  [[nodiscard]] bool next();
  // Without its line feed; valid until the next. Empty where it was too long.
  [[nodiscard]] std::string_view line() const { return line_; }
  [[nodiscard]] bool is_too_long() const { return too_long_; }
  // Whether a line feed ended it.
  [[nodiscard]] bool is_whole() const { return whole_; }
  [[nodiscard]] std::size_t number() const { return number_; }  // from 1
  // Where it begins, from where the reading began.
  [[nodiscard]] std::size_t offset() const { return offset_; }
  // Whether the file could not be read to its end.
  [[nodiscard]] bool has_failed() const { return failed_; }

 private:
  bool fill();

  const OpenFile& file_;
  std::size_t longest_;
  std::string buffer_;
  std::size_t at_ = 0;    // what was told of the buffer
  std::size_t gone_ = 0;  // bytes that were in the buffer before
  std::size_t offset_ = 0;
  std::string_view line_;
  std::size_t number_ = 0;
  bool too_long_ = false, whole_ = false, failed_ = false, ended_ = false;
};

}  // namespace provenance
