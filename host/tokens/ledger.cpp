// SPDX-License-Identifier: Apache-2.0
#include "tokens/ledger.hpp"

#include <utility>

#include "tokens/granting.hpp"
#include "tokens/kept_settings.hpp"
#include "tokens/ledger_impl.hpp"
#include "tokens/renamed_repo.hpp"
#include "tokens/settling.hpp"

namespace host {
namespace {

constexpr Duration kTryAgain = std::chrono::seconds(1);

Error no_budget() {
  return {Code::unavailable, "there is no budget, so no tokens are granted",
          "Write one to token_budget.json."};
}

}  // namespace

void Ledger::Impl::open_desk() {
  desk_ = std::make_shared<LedgerDesk>(
      store_, clock_, host_name_,
      [weak = weak_from_this(), loop = &loop_](LedgerNotes notes, bool rows) {
        loop->post([weak, notes = std::move(notes), rows] {
          const auto self = weak.lock();
          if (!self) return;
          for (const auto& warning : notes.warnings) self->log_.warn("{}", warning);
          // It comes by another way than answers of the store to this loop, and so may be late:
          // what ended the pause may have been heard of already.
          if (notes.pause) self->pauses_.reread();
          if (rows) self->rows_added();
        });
      });
}

template <class T, class Work>
void Ledger::Impl::look(Work work, Reply<T> done) {
  auto slot = std::make_shared<T>();
  std::vector<Store::Operation> one;
  one.push_back(
      {[slot, work = std::move(work), terms = terms()](Unit& unit) { *slot = work(unit, terms); },
       [weak = weak_from_this(), slot, done = std::move(done)](Status status) {
         if (weak.expired()) return;
         if (!status) return done(status.error());
         done(std::move(*slot));
       },
       true});
  store_.submit_all(std::move(one));
}

std::function<void(Unit&)> Ledger::Impl::reporting(Spender spender, std::vector<Report> reports,
                                                   std::optional<std::int64_t> day) {
  return [weak = weak_from_this(), &loop = loop_, terms = terms(), spender = std::move(spender),
          reports = std::move(reports), day](Unit& unit) {
    LedgerNotes notes;
    auto who = spender;
    who.repo = repo_for_accounts(unit, spender.repo);
    charge_reports(unit, terms, who, reports, day, notes);
    // Whether it will be committed nobody knows yet; what is read afterwards is.
    loop.post([weak, pauses = notes.pause.has_value(), warnings = std::move(notes.warnings)] {
      const auto self = weak.lock();
      if (!self) return;
      for (const auto& warning : warnings) self->log_.warn("{}", warning);
      self->rows_added();
      if (pauses) self->pauses_.reread();
    });
  };
}

template <class T, class Work>
void Ledger::Impl::ask(Work work, Reply<T> done) {
  if (changing_)
    return behind_change_.push_back([this, work = std::move(work), done] { ask<T>(work, done); });
  if (!budget_)
    return loop_.post([weak = weak_from_this(), done = std::move(done)] {
      if (!weak.expired()) done(no_budget());
    });
  auto terms = this->terms();
  std::optional<DayAnchor> anchor;
  if (kept_day_ != terms.today) anchor = day_.anchor();
  store_.run(
      [work = std::move(work), terms = std::move(terms), anchor](Unit& unit) {
        if (anchor) keep_anchor(unit, *anchor);
        return work(unit, terms);
      },
      [weak = weak_from_this(), anchor, done = std::move(done)](Result<Granted<T>> result) {
        const auto self = weak.lock();
        if (!self) return;
        if (!result) return done(as_unavailable(result.error()));
        if (anchor) self->kept_day(anchor->day);
        auto& granted = result.value();
        self->take_notes(granted.notes);
        if (granted.refusal) return done(Error(*granted.refusal));
        done(std::move(*granted.value));
      });
}

template <class T, class Work>
void Ledger::Impl::insist(Work work, Reply<T> done) {
  if (changing_)
    return behind_change_.push_back(
        [this, work = std::move(work), done] { insist<T>(work, done); });
  store_.run([work, terms = terms()](Unit& unit) { return work(unit, terms); },
             [weak = weak_from_this(), work, done = std::move(done)](Result<Granted<T>> result) {
               const auto self = weak.lock();
               if (!self) return;
               if (result) {
                 self->take_notes(result.value().notes);
                 if (done) done(std::move(*result.value().value));
               } else if (is_store_busy(result.error())) {
                 self->try_again(
                     [self = self.get(), work, done] { self->template insist<T>(work, done); });
               } else if (done) {
                 done(result.error());
               }
             });
}

void Ledger::Impl::try_again(std::function<void()> work) {
  again_.push_back(std::move(work));
  if (again_timer_) return;
  again_timer_ = loop_.after(kTryAgain, [this] {
    again_timer_.cancel();
    for (auto& once_more : std::exchange(again_, {})) once_more();
  });
}

void Ledger::Impl::take_notes(const LedgerNotes& notes) {
  for (const auto& warning : notes.warnings) log_.warn("{}", warning);
  if (notes.pause) pauses_.add(*notes.pause);
}

Ledger::Ledger(Store& store, Loop& loop, const Clock& clock, Log log, std::string host_name,
               std::string boot)
    : impl_(std::make_shared<Impl>(store, loop, clock, std::move(log), std::move(host_name),
                                   std::move(boot))) {
  impl_->open_desk();
}
Ledger::~Ledger() = default;

void Ledger::recover(Reply<Recovery> done) { impl_->recover(std::move(done)); }

void Ledger::set_budget(Budget budget, Reply<Done> done) {
  impl_->set_budget(std::move(budget), std::move(done));
}

void Ledger::withdraw_budget(Reply<Done> done) { impl_->withdraw_budget(std::move(done)); }

const std::optional<Budget>& Ledger::budget() const { return impl_->budget(); }

std::int64_t Ledger::budget_generation() const { return impl_->budget_generation(); }

void Ledger::set_budget_handler(std::function<void()> handler) {
  impl_->set_budget_handler(std::move(handler));
}

void Ledger::reserve(ReserveAsk ask, Reply<ReservationId> done) {
  impl_->ask<ReservationId>(
      [ask = std::move(ask)](Unit& unit, const LedgerTerms& terms) {
        auto now = ask;
        now.spender.repo = repo_for_accounts(unit, ask.spender.repo);
        return grant_reservation(unit, terms, now);
      },
      std::move(done));
}

void Ledger::hold(ReservationId reservation, HoldAsk ask, Reply<Hold> done) {
  impl_->ask<Hold>(
      [reservation, ask = std::move(ask)](Unit& unit, const LedgerTerms& terms) {
        return grant_hold(unit, terms, reservation, ask);
      },
      std::move(done));
}

void Ledger::settle(HoldId hold, Settlement settlement, Reply<Charge> done) {
  impl_->insist<Charge>(
      [hold, settlement = std::move(settlement)](Unit& unit, const LedgerTerms& terms) {
        Granted<Charge> charged;
        charged.value = settle_hold(unit, terms, hold, settlement, charged.notes);
        return charged;
      },
      impl_->with_rows(std::move(done)));
}

void Ledger::charge(ReservationId reservation, Report used, Reply<Charge> done) {
  impl_->insist<Charge>(
      [reservation, used = std::move(used)](Unit& unit, const LedgerTerms& terms) {
        Granted<Charge> charged;
        charged.value = charge_used(unit, terms, reservation, used, charged.notes);
        return charged;
      },
      impl_->with_rows(std::move(done)));
}

void Ledger::drop(HoldId hold, Reply<Done> done) {
  impl_->insist<Done>(
      [hold](Unit& unit, const LedgerTerms& terms) {
        drop_hold(unit, terms, hold);
        return Granted<Done>{Done{}, {}, {}};
      },
      std::move(done));
}

void Ledger::release(ReservationId reservation, Reply<Done> done) {
  impl_->insist<Done>(
      [reservation](Unit& unit, const LedgerTerms& terms) {
        release_reservation(unit, terms, reservation);
        return Granted<Done>{Done{}, {}, {}};
      },
      std::move(done));
}

std::shared_ptr<LedgerDesk> Ledger::desk() const { return impl_->desk(); }

std::function<void(Unit&)> Ledger::reporting(Spender spender, std::vector<Report> reports,
                                             std::optional<std::int64_t> day) {
  return impl_->reporting(std::move(spender), std::move(reports), day);
}

void Ledger::set_rows_handler(std::function<void()> handler) {
  impl_->set_rows_handler(std::move(handler));
}

void Ledger::set_pause_handler(std::function<void()> handler) {
  impl_->pauses().set_handler(std::move(handler));
}

const std::map<std::string, PipelinePause>& Ledger::pauses() const { return impl_->pauses().all(); }

void Ledger::standings(Reply<std::vector<Standing>> done, StandingAsk ask) {
  impl_->look<std::vector<Standing>>(
      [ask = std::move(ask)](Unit& unit, const LedgerTerms& terms) {
        return read_standings(unit, terms, ask);
      },
      std::move(done));
}

void Ledger::own_standings(std::vector<OpenRun> runs, Reply<std::vector<OwnStanding>> done) {
  impl_->look<std::vector<OwnStanding>>(
      [runs = std::move(runs)](Unit& unit, const LedgerTerms& terms) {
        return read_own_standings(unit, terms, runs);
      },
      std::move(done));
}

std::int64_t Ledger::today() const { return impl_->day().today(); }

WallTime Ledger::next_reset() const { return impl_->day().zone().end_of(today()); }

Duration Ledger::clock_shift() const { return impl_->day().shift(); }

void Ledger::accept_clock(Reply<Done> done) { impl_->accept_clock(std::move(done)); }

}  // namespace host
