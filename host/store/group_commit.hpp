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

// From so many pages of WAL on it is written back: 16 MiB.
inline constexpr int kCheckpointPages = 4000;

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
  // While refusal() says why, only those that read are run.
  [[nodiscard]] std::span<const std::optional<Error>> run(std::span<Store::Operation> operations);

  // Why nothing can be written now: set by a run() or probe() that the disk or another program's
  // lock refused, cleared by a probe() that wrote.
  [[nodiscard]] const std::optional<Error>& refusal() const { return refusal_; }
  // Tries to write. Empties the WAL first, which on a full disk may be all the space that is left.
  // Throws FatalStoreError.
  void probe();

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
  // False, with refusal_ set: somebody else holds the lock.
  [[nodiscard]] bool begin();
  void run_refused(std::span<Store::Operation> operations, std::size_t first);
  void run_reading(std::size_t place, Store::Operation& operation);
  void commit();
  void roll_back() noexcept;
  void note(const Error& error);

  Connection connection_;
  Unit unit_;
  Statement begin_, begin_reading_, commit_, rollback_, savepoint_, release_, rollback_to_;
  std::vector<std::optional<Error>> errors_;
  Figures figures_;
  std::optional<Error> refusal_;
  std::optional<Error> noted_;  // the last that note() took for a refusal
  int disk_errors_ = 0;         // in a row
};

}  // namespace host
