// SPDX-License-Identifier: Apache-2.0
#include "tokens/call_ledger.hpp"

#include <utility>

#include "tokens/ledger.hpp"
#include "tokens/ledger_desk.hpp"

namespace host {
namespace {

// A call waits for its hold, so that and what must not be overtaken by the next hold goes straight
// to the ledger's desk; the rest over the ledger's loop.
class LedgerCalls final : public CallLedger {
 public:
  LedgerCalls(Ledger& ledger, Loop& ledgers, Loop& callers)
      : ways_(std::make_shared<Ways>(
            Ways{&ledger, &ledgers, ledger.desk(), std::make_shared<LoopDoor>(callers), 0})) {}
  ~LedgerCalls() override { ways_->door->close(); }
  LedgerCalls(const LedgerCalls&) = delete;
  LedgerCalls& operator=(const LedgerCalls&) = delete;

  void reserve(ReserveAsk ask, Reply<ReservationId> done) override {
    over([ask = std::move(ask), done = back(std::move(done))](Ledger& ledger) mutable {
      ledger.reserve(std::move(ask), std::move(done));
    });
  }
  void hold(ReservationId reservation, HoldAsk ask, Reply<Hold> done) override {
    if (ways_->ending == 0 && ways_->desk->hold(ways_->door, reservation, ask, done)) return;
    over([reservation, ask = std::move(ask), done = back(std::move(done))](Ledger& ledger) mutable {
      ledger.hold(reservation, std::move(ask), std::move(done));
    });
  }
  void settle(HoldId hold, Settlement settlement, Reply<Charge> done) override {
    const auto again = insisting<Charge>(done, [hold, settlement](Ledger& ledger, auto answer) {
      ledger.settle(hold, settlement, std::move(answer));
    });
    if (!ways_->desk->settle(ways_->door, hold, settlement, unless_busy<Charge>(done, again)))
      again();
  }
  void drop(HoldId hold, Reply<Done> done) override {
    const auto again = insisting<Done>(
        done, [hold](Ledger& ledger, auto answer) { ledger.drop(hold, std::move(answer)); });
    if (!ways_->desk->drop(ways_->door, hold, unless_busy<Done>(done, again))) again();
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
    std::shared_ptr<LedgerDesk> desk;
    std::shared_ptr<LoopDoor> door;
    int ending = 0;  // callers' loop: settlements on their way over the ledger's loop

    // Work that finds this object gone does nothing: the ledger may have gone with it. Both go on
    // the ledger's loop, where the work looks.
    static void over(const std::weak_ptr<Ways>& weak, std::function<void(Ledger&)> work) {
      const auto ways = weak.lock();
      if (ways)
        ways->ledgers->post([weak, work = std::move(work)] {
          if (const auto kept = weak.lock()) work(*kept->ledger);
        });
    }
  };

  void over(std::function<void(Ledger&)> work) { Ways::over(ways_, std::move(work)); }

  template <class T>
  Reply<T> back(Reply<T> done) {
    return [door = ways_->door, done = std::move(done)](Result<T> result) {
      door->post([done, result = std::move(result)] { done(result); });
    };
  }

  // The way over the loop, where what must not be lost is tried for as long as it takes.
  template <class T, class Work>
  std::function<void()> insisting(const Reply<T>& done, Work work) {
    const std::weak_ptr<Ways> weak = ways_;
    const auto ended = back<T>([weak, done](Result<T> result) {
      if (const auto ways = weak.lock()) --ways->ending;
      done(std::move(result));
    });
    return [weak, work, ended] {
      if (const auto ways = weak.lock()) ++ways->ending;
      Ways::over(weak, [work, ended](Ledger& ledger) { work(ledger, ended); });
    };
  }
  template <class T>
  static Reply<T> unless_busy(Reply<T> done, std::function<void()> again) {
    return [done = std::move(done), again = std::move(again)](Result<T> result) {
      if (!result && is_store_busy(result.error())) return again();
      done(std::move(result));
    };
  }

  std::shared_ptr<Ways> ways_;
};

}  // namespace

std::unique_ptr<CallLedger> make_call_ledger(Ledger& ledger, Loop& ledgers, Loop& callers) {
  return std::make_unique<LedgerCalls>(ledger, ledgers, callers);
}

}  // namespace host
