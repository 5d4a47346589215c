// SPDX-License-Identifier: Apache-2.0
//
// A queue on a store in memory and a loop that stands still, for its tests.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/fake_loop.hpp"
#include "queue/queue.hpp"
#include "store/inline_store.hpp"

namespace host {

// Counts what reaches the store at once.
class CountingStore final : public Store {
 public:
  explicit CountingStore(Loop& loop) : inner_(loop) {}
  void submit_all(std::vector<Operation> operations) override {
    sizes.push_back(operations.size());
    inner_.submit_all(std::move(operations));
  }
  void when_checked(std::function<void()> then) override {
    if (checked) {
      inner_.when_checked(std::move(then));
    } else {
      waiting.push_back(std::move(then));
    }
  }
  [[nodiscard]] StoreStats stats() const override { return inner_.stats(); }
  InlineStore& inner() { return inner_; }

  std::vector<std::size_t> sizes;
  bool checked = true;
  std::vector<std::function<void()>> waiting;

 protected:
  void run_blocking(Work work) override { inner_.run_now(std::move(work)); }

 private:
  InlineStore inner_;
};

class QueueTest : public testing::Test {
 protected:
  void SetUp() override { start(); }

  // A host starts on the same store.
  void start() {
    queue_ = std::make_unique<Queue>(store_, loop_, log_);
    queue_->set_ready_handler([this](const std::string& task) { ready_.push_back(task); });
    recovery_ = wait<Recovery>([&](auto reply) { queue_->recover(std::move(reply)); });
  }

  // Runs an asynchronous call to its reply.
  template <class V, class F>
  V wait(F call) {
    std::optional<Result<V>> result;
    call([&](Result<V> r) { result.emplace(std::move(r)); });
    EXPECT_FALSE(result.has_value()) << "replied from inside the call";
    loop_.drain();
    return std::move(result.value()).value();
  }
  std::vector<Inserted> insert(std::vector<NewJob> jobs) {
    return wait<std::vector<Inserted>>(
        [&](auto reply) { queue_->insert(std::move(jobs), std::move(reply)); });
  }
  JobId insert_one(NewJob job) { return insert({std::move(job)}).at(0).id; }
  std::vector<ClaimedJob> claim(int count = 1) {
    return wait<Claimed>([&](auto reply) { queue_->claim("work", count, std::move(reply)); }).jobs;
  }
  Finished finish(RunId run, Verdict verdict, Queue::Also also = {}) {
    return wait<Finished>([&](auto reply) {
      queue_->finish(run, std::move(verdict), {}, std::move(also), std::move(reply));
    });
  }
  Job show(JobId id) {
    return wait<JobDetail>([&](auto reply) { queue_->show(id, std::move(reply)); }).job;
  }

  FakeLoop loop_;
  CountingStore store_{loop_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  Log log_ = Log::to_memory(lines_);
  std::unique_ptr<Queue> queue_;
  std::vector<std::string> ready_;
  Recovery recovery_;
};

}  // namespace host
