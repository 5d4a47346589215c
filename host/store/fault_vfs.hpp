// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace host {

// A disk that fails on demand: an SQLite VFS around the system's, for tests. Hand name() to
// StoreOptions::vfs. Thread-safe. Outlives every connection that uses it.
class FaultVfs {
 public:
  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  [[nodiscard]] const std::string& name() const;

  enum class Call { read, write, sync, truncate };

  // The `nth` such call from now (1: the next) returns `code` (SQLITE_FULL, SQLITE_IOERR_FSYNC...);
  // `sticky`: and every one after it.
  void fail(Call call, int nth, int code, bool sticky = false);
  void heal();
  // How many such calls there were.
  [[nodiscard]] int calls(Call call) const;

  // Power fails: from now on nothing reaches the disk.
  void cut_power();
  // After every connection is closed: makes the files what they may be after the power failure.
  // Synced writes are there; of those that were not, each 512-byte sector is there or not, as
  // `seed` has it. Then the disk works again.
  void come_back(std::uint64_t seed);

 private:
  struct State;
  struct Shim;
  std::unique_ptr<State> state_;
};

}  // namespace host
