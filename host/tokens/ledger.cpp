// SPDX-License-Identifier: Apache-2.0
#include "tokens/ledger.hpp"

#include <algorithm>
#include <deque>
#include <utility>

#include "tokens/granting.hpp"
#include "tokens/kept_settings.hpp"
#include "tokens/ledger_desk.hpp"
#include "tokens/ledger_start.hpp"
#include "tokens/pause_table.hpp"
#include "tokens/pause_watch.hpp"
#include "tokens/settling.hpp"

namespace host {
namespace {

constexpr Duration kTryAgain = std::chrono::seconds(1);
// By how much a clock may be corrected without a word.
constexpr Duration kShiftToTell = std::chrono::minutes(10);

Error no_budget() {
  return {Code::unavailable, "there is no budget, so no tokens are granted",
          "Write one to token_budget.json."};
}

}  // namespace

class Ledger::Impl : public std::enable_shared_from_this<Ledger::Impl> {
 public:
  Impl(Store& store, Loop& loop, const Clock& clock, Log log, std::string host_name,
       std::string boot)
      : store_(store),
        loop_(loop),
        clock_(clock),
        log_(std::move(log)),
        host_name_(std::move(host_name)),
        boot_(std::move(boot)),
        day_(clock_, boot_, std::nullopt) {}

  void open_desk();
  void recover(Reply<Recovery> done);
  void set_budget(Budget budget, Reply<Done> done);
  void withdraw_budget(Reply<Done> done);
  void accept_clock(Reply<Done> done);
  void standings(Reply<std::vector<Standing>> done);
  [[nodiscard]] std::function<void(Unit&)> reporting(Spender spender, std::vector<Report> reports,
                                                     std::optional<std::int64_t> day);

  // What asks for tokens.
  template <class T, class Work>
  void ask(Work work, Reply<T> done);
  // What ends something, and must not be lost.
  template <class T, class Work>
  void insist(Work work, Reply<T> done);

  [[nodiscard]] const std::optional<Budget>& budget() const { return budget_; }
  [[nodiscard]] std::int64_t budget_generation() const { return budget_generation_; }
  void set_budget_handler(std::function<void()> handler) { budget_handler_ = std::move(handler); }
  [[nodiscard]] DayClock& day() { return day_; }
  [[nodiscard]] const std::shared_ptr<LedgerDesk>& desk() const { return desk_; }
  [[nodiscard]] PauseWatch& pauses() { return pauses_; }
  void set_rows_handler(std::function<void()> handler) { rows_handler_ = std::move(handler); }
  void rows_added() const {
    if (rows_handler_) rows_handler_();
  }
  // The reply to what adds rows.
  [[nodiscard]] Reply<Charge> with_rows(Reply<Charge> done) {
    return [weak = weak_from_this(), done = std::move(done)](Result<Charge> charge) {
      if (const auto self = weak.lock()) self->rows_added();
      if (done) done(std::move(charge));
    };
  }

 private:
  // What a change of the budget, or of its day, leaves in the store.
  struct Changed {
    std::int64_t generation = 0;
    std::map<std::string, PipelinePause> pauses;
  };

  [[nodiscard]] LedgerTerms terms();
  void take_budget(std::optional<Budget> budget);
  void take_day(const DayClock& day);
  void kept_day(std::int64_t day);
  void publish();
  // A change of what is gone by. From begin_change() on nothing more reaches the store by the old
  // terms; what is asked waits until end_change().
  void begin_change();
  void end_change();
  void begun(Changed changed);
  void warn_of_clock() const;
  void take_notes(const LedgerNotes& notes);
  void try_again(std::function<void()> work);

  Store& store_;
  Loop& loop_;
  const Clock& clock_;
  Log log_;
  std::string host_name_;
  std::string boot_;
  DayClock day_;
  std::optional<std::int64_t> kept_day_;  // in the store
  std::optional<Budget> budget_;
  std::int64_t budget_generation_ = 0;
  std::function<void()> budget_handler_;
  std::shared_ptr<const Budget> shared_budget_ = std::make_shared<const Budget>();
  PauseWatch pauses_{store_, loop_, day_, log_};
  std::shared_ptr<LedgerDesk> desk_;
  std::function<void()> rows_handler_;
  bool changing_ = false;
  std::deque<std::function<void()>> behind_change_;
  std::vector<std::function<void()>> again_;
  Timer again_timer_;
};

LedgerTerms Ledger::Impl::terms() {
  return {shared_budget_, day_.zone(),   host_name_,        day_.today(),
          day_.now(),     clock_.wall(), budget_generation_};
}

void Ledger::Impl::take_budget(std::optional<Budget> budget) {
  budget_ = std::move(budget);
  shared_budget_ = std::make_shared<const Budget>(budget_.value_or(Budget()));
  if (budget_) day_.set_zone(BudgetZone::load(budget_->zone));
  publish();
}

void Ledger::Impl::take_day(const DayClock& day) {
  day_ = day;
  kept_day(day.anchor().day);
}

void Ledger::Impl::kept_day(std::int64_t day) {
  kept_day_ = day;
  publish();
}

void Ledger::Impl::publish() {
  if (budget_ && kept_day_ && !changing_)
    desk_->open(shared_budget_, budget_generation_, day_, *kept_day_);
  else
    desk_->close();
}

void Ledger::Impl::begin_change() {
  changing_ = true;
  publish();
}

void Ledger::Impl::end_change() {
  changing_ = false;
  while (!changing_ && !behind_change_.empty()) {
    const auto next = std::move(behind_change_.front());
    behind_change_.pop_front();
    next();
  }
  publish();
}

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

void Ledger::Impl::begun(Changed changed) {
  const bool news = changed.generation != std::exchange(budget_generation_, changed.generation);
  pauses_.take(std::move(changed.pauses));
  if (news && budget_handler_) budget_handler_();
}

void Ledger::Impl::recover(Reply<Recovery> done) {
  store_.run([&clock = clock_, boot = boot_,
              terms = terms()](Unit& unit) { return start_ledger(unit, clock, boot, terms); },
             [weak = weak_from_this(), done = std::move(done)](Result<LedgerStart> result) {
               const auto self = weak.lock();
               if (!self) return;
               if (!result) return done(result.error());
               auto& start = result.value();
               if (!start.budget_fault.empty())
                 self->log_.error("the kept budget is of no use, no tokens are granted: {}",
                                  start.budget_fault);
               self->budget_generation_ = start.budget_generation;
               self->take_day(DayClock(self->clock_, self->boot_, start.anchor));
               self->take_budget(std::move(start.budget));
               self->pauses_.take(std::move(start.pauses));
               self->warn_of_clock();
               if (start.charged.holds > 0)
                 self->log_.warn("{} calls were open when the host before ended: {} tokens charged",
                                 start.charged.holds, start.charged.tokens.count());
               done(Recovery{start.charged.holds, start.charged.tokens, self->budget_.has_value()});
             });
}

void Ledger::Impl::warn_of_clock() const {
  const auto shift = day_.shift();
  if (std::chrono::abs(shift) < kShiftToTell) return;
  log_.warn(
      "the clock was set {} by {} in this boot; days of the budget go on as before, until "
      "the clock is accepted",
      shift > Duration::zero() ? "forwards" : "backwards",
      format_duration(std::chrono::abs(shift)));
}

void Ledger::Impl::set_budget(Budget budget, Reply<Done> done) {
  if (changing_)
    return behind_change_.push_back(
        [this, budget = std::move(budget), done] { set_budget(budget, done); });
  if (budget_ == budget)
    return loop_.post([weak = weak_from_this(), done = std::move(done)] {
      if (!weak.expired()) done(Done{});
    });
  const auto zone = attempt([&] { return BudgetZone::load(budget.zone); });
  if (!zone)
    return loop_.post([weak = weak_from_this(), done = std::move(done), error = zone.error()] {
      if (!weak.expired()) done(error);
    });
  auto fresh = std::make_shared<const Budget>(std::move(budget));
  begin_change();
  store_.run(
      [old = shared_budget_, fresh, terms = terms()](Unit& unit) {
        keep_budget(unit, *fresh);
        end_pauses_that_changed(unit, *old, *fresh, terms.today);
        return Changed{begin_budget_generation(unit), read_pauses_of_pipelines(unit)};
      },
      [weak = weak_from_this(), fresh, done = std::move(done)](Result<Changed> changed) {
        const auto self = weak.lock();
        if (!self) return;
        if (changed) {
          self->take_budget(*fresh);
          self->begun(std::move(changed.value()));
        }
        self->end_change();
        done(changed ? Status(Done{}) : Status(changed.error()));
      });
}

void Ledger::Impl::withdraw_budget(Reply<Done> done) {
  if (changing_) return behind_change_.push_back([this, done] { withdraw_budget(done); });
  begin_change();
  store_.run([](Unit& unit) { forget_budget(unit); },
             [weak = weak_from_this(), done = std::move(done)](Status status) {
               const auto self = weak.lock();
               if (!self) return;
               if (status) self->take_budget(std::nullopt);
               self->end_change();
               done(std::move(status));
             });
}

void Ledger::Impl::accept_clock(Reply<Done> done) {
  if (changing_) return behind_change_.push_back([this, done] { accept_clock(done); });
  begin_change();
  auto day = day_;
  day.accept();
  store_.run(
      [anchor = day.anchor(), granting = budget_.has_value()](Unit& unit) {
        keep_anchor(unit, anchor);
        unit.run("DELETE FROM token_pauses");
        return Changed{granting ? begin_budget_generation(unit) : read_budget_generation(unit), {}};
      },
      [weak = weak_from_this(), day, done = std::move(done)](Result<Changed> changed) {
        const auto self = weak.lock();
        if (!self) return;
        if (changed) {
          self->take_day(day);
          self->begun(std::move(changed.value()));
        }
        self->end_change();
        done(changed ? Status(Done{}) : Status(changed.error()));
      });
}

void Ledger::Impl::standings(Reply<std::vector<Standing>> done) {
  auto slot = std::make_shared<std::vector<Standing>>();
  std::vector<Store::Operation> one;
  one.push_back({[slot, terms = terms()](Unit& unit) { *slot = read_standings(unit, terms); },
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
    charge_reports(unit, terms, spender, reports, day, notes);
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
        return grant_reservation(unit, terms, ask);
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

void Ledger::standings(Reply<std::vector<Standing>> done) { impl_->standings(std::move(done)); }

std::int64_t Ledger::today() const { return impl_->day().today(); }

WallTime Ledger::next_reset() const { return impl_->day().zone().end_of(today()); }

Duration Ledger::clock_shift() const { return impl_->day().shift(); }

void Ledger::accept_clock(Reply<Done> done) { impl_->accept_clock(std::move(done)); }

}  // namespace host
