// SPDX-License-Identifier: Apache-2.0
//
// The ledger's twin for tests of calls: a cap on tokens, and a list of what was asked.
#pragma once

#include <algorithm>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tokens/call_ledger.hpp"

namespace host {

// Of one loop, on which each way to it does its work.
struct FakeLedgerState {
  struct Settled {
    Hold hold;
    std::optional<Settlement> settlement;  // nothing: dropped
  };
  Tokens left{1'000'000};
  std::optional<Error> refusal;  // instead of any hold
  bool stuck = false;            // nothing is answered any more
  std::map<std::int64_t, Hold> open;
  std::vector<HoldAsk> asked;
  std::vector<Settled> settled;
  std::vector<ReserveAsk> reserved;
  std::vector<ReservationId> released;
  std::int64_t next = 1;
};

class FakeCallLedger final : public CallLedger {
 public:
  FakeCallLedger(FakeLedgerState& state, Loop& ledgers, Loop& callers)
      : state_(&state), ledgers_(&ledgers), callers_(&callers) {}

  void reserve(ReserveAsk ask, Reply<ReservationId> done) override {
    over<ReservationId>(std::move(done), [ask](FakeLedgerState& state) {
      state.reserved.push_back(ask);
      return ReservationId(state.next++);
    });
  }
  void hold(ReservationId, HoldAsk ask, Reply<Hold> done) override {
    over<Hold>(std::move(done), [ask](FakeLedgerState& state) {
      state.asked.push_back(ask);
      if (state.refusal) throw Error(*state.refusal);
      const auto output = std::min(ask.output, state.left - ask.input);
      if (output < ask.least_output)
        throw Error(Code::rate_limited, "the cap of the day is reached", "It begins anew at 0:00.");
      const Hold hold{HoldId(state.next++), ask.input, output};
      state.left -= hold.input + hold.output;
      state.open.emplace(hold.id.value(), hold);
      return hold;
    });
  }
  void settle(HoldId hold, Settlement settlement, Reply<Charge> done) override {
    over<Charge>(std::move(done), [hold, settlement](FakeLedgerState& state) {
      end(state, hold, settlement);
      return Charge{};
    });
  }
  void drop(HoldId hold, Reply<Done> done) override {
    over<Done>(std::move(done), [hold](FakeLedgerState& state) {
      end(state, hold, std::nullopt);
      return Done{};
    });
  }
  void release(ReservationId reservation, Reply<Done> done) override {
    over<Done>(std::move(done), [reservation](FakeLedgerState& state) {
      state.released.push_back(reservation);
      return Done{};
    });
  }

 private:
  static void end(FakeLedgerState& state, HoldId id, const std::optional<Settlement>& settlement) {
    const auto found = state.open.find(id.value());
    if (found == state.open.end()) throw Error(Code::conflict, "the hold was settled before");
    const Hold hold = found->second;
    state.open.erase(found);
    state.left += hold.input + hold.output;
    const auto used =
        settlement && settlement->usage ? settlement->usage->total() : hold.input + hold.output;
    if (settlement) state.left -= used;
    state.settled.push_back({hold, settlement});
  }

  template <class T, class Work>
  void over(Reply<T> done, Work work) {
    ledgers_->post([state = state_, callers = callers_, done = std::move(done), work] {
      if (state->stuck) return;
      Result<T> result = attempt([&] { return work(*state); });
      callers->post([done, result = std::move(result)] { done(result); });
    });
  }

  FakeLedgerState* state_;
  Loop* ledgers_;
  Loop* callers_;
};

}  // namespace host
