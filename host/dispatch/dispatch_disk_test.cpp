// SPDX-License-Identifier: Apache-2.0
//
// A disk that takes nothing while a run ends: with the real store, real programs and the real
// meter. What the run used and did is dealt with once it can be written, or by the next host, and
// never twice.
#include <sqlite3.h>

#include "dispatch/dispatch_tokens_fixture.hpp"
#include "store/fault_vfs.hpp"
#include "store/threaded_store.hpp"

namespace host::dispatch {
namespace {

using ::testing::HasSubstr;
using Peer = FakeUpstream::Peer;
using Request = FakeUpstream::Request;

class DispatchDisk : public DispatchTokens {
 protected:
  void TearDown() override {
    vfs_.heal();
    DispatchTokens::TearDown();
    ledger_.reset();
    store_.reset();
  }
  std::unique_ptr<Store> open_store() override {
    StoreOptions options;
    options.path = folder_ / "host.db";
    options.vfs = vfs_.name();
    options.probe_every = std::chrono::milliseconds(20);
    return std::make_unique<ThreadedStore>(options, loop_, log_, [](const Error& error) {
      ADD_FAILURE() << "the store can't go on: " << error.what();
    });
  }

  // The disk has room again, and the store has seen it.
  void make_room() {
    vfs_.heal();
    EXPECT_TRUE(run_until([this] { return store_->stats().health.writable; }));
  }
  void fill_disk() { vfs_.fail(FaultVfs::Call::write, 1, SQLITE_FULL, true); }
  // What the upstream says to the one call; `first` is done before.
  void upstream_says(const std::function<void()>& first) {
    upstream_.set_script([first](const Request&, const Peer& peer) {
      first();
      peer.say(http_reply(to_text(completion("hi", 50, 20))));
    });
  }

  // As the disk has it: a store that can't write is asked all the same.
  template <class R>
  R on_disk(std::function<R(Unit&)> ask) {
    std::optional<R> got;
    store_->read(std::move(ask), [&](Result<R> result) { got = std::move(result).value(); });
    EXPECT_TRUE(run_until([&] { return got.has_value(); }));
    return std::move(*got);
  }
  Item row() {
    return on_disk<Item>([](Unit& unit) { return read_item(unit, ItemId(1)); });
  }
  AccountTotal account(const std::string& run = "d1.1") {
    return on_disk<AccountTotal>([run](Unit& unit) {
      return find_account(unit, 0, Dimension::run, run).value_or(AccountTotal{});
    });
  }
  std::vector<LedgerEntry> rows(const std::string& run = "d1.1") {
    return on_disk<std::vector<LedgerEntry>>(
        [run](Unit& unit) { return rows_of_run(unit, run, 10); });
  }

  [[nodiscard]] std::filesystem::path run_file(const char* name) const {
    return state() / "runs" / "d1.1" / name;
  }
  [[nodiscard]] bool wait_for_file(const char* name) {
    return run_until([&] { return std::filesystem::exists(run_file(name)); });
  }
  // Time in which a host could do what it must not.
  void go_on() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(700);
    (void)run_until([&] { return std::chrono::steady_clock::now() >= end; });
  }
  // Its agent has ended, and nothing of what that used is on the disk but what was held.
  void run_that_cannot_be_accounted_for() {
    upstream_says([this] { fill_disk(); });
    bash_agent_is(std::string("ask 500\n") + kFix);
    start_host_with(kLimits);
    ASSERT_TRUE(wait_for_file("ending.json"));
    go_on();
    EXPECT_TRUE(row().run_open);
    EXPECT_EQ(row().at, (Position{Gate::track, ItemState::running}));
    EXPECT_EQ(row().attempts, 0);
    EXPECT_EQ(account().usage.total(), Tokens(0));
    EXPECT_GT(account().held, Tokens(500));
    EXPECT_FALSE(std::filesystem::exists(run_file("facts.json")));
  }
  // There was one run, whose work was reported.
  void expect_done_once(const Item& item) {
    EXPECT_EQ(item.at.state, ItemState::done) << item.reason;
    EXPECT_FALSE(item.run_open);
    EXPECT_EQ(item.runs, 1);
    EXPECT_EQ(item.attempts, 1);
    EXPECT_EQ(upstream_.requests().size(), 1U);
    EXPECT_EQ(rows().size(), 1U);
    EXPECT_EQ(account().held, Tokens(0));
    EXPECT_EQ(Tokens(item.tokens), account().usage.total());
  }

  static constexpr const char* kLimits =
      "limits: { tokens: 5000, attempts: 2, wall: 2m, stall: 60s }\n";
  FaultVfs vfs_;
};

TEST_F(DispatchDisk, ARunWhoseAccountCannotBeWrittenStaysOpenUntilItCan) {
  run_that_cannot_be_accounted_for();
  make_room();
  const auto item = ended_item();
  expect_done_once(item);
  EXPECT_EQ(item.tokens, 70);
  EXPECT_EQ(rows().at(0).source, UsageSource::meter);
}

TEST_F(DispatchDisk, WhatNobodyLivedToWriteOfItIsChargedWholeByTheNextHost) {
  run_that_cannot_be_accounted_for();
  const auto held = account().held;
  end_host();
  meter_.reset();
  ledger_.reset();
  store_.reset();
  vfs_.heal();
  store_ = open_store();
  begin();
  start_host_with(kLimits);
  const auto item = ended_item();
  expect_done_once(item);
  EXPECT_EQ(Tokens(item.tokens), held);
  EXPECT_EQ(rows().at(0).source, UsageSource::hold);
}

TEST_F(DispatchDisk, ARunWhoseFactsCannotBeWrittenStaysOpenUntilTheyCan) {
  settings_.retry_after = std::chrono::milliseconds(300);
  // A file can't take the place of a folder.
  upstream_says([this] { std::filesystem::create_directory(run_file("facts.json")); });
  bash_agent_is(std::string("ask 500\n") + kFix);
  start_host_with(kLimits);
  ASSERT_TRUE(run_until([this] {
    const auto all = items();
    return !all.empty() && all[0].at == Position{Gate::track, ItemState::waiting} &&
           all[0].runs == 1;
  }));
  go_on();
  EXPECT_TRUE(row().run_open);
  EXPECT_THAT(row().reason, HasSubstr("what became of run d1.1 can't be told yet"));
  EXPECT_EQ(row().attempts, 0);
  EXPECT_EQ(row().tokens, 70) << "the ledger knows";
  std::filesystem::remove(run_file("facts.json"));
  const auto item = ended_item();
  expect_done_once(item);
  EXPECT_EQ(item.tokens, 70);
}

TEST_F(DispatchDisk, ARunWhoseEndCannotBeWrittenDownIsJudgedOnceItCan) {
  upstream_says([] {});
  bash_agent_is(std::string("ask 500\n") + kFix);
  start_host_with(kLimits);
  ASSERT_TRUE(wait_for_file("facts.json"));
  fill_disk();
  go_on();
  EXPECT_TRUE(row().run_open);
  EXPECT_EQ(row().attempts, 0);
  make_room();
  const auto item = ended_item();
  expect_done_once(item);
  EXPECT_EQ(item.tokens, 70);
}

}  // namespace
}  // namespace host::dispatch
