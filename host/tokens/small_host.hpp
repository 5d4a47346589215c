// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "store/threaded_store.hpp"
#include "tokens/call_ledger.hpp"
#include "tokens/ledger.hpp"

namespace host {

// One host's store and ledger on a real loop.
class SmallHost {
 public:
  explicit SmallHost(const std::filesystem::path& folder)
      : store_({.path = folder / "host.db"}, loop_, log_, [](const Error&) { std::abort(); }),
        ledger_(store_, loop_, clock_, log_, "allegro", "boot 1") {}

  // Recovers, sets the caps, calls `then`, and runs the loop until it is stopped.
  void run(const std::string& caps, const std::function<void()>& then) {
    ledger_.recover([&, then](Result<Ledger::Recovery> recovery) {
      recovered_ = recovery.value();
      ledger_.set_budget(parse_budget(caps, "f"), [then](const Status& set) {
        if (!set) std::abort();
        then();
      });
    });
    io_.run_for(std::chrono::seconds(100));
    io_.restart();
  }
  void stop() { io_.stop(); }

  Ledger& ledger() { return ledger_; }
  // The way of the meter's calls, whose ends are patient.
  CallLedger& calls() { return *calls_; }
  Store& store() { return store_; }
  [[nodiscard]] const Ledger::Recovery& recovered() const { return recovered_; }

 private:
  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard_{
      io_.get_executor()};
  SystemClock clock_;
  AsioLoop loop_{io_, clock_};
  Log log_ = Log::to_memory(std::make_shared<std::vector<std::string>>());
  ThreadedStore store_;
  Ledger ledger_;
  std::unique_ptr<CallLedger> calls_ = make_call_ledger(ledger_, loop_, loop_);
  Ledger::Recovery recovered_;
};

inline std::int64_t number(Store& store, const std::string& sql) {
  return store.run_now([&sql](Unit& unit) {
    auto& row = unit.query(sql);
    row.step();
    return row.integer(0);
  });
}

// Accounts against rows, and nothing open.
inline void check_sums(Store& store) {
  EXPECT_EQ(number(store, "SELECT count(*) FROM holds"), 0);
  EXPECT_EQ(number(store, "SELECT count(*) FROM reservations"), 0);
  EXPECT_EQ(number(store, "SELECT count(*) FROM accounts WHERE held<>0 OR reserved<>0"), 0);
  EXPECT_EQ(number(store,
                   "SELECT count(*) FROM accounts WHERE dimension='pipeline' AND settled <> "
                   "(SELECT coalesce(sum(input+output), 0) FROM ledger "
                   "WHERE pipeline=name AND ledger.day=accounts.day)"),
            0);
  EXPECT_EQ(number(store, "SELECT coalesce(sum(settled), 0) FROM accounts WHERE dimension='run'"),
            number(store, "SELECT coalesce(sum(input+output), 0) FROM ledger"));
}

}  // namespace host
