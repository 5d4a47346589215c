// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/fake_loop.hpp"
#include "store/inline_store.hpp"
#include "tokens/account_table.hpp"
#include "tokens/call_ledger.hpp"
#include "tokens/ledger.hpp"

namespace host {

inline const ModelName kModel{"openai", "gpt-4o"};

// A ledger on a store in memory, asked as if it answered at once. It is 2026-01-05T12:00:00Z.
class LedgerTest : public testing::Test {
 protected:
  LedgerTest() { start(); }

  // A host's start: after the first one, as after a crash.
  Ledger::Recovery start(const std::string& boot = "boot 1") {
    desk_.reset();
    ledger_ = std::make_unique<Ledger>(store_, loop_, loop_.clock(), Log::to_memory(lines_),
                                       "allegro", boot);
    desk_ = make_call_ledger(*ledger_, loop_, loop_);
    ledger_->set_pause_handler([this] { ++pause_changes_; });
    return wait<Ledger::Recovery>([&](auto done) { ledger_->recover(done); }).value();
  }

  template <class T, class Ask>
  Result<T> wait(Ask ask) {
    std::optional<Result<T>> answer;
    ask(Reply<T>([&](Result<T> result) { answer = std::move(result); }));
    loop_.drain();
    if (!answer) return Error(Code::internal, "nobody answered");
    return *answer;
  }

  void budget(const std::string& json) {
    (void)wait<Done>([&](auto done) {
      ledger_->set_budget(parse_budget(json, "token_budget.json"), done);
    }).value();
  }

  static Spender spender(const std::string& pipeline = "nightly", const std::string& run = "1.1") {
    Spender spender;
    spender.plugin = "triage";
    spender.task = "triage_issues";
    spender.pipeline = pipeline;
    spender.job = JobId(1);
    spender.attempt = 1;
    spender.run = run;
    return spender;
  }

  Result<ReservationId> reserve(std::int64_t tokens, const Spender& who = spender(),
                                std::optional<ModelName> model = {}) {
    return wait<ReservationId>([&](auto done) {
      ledger_->reserve({who, Tokens(tokens), model}, done);
    });
  }
  Result<Hold> hold(ReservationId reservation, std::int64_t input, std::int64_t output,
                    std::optional<std::int64_t> least = {}, const ModelName& model = kModel,
                    std::vector<OwnCap> own = {}) {
    const HoldAsk ask{model, Tokens(input), Tokens(output), Tokens(least.value_or(output)),
                      std::move(own)};
    return wait<Hold>([&](auto done) {
      at_desk_ ? desk_->hold(reservation, ask, done) : ledger_->hold(reservation, ask, done);
    });
  }
  Result<Charge> settle(HoldId hold, std::int64_t input, std::int64_t output) {
    return settle(hold, {TokenUsage{Tokens(input), Tokens(output), {}, {}, {}}});
  }
  Result<Charge> settle(HoldId hold, const Settlement& settlement) {
    return wait<Charge>([&](auto done) { ask_settle(hold, settlement, done); });
  }
  void ask_settle(HoldId hold, const Settlement& settlement, const Reply<Charge>& done) {
    at_desk_ ? desk_->settle(hold, settlement, done) : ledger_->settle(hold, settlement, done);
  }
  Status drop(HoldId hold) {
    return wait<Done>(
        [&](auto done) { at_desk_ ? desk_->drop(hold, done) : ledger_->drop(hold, done); });
  }
  Status release(ReservationId reservation) {
    return wait<Done>([&](auto done) { ledger_->release(reservation, done); });
  }

  Account account(Dimension dimension, const std::string& name = "") {
    return account(ledger_->today(), dimension, name);
  }
  Account account(std::int64_t day, Dimension dimension, const std::string& name) {
    return store_.run_now(
        [&](Unit& unit) { return read_account(unit, account_key(day, dimension, name)); });
  }
  std::optional<Standing> standing(Dimension dimension, const std::string& name = "") {
    const auto all =
        wait<std::vector<Standing>>([&](auto done) { ledger_->standings(done); }).value();
    for (const auto& one : all)
      if (one.dimension == dimension && one.name == name) return one;
    return std::nullopt;
  }
  std::int64_t number(const char* sql) {
    return store_.run_now([sql](Unit& unit) {
      auto& row = unit.query(sql);
      row.step();
      return row.integer(0);
    });
  }
  // Rows of the ledger, oldest first: "meter 10+5 $0.01".
  std::vector<std::string> rows() {
    return store_.run_now([](Unit& unit) {
      std::vector<std::string> found;
      auto& row = unit.query("SELECT source, input, output, cost FROM ledger ORDER BY id");
      while (row.step())
        found.push_back(row.string(0) + " " + std::to_string(row.integer(1)) + "+" +
                        std::to_string(row.integer(2)) +
                        (row.is_null(3) ? "" : " " + to_text(Cost(row.integer(3)))));
      return found;
    });
  }
  [[nodiscard]] bool logged(std::string_view text) const {
    for (const auto& line : *lines_)
      if (line.find(text) != line.npos) return true;
    return false;
  }

  FakeLoop loop_;
  InlineStore store_{loop_};
  std::shared_ptr<std::vector<std::string>> lines_ = std::make_shared<std::vector<std::string>>();
  std::unique_ptr<Ledger> ledger_;
  std::unique_ptr<CallLedger> desk_;
  bool at_desk_ = false;  // hold(), settle() and drop() go by way of that
  int pause_changes_ = 0;
};

}  // namespace host
