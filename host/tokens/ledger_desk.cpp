// SPDX-License-Identifier: Apache-2.0
#include "tokens/ledger_desk.hpp"

#include <utility>

#include "tokens/granting.hpp"
#include "tokens/settling.hpp"

namespace host {

bool is_store_busy(const Error& error) {
  return error.code() == Code::io || error.code() == Code::unavailable ||
         error.code() == Code::rate_limited;
}

Error as_unavailable(const Error& error) {
  if (error.code() != Code::rate_limited) return error;
  return {Code::unavailable, error.message(), error.next_step()};
}

LedgerDesk::LedgerDesk(Store& store, const Clock& clock, std::string host_name, Tell tell)
    : store_(store), clock_(clock), host_name_(std::move(host_name)), tell_(std::move(tell)) {}

void LedgerDesk::open(std::shared_ptr<const Budget> budget, std::int64_t generation,
                      const DayClock& clock, std::int64_t day) {
  const std::scoped_lock lock(mutex_);
  budget_ = std::move(budget);
  generation_ = generation;
  day_clock_ = clock;
  day_ = day;
}

void LedgerDesk::close() {
  const std::scoped_lock lock(mutex_);
  budget_.reset();
}

template <class T, class Work>
bool LedgerDesk::ask(const std::shared_ptr<LoopDoor>& door, Work work, Reply<Granted<T>> done,
                     bool patient) {
  const std::scoped_lock lock(mutex_);
  if (!budget_ || day_clock_->today() != day_) return false;
  LedgerTerms terms{budget_,           day_clock_->zone(), host_name_, day_,
                    day_clock_->now(), clock_.wall(),      generation_};
  store_.run(
      [work = std::move(work), terms = std::move(terms)](Unit& unit) { return work(unit, terms); },
      std::move(done), door, patient);
  return true;
}

bool LedgerDesk::hold(const std::shared_ptr<LoopDoor>& door, ReservationId reservation,
                      const HoldAsk& wanted, const Reply<Hold>& done) {
  return ask<Hold>(
      door,
      [reservation, wanted](Unit& unit, const LedgerTerms& terms) {
        return grant_hold(unit, terms, reservation, wanted);
      },
      [tell = tell_, done](Result<Granted<Hold>> result) {
        if (!result) return done(as_unavailable(result.error()));
        auto& granted = result.value();
        if (granted.notes.any()) tell(std::move(granted.notes), false);
        if (granted.refusal) return done(Error(*granted.refusal));
        done(*granted.value);
      });
}

bool LedgerDesk::settle(const std::shared_ptr<LoopDoor>& door, HoldId hold,
                        const Settlement& settlement, const Reply<Charge>& done) {
  return ask<Charge>(
      door,
      [hold, settlement](Unit& unit, const LedgerTerms& terms) {
        Granted<Charge> charged;
        charged.value = settle_hold(unit, terms, hold, settlement, charged.notes);
        return charged;
      },
      [tell = tell_, done](Result<Granted<Charge>> result) {
        if (!result) return done(result.error());
        tell(std::move(result.value().notes), true);
        done(*result.value().value);
      },
      true);
}

bool LedgerDesk::drop(const std::shared_ptr<LoopDoor>& door, HoldId hold, const Reply<Done>& done) {
  return ask<Done>(
      door,
      [hold](Unit& unit, const LedgerTerms& terms) {
        drop_hold(unit, terms, hold);
        return Granted<Done>{Done{}, {}, {}};
      },
      [done](const Result<Granted<Done>>& result) {
        done(result ? Status(Done{}) : Status(result.error()));
      },
      true);
}

}  // namespace host
