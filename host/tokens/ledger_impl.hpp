// SPDX-License-Identifier: Apache-2.0
//
// What the ledger keeps on its loop: what is gone by (caps, day, generation), who waits while that
// changes, and what the store could not write yet. Private to the ledger. ledger_change.cpp has the
// changes of what is gone by, ledger.cpp what is asked and settled by it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tokens/ledger.hpp"
#include "tokens/ledger_desk.hpp"
#include "tokens/ledger_terms.hpp"
#include "tokens/pause_watch.hpp"

namespace host {

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
  // What only looks: answered, too, while nothing can be stored.
  template <class T, class Work>
  void look(Work work, Reply<T> done);
  [[nodiscard]] std::function<void(Unit&)> reporting(Spender spender, std::vector<Report> reports,
                                                     std::optional<std::int64_t> day);

  // What asks for tokens. This, the next and look() are of ledger.cpp alone.
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

}  // namespace host
