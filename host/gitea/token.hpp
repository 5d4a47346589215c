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

#include "base/clock.hpp"
#include "base/file.hpp"

namespace host {

class Redactor;

// How long a token outlives its file, from the first look that misses it. Who removes the file to
// stop the host's access waits for so long.
inline constexpr Duration kTokenGrace = std::chrono::seconds(10);

// Where a Gitea token is looked for when the config names no file, in this order:
// $HERMES_HOME/gitea_token, $HERMES_HOME/gitea_token_vps, ~/.config/gitea/token.
[[nodiscard]] std::vector<std::filesystem::path> default_token_files(
    const std::filesystem::path& hermes_home, const std::filesystem::path& home);

// The token as it stands in its file now. Files are looked at on every get(), read only when
// something changed; so a token that was rotated is taken at the next request. Loop thread only.
class TokenSource {
 public:
  // `redactor` learns every token read; may be null. `what` is what errors call it. With a clock
  // the last token is kept for kTokenGrace when its file is gone or empty, as it is for a moment
  // where somebody deletes it and makes a new one.
  TokenSource(std::vector<std::filesystem::path> files, std::shared_ptr<Redactor> redactor,
              std::string what = "Gitea token", const Clock* clock = nullptr);

  // The token of the first file that exists; no later one takes the place of one that is kept.
  // Throws Error{denied} with the places looked at when
  // there is none, and what read_secret_file() throws when that file may not be used: a bad file is
  // never passed over for a later one.
  [[nodiscard]] const Secret& get();

  // Grows when get() took another token.
  [[nodiscard]] std::uint64_t generation() const { return generation_; }
  // The file of the token that get() returned last; empty before.
  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  // Whether it was one that is kept though its file is gone.
  [[nodiscard]] bool gone() const { return gone_since_.has_value(); }

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
  // Takes the token from the file, or keeps the one that it has when that went just now.
  void read(const std::filesystem::path& file, const Mark& now);
  // Whether the token of file_, which is gone, still counts.
  [[nodiscard]] bool is_kept();

  std::vector<std::filesystem::path> files_;
  std::shared_ptr<Redactor> redactor_;
  std::string what_;
  const Clock* clock_;
  std::filesystem::path file_;
  std::optional<Mark> seen_;  // of the file that token_ came from; nullopt: it was refused since
  std::optional<MonotonicTime> gone_since_;
  Secret token_;
  std::uint64_t generation_ = 0;
};

}  // namespace host
