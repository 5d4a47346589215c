// SPDX-License-Identifier: Apache-2.0
//
// The account of all tokens, and the only place that grants any. A run takes a reservation; each
// call inside it takes a hold before a byte of it leaves; the hold is settled with what the call
// used. At every instant, for every cap:
//
//   settled + held + reserved and free <= cap
//
// A call that ends above its hold is an overrun: a row of its own, which shrinks what is left; the
// sum above a cap is never more than that of its overruns and of what tasks report by themselves.
// What is left open by a host that died is charged whole. Each figure is a running total, so no
// check adds rows up. Loop thread; a reply means that it is on the disk.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/boot.hpp"
#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "store/store.hpp"
#include "tokens/day.hpp"
#include "tokens/hold.hpp"
#include "tokens/standing.hpp"

namespace host {

class LedgerDesk;

class Ledger {
 public:
  // Store, loop and clock outlive it. `host_name` is in each row. `boot` names the machine's boot.
  Ledger(Store& store, Loop& loop, const Clock& clock, Log log, std::string host_name,
         std::string boot = this_boot());
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // Once, before anything else: finds the day, takes the last good caps, charges what a host before
  // left open.
  struct Recovery {
    int holds = 0;  // charged whole
    Tokens tokens;  // by these
    bool has_budget = false;
  };
  void recover(Reply<Recovery> done);

  // Caps from when `done` is called, kept in the store for the next start: what is asked until then
  // waits for them. Where there has never been a budget, no reservation is granted. A pause whose
  // cap has changed ends, unless the new one is reached, too.
  void set_budget(Budget budget, Reply<Done> done);
  // The file is gone: no reservation and no hold is granted any more, also after a restart.
  void withdraw_budget(Reply<Done> done);
  [[nodiscard]] const std::optional<Budget>& budget() const;
  // Of what is asked now. Grows, in the same transaction, with each budget that comes into force
  // and, while there is one, each day that is accepted: what was refused under an older one may be
  // granted now. A budget that is withdrawn grants nothing, and so begins none.
  [[nodiscard]] std::int64_t budget_generation() const;
  // Called on the loop when a generation has begun.
  void set_budget_handler(std::function<void()> handler);

  // The Error tells whose fault it is. {invalid}: a cost is capped, and the model that is named has
  // no price. {busy}: a cap, of which others hold what is left for some time. {rate_limited}: a
  // cap, and it is worth waiting until next_reset(); {denied}: a cap, and it isn't. {unavailable}:
  // there is no budget, or the store can't write now. See BudgetRefusal for what is said.
  void reserve(ReserveAsk ask, Reply<ReservationId> done);
  // As reserve(); and {conflict} where the reservation is over.
  void hold(ReservationId reservation, HoldAsk ask, Reply<Hold> done);
  // Once for each hold; a second time is Error{conflict} and changes nothing. This and the next
  // three are tried again for as long as the store can't write, and answered only then: what they
  // are about is not lost.
  void settle(HoldId hold, Settlement settlement, Reply<Charge> done);
  // A call inside the reservation that was made without the host: held and settled in one, and so
  // never half known. No cap refuses it, nor that there is no budget: what there is no room for is
  // an overrun. {conflict} where the reservation is over.
  void charge(ReservationId reservation, Report used, Reply<Charge> done);
  // The call never left: nothing is charged, and no row written.
  void drop(HoldId hold, Reply<Done> done);
  // The run is over: what is free goes back. Open holds stay until they are settled. A second time
  // changes nothing.
  void release(ReservationId reservation, Reply<Done> done);

  // For hold(), settle() and drop() of other threads: the same caps, decided at the same place. It
  // may be kept, but nothing be asked of it once this has gone.
  [[nodiscard]] std::shared_ptr<LedgerDesk> desk() const;

  // What a task says that it used without the host's seeing it, in the transaction of its
  // completion: made on the loop, called on the store thread. Only what exceeds what the host has
  // metered for the same run counts, so once for each run, with all that it reports. Without a day
  // it is that of the run's reservation, if one is still open, else today.
  [[nodiscard]] std::function<void(Unit&)> reporting(Spender spender, std::vector<Report> reports,
                                                     std::optional<std::int64_t> day = {});

  // Called on the loop when rows may have been added, some milliseconds before they are on the disk
  // where they come with a run's end.
  void set_rows_handler(std::function<void()> handler);

  // Called on the loop whenever a pause begins or ends.
  void set_pause_handler(std::function<void()> handler);
  [[nodiscard]] const std::map<std::string, PipelinePause>& pauses() const;

  // Of each cap, over what it says by name, over what there are accounts of today, over the issues
  // and runs that are being worked on, and over what is asked for.
  void standings(Reply<std::vector<Standing>> done, StandingAsk ask = {});
  // Of the caps that runs have of their own, as Meter::runs() tells them.
  void own_standings(std::vector<OpenRun> runs, Reply<std::vector<OwnStanding>> done);

  // The present day and when it ends, as the day's clock goes (tokens/day.hpp): it follows
  // CLOCK_BOOTTIME within a boot, so a clock that is set renews nothing.
  [[nodiscard]] std::int64_t today() const;
  [[nodiscard]] WallTime next_reset() const;
  // How far the wall clock is ahead of the day's.
  [[nodiscard]] Duration clock_shift() const;
  // The operator's word that the wall clock is right: its day is today, and pauses end.
  void accept_clock(Reply<Done> done);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host
