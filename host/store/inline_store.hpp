// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <optional>

#include "base/loop.hpp"
#include "store/store.hpp"

namespace host {

class GroupCommit;

// The store's twin for tests of logic: SQLite in memory with the same tables. Runs operations at
// submit, each in a transaction of its own, and posts the replies to the loop. Each is run twice,
// the first time as one whose commit failed, so that whoever can't be repeated is found by any
// test.
class InlineStore final : public Store {
 public:
  explicit InlineStore(Loop& loop);
  ~InlineStore() override;

  void submit_all(std::vector<Operation> operations) override;
  void when_checked(std::function<void()> then) override;
  [[nodiscard]] StoreStats stats() const override;

  // The next `count` operations are answered with this Error and not run.
  void fail_next(Error error, int count = 1);

 protected:
  void run_blocking(Work work) override;

 private:
  void rehearse(Operation& operation);
  [[nodiscard]] Status run_one(Operation& operation);
  Loop& loop_;
  mutable std::mutex mutex_;  // over the rest: operations with a door come from other threads
  std::unique_ptr<GroupCommit> commit_;
  Unit rehearsal_;
  StoreStats stats_;
  std::optional<Error> failure_;
  int failures_left_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace host
