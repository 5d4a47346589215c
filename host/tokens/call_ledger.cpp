// SPDX-License-Identifier: Apache-2.0
#include "tokens/call_ledger.hpp"

#include <utility>

#include "tokens/ledger.hpp"

namespace host {
namespace {

class LedgerCalls final : public CallLedger {
 public:
  LedgerCalls(Ledger& ledger, Loop& ledgers, Loop& callers)
      : ways_(std::make_shared<Ways>(Ways{&ledger, &ledgers, &callers})) {}

  void reserve(ReserveAsk ask, Reply<ReservationId> done) override {
    over([ask = std::move(ask), done = back(std::move(done))](Ledger& ledger) mutable {
      ledger.reserve(std::move(ask), std::move(done));
    });
  }
  void hold(ReservationId reservation, HoldAsk ask, Reply<Hold> done) override {
    over([reservation, ask = std::move(ask), done = back(std::move(done))](Ledger& ledger) mutable {
      ledger.hold(reservation, std::move(ask), std::move(done));
    });
  }
  void settle(HoldId hold, Settlement settlement, Reply<Charge> done) override {
    over([hold, settlement, done = back(std::move(done))](Ledger& ledger) mutable {
      ledger.settle(hold, settlement, std::move(done));
    });
  }
  void drop(HoldId hold, Reply<Done> done) override {
    over([hold, done = back(std::move(done))](Ledger& ledger) mutable {
      ledger.drop(hold, std::move(done));
    });
  }
  void release(ReservationId reservation, Reply<Done> done) override {
    over([reservation, done = back(std::move(done))](Ledger& ledger) mutable {
      ledger.release(reservation, std::move(done));
    });
  }

 private:
  struct Ways {
    Ledger* ledger;
    Loop* ledgers;
    Loop* callers;
  };

  // Work that finds this object gone does nothing: the ledger may have gone with it. Both go on the
  // ledger's loop, where the work looks.
  void over(std::function<void(Ledger&)> work) {
    ways_->ledgers->post([weak = std::weak_ptr<Ways>(ways_), work = std::move(work)] {
      if (const auto ways = weak.lock()) work(*ways->ledger);
    });
  }

  template <class T>
  Reply<T> back(Reply<T> done) {
    return [weak = std::weak_ptr<Ways>(ways_), done = std::move(done)](Result<T> result) {
      const auto ways = weak.lock();
      if (!ways) return;
      ways->callers->post([done, result = std::move(result)] { done(result); });
    };
  }

  std::shared_ptr<Ways> ways_;
};

}  // namespace

std::unique_ptr<CallLedger> make_call_ledger(Ledger& ledger, Loop& ledgers, Loop& callers) {
  return std::make_unique<LedgerCalls>(ledger, ledgers, callers);
}

}  // namespace host
