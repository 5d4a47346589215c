// SPDX-License-Identifier: Apache-2.0
//
// The changes of what the ledger goes by: its start, other caps, another day.
#include <utility>

#include "tokens/kept_settings.hpp"
#include "tokens/ledger_impl.hpp"
#include "tokens/ledger_start.hpp"
#include "tokens/pause_table.hpp"

namespace host {
namespace {

// By how much a clock may be corrected without a word.
constexpr Duration kShiftToTell = std::chrono::minutes(10);

}  // namespace

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

}  // namespace host
