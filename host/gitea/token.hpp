// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"

namespace host {

class Redactor;

// Where a Gitea token is looked for when the config names no file, in this order:
// $HERMES_HOME/gitea_token, $HERMES_HOME/gitea_token_vps, ~/.config/gitea/token.
[[nodiscard]] std::vector<std::filesystem::path> default_token_files(
    const std::filesystem::path& hermes_home, const std::filesystem::path& home);

// The token as it stands in its file now. Files are looked at on every get(), read only when
// something changed; so a token that was rotated is taken at the next request. Loop thread only.
class TokenSource {
 public:
  // `redactor` learns every token read; may be null. `what` is what errors call it.
  TokenSource(std::vector<std::filesystem::path> files, std::shared_ptr<Redactor> redactor,
              std::string what = "Gitea token");

  // The token of the first file that exists. Throws Error{denied} with the places looked at when
  // there is none, and what read_secret_file() throws when that file may not be used: a bad file is
  // never passed over for a later one.
  [[nodiscard]] const Secret& get();

  // Grows when get() took another token.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  // The file of the token that get() returned last; empty before.
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }

 private:
  // What tells one state of a file from another.
  struct Mark {
    dev_t device;
    ino_t inode;
    off_t size;
    mode_t mode;
    std::int64_t changed_ns;  // ctime: moves with content, mode and rename
    bool operator==(const Mark&) const = default;
  };
  [[nodiscard]] std::optional<Mark> mark(const std::filesystem::path& path) const;

  std::vector<std::filesystem::path> files_;
  std::shared_ptr<Redactor> redactor_;
  std::string what_;
  std::filesystem::path file_;
  std::optional<Mark> seen_;
  Secret token_;
  std::uint64_t generation_ = 0;
};

}  // namespace host
