// SPDX-License-Identifier: Apache-2.0
//
// The rules by which operations share a transaction, without threads or queues.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/error.hpp"
#include "store/store.hpp"

namespace host {

// The store can't go on: a failed fsync, a damaged database, a disk that keeps failing.
struct FatalStoreError {
  Error error;
};

class GroupCommit {
 public:
  explicit GroupCommit(Connection connection);

  // Runs the operations in order in one transaction and commits it. One entry for each: its Error,
  // or nullopt when it is durable. Valid until the next call. Throws FatalStoreError, and then
  // nothing is known of any of them.
  [[nodiscard]] std::span<const std::optional<Error>> run(std::span<Store::Operation> operations);

  // Writes the WAL back when it has grown. After run(), once those who wait have been answered.
  // Throws FatalStoreError.
  void checkpoint_if_large();
  // The same, all of it, and gives memory back. When nothing was asked for a while.
  void rest();

  [[nodiscard]] Connection& connection() { return connection_; }

  struct Figures {
    std::uint64_t commits = 0;
    std::uint64_t failed_commits = 0;
    Duration last_commit{};
    Duration longest_commit{};
  };
  [[nodiscard]] const Figures& figures() const { return figures_; }

 private:
  enum class Attempt { answered, isolate, alone };
  Attempt try_together(std::span<Store::Operation> operations, bool isolate);
  void run_alone(std::span<Store::Operation> operations);
  bool run_work(Store::Operation& operation, std::optional<Error>& error);
  // False: somebody else holds the lock; everyone from `first` on gets that answer.
  [[nodiscard]] bool begin(std::size_t first);
  void commit();
  void roll_back() noexcept;
  void note(const Error& error);

  Connection connection_;
  Unit unit_;
  Statement begin_, commit_, rollback_, savepoint_, release_, rollback_to_;
  std::vector<std::optional<Error>> errors_;
  Figures figures_;
  int disk_errors_ = 0;  // in a row
};

}  // namespace host
