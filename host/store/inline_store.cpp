// SPDX-License-Identifier: Apache-2.0
#include "store/inline_store.hpp"

#include <exception>
#include <utility>

#include "store/group_commit.hpp"
#include "store/migrations.hpp"

namespace host {
namespace {

Connection migrated() {
  Connection connection({}, Connection::Mode::memory);
  migrate(connection);
  return connection;
}

}  // namespace

InlineStore::InlineStore(Loop& loop)
    : loop_(loop),
      commit_(std::make_unique<GroupCommit>(migrated())),
      rehearsal_(commit_->connection()) {}
InlineStore::~InlineStore() = default;

void InlineStore::submit_all(std::vector<Operation> operations) {
  for (auto& operation : operations) {
    const Status status = run_one(operation);
    if (!operation.done) continue;
    if (operation.door) {
      operation.door->post([done = std::move(operation.done), status] { done(status); });
      continue;
    }
    loop_.post([alive = std::weak_ptr(alive_), done = std::move(operation.done), status] {
      if (!alive.expired()) done(status);
    });
  }
}

void InlineStore::rehearse(Operation& operation) {
  commit_->connection().execute("BEGIN");
  try {
    operation.work(rehearsal_);
  } catch (const std::exception&) {
    // It throws in earnest, too.
  }
  rehearsal_.end_operation();
  commit_->connection().execute("ROLLBACK");
}

Status InlineStore::run_one(Operation& operation) {
  const std::scoped_lock lock(mutex_);
  Status status = Done{};
  if (failures_left_ > 0) {
    --failures_left_;
    status = *failure_;
  } else {
    rehearse(operation);
    if (const auto& error = commit_->run(std::span(&operation, 1)).front()) status = *error;
  }
  ++(status ? stats_.operations : stats_.failures);
  stats_.commits = commit_->figures().commits;
  return status;
}

void InlineStore::when_checked(std::function<void()> then) { loop_.post(std::move(then)); }

StoreStats InlineStore::stats() const {
  const std::scoped_lock lock(mutex_);
  return stats_;
}

void InlineStore::fail_next(Error error, int count) {
  const std::scoped_lock lock(mutex_);
  failure_ = std::move(error);
  failures_left_ = count;
}

void InlineStore::run_blocking(Work work) {
  Operation operation{std::move(work), {}};
  static_cast<void>(run_one(operation).value());
}

}  // namespace host
