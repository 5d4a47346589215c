// SPDX-License-Identifier: Apache-2.0
//
// Copies of the database: one taken while a host works, and the way back.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "store/connection.hpp"

struct sqlite3_backup;

namespace host {

// A copy under way, in steps of a mebibyte, on the source's thread. Between two steps the source
// may write; what it writes is in the copy, which is the source as of its last step. It is one file
// of mode 0600, whole or not there: written beside its place, synced, renamed.
class Backup {
 public:
  // `source` outlives this. `replace`: the target may be there already. Throws Error{conflict} if
  // it is and may not, {usage} for a relative path, or what the disk said.
  Backup(Connection& source, std::filesystem::path target, bool replace);
  // Removes what is not whole.
  ~Backup();
  Backup(const Backup&) = delete;
  Backup& operator=(const Backup&) = delete;

  // True: it is whole, durable, and in its place. Throws Error; this is over then.
  [[nodiscard]] bool step();
  // Of the whole copy, once step() was true.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  void complete();
  void put_in_place();
  void remove_partial() noexcept;

  std::filesystem::path target_;
  bool replace_;
  std::string partial_;  // empty: in its place
  Fd file_;
  std::optional<Connection> copy_;
  sqlite3_backup* handle_ = nullptr;
  int unsynced_steps_ = 0;
  std::uint64_t bytes_ = 0;
};

// Throws unless the file is a sound database of this program, of a version that it knows: Error
// {not_found}, {corrupt} or {unsupported}. Read-only.
void check_backup(const std::filesystem::path& file);

struct Restored {
  std::filesystem::path aside;  // the database that was there; empty: there was none
  std::uint64_t bytes = 0;
};
// Puts a copy of `backup` in the database's place, after check_backup(). What was there stays
// beside it as "<database>.before-restore-<time>", with its log. At every instant the database is
// the old one, missing (which no host takes for a fresh one), or the new one. The store gets a new
// id, so that no job's idempotency key is one that the old database gave out after the backup. The
// caller holds the host's lock.
[[nodiscard]] Restored restore_database(const std::filesystem::path& backup,
                                        const std::filesystem::path& database, WallTime now);

}  // namespace host
