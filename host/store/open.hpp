// SPDX-License-Identifier: Apache-2.0
//
// Opening the database of a host: what is taken for a fresh one, what is refused.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "store/connection.hpp"

namespace host {

struct OpenRequest {
  std::filesystem::path path;
  bool init = false;
  std::uint64_t check_in_background = 0;
  std::string vfs;
};

struct OpenedDatabase {
  Connection connection;
  bool fresh = false;          // made just now
  bool unclean = false;        // the last host didn't close it
  bool check_pending = false;  // too large to be checked before this returned
};

// "<path>.initialised": says that there was a database here, so that an emptied or missing one is
// never taken for a fresh one.
[[nodiscard]] std::filesystem::path marker_of(const std::filesystem::path& database);

// Opens, checks and migrates; sets the marker; notes in the file that it is open. Refusals are as
// in store/threaded_store.hpp and leave the file as it was. No other connection of this process may
// have the file open: reading its header drops this process's locks on it.
[[nodiscard]] OpenedDatabase open_database(const OpenRequest& request);

// Which files the names of an open database led to: a file that is removed, renamed or replaced
// goes on to take writes that nobody will ever find; one that has a second name can be opened by it
// without its log, and is damaged then.
class Placement {
 public:
  // The database and its write-ahead log, both there by now. Throws Error{io} if one has a second
  // name (a hard link).
  explicit Placement(const std::filesystem::path& database);
  // Throws Error{io} unless both names still lead to the same files, which have no other. Two calls
  // of stat(2).
  void check();
  // The log's size as check() last saw it.
  [[nodiscard]] std::uint64_t wal_bytes() const { return wal_.bytes; }

 private:
  struct Place {
    std::string path;
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t bytes = 0;
  };
  static Place look(std::string path);
  static void check(Place& place);
  Place database_;
  Place wal_;
};

struct InspectedDatabase {
  bool there = false;     // false: a host would make a fresh one
  std::string unchecked;  // why its pages were not looked at; empty: they are sound
};

// What open_database() would refuse, found without a change to the file or beside it. No host may
// have it open.
[[nodiscard]] InspectedDatabase inspect_database(const OpenRequest& request);

// Throws Error{corrupt} with the first rows of quick_check, if there are any.
void require_sound(Connection& connection, const std::filesystem::path& path);

// Empties the WAL into the file and notes the clean stop.
void close_cleanly(Connection& connection);

}  // namespace host
