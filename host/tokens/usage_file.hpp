// SPDX-License-Identifier: Apache-2.0
//
// token_usage.jsonl on the disk, which this host shares with programs that know nothing of it: they
// append lines of their own, rename it, remove it, truncate it. Nothing of theirs is ever changed.
// Blocks for as long as a small write takes, and never on a lock. One thread at a time.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"

namespace host {

// Which file a name led to. Zero: none.
struct FileIdentity {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  explicit operator bool() const { return inode != 0; }
  bool operator==(const FileIdentity&) const = default;
};

struct UsageLine {
  std::int64_t id = 0;
  std::string text;  // without a line feed
};

// Everything throws Error: {unavailable} while another program holds a lock on the file, {denied}
// where the name leads to something that must not be written to (a symbolic link, a second name of
// some other file, no regular file), {io} for what the disk refused.
class UsageFile {
 public:
  // `ledger` is ledger_name()'s: lines that begin with it are this host's own.
  UsageFile(std::filesystem::path path, std::string ledger);

  // Nothing is created.
  [[nodiscard]] FileIdentity identity() const;
  // Makes the file, mode 0600, if there is none.
  [[nodiscard]] FileIdentity create() const;

  struct Found {
    FileIdentity file;
    std::optional<std::int64_t> last;  // the id of the last whole line of this host's own
    std::optional<std::int64_t> torn;  // the id of an own line that has only its beginning
  };
  [[nodiscard]] Found look() const;
  // The last own id in the file that was renamed within the folder; nullopt: it isn't there.
  [[nodiscard]] std::optional<std::int64_t> last_in_renamed(FileIdentity file) const;

  struct Appended {
    bool moved = false;                   // the name leads to another file: nothing was written
    std::optional<std::int64_t> through;  // the id of the last line that stands there whole
    std::optional<Error> failure;         // why not all of them do
  };
  // Under the locks of fcntl(2) and flock(2), with one write. First a torn tail is dealt with: an
  // own one is cut off, another's is left alone and ended with a line feed. A tail too short to
  // tell is an own one if `unfinished`. A write that the disk takes only in part leaves whole lines
  // behind.
  [[nodiscard]] Appended append(const std::vector<UsageLine>& lines, FileIdentity file,
                                bool unfinished) const;

  // Renames the file to NAME-YYYY-MM-DD.jsonl (by `now` in UTC; a second one of a day: -2, -3) and
  // removes the oldest of these beyond `keep`. nullopt: there is none, or it is empty.
  [[nodiscard]] std::optional<std::filesystem::path> rotate(WallTime now, int keep) const;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  [[nodiscard]] const std::string& ledger() const { return ledger_; }

 private:
  struct Opened {
    Fd fd;
    FileIdentity id;
    off_t size = 0;
  };
  [[nodiscard]] Opened open_locked() const;
  [[nodiscard]] std::string tail_of(const Opened& file) const;
  [[nodiscard]] std::optional<std::int64_t> last_own(int fd, off_t size, bool unended) const;
  [[nodiscard]] bool is_own_tail(const std::string& tail, bool unfinished) const;
  void remove_oldest(int keep) const;

  std::filesystem::path path_;
  std::string ledger_;
};

}  // namespace host
