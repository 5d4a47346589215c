// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace provenance {

// A file that is being written, which counts once publish() has returned. Beyond a MiB it is hashed
// and written by a thread of its own, past the page cache where the file system takes that: nobody
// reads it soon, and what others need stays in memory. Takes 2 MiB until it is sealed. For one
// thread; throws as files.hpp says, also what its own thread had thrown.
class NewFile {
 public:
  // Makes it at `path`, in the place of what an ended run left there.
  explicit NewFile(std::filesystem::path path);
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  void append(std::string_view bytes);
  // All on the disk; takes no more, no memory and no thread.
  void seal();
  // Sealed, and under another name in the same file system.
  void publish(const std::filesystem::path& as);
  // Of all its bytes, in hexadecimal. Once it is sealed.
  [[nodiscard]] const std::string& sha256() const { return sha256_; }

 private:
  class Writing;

  std::filesystem::path path_;
  std::unique_ptr<Writing> writing_;  // null: it is sealed
  std::string sha256_;
};

}  // namespace provenance
