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

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "store/store.hpp"
#include "tokens/budget.hpp"
#include "tokens/spender.hpp"
#include "tokens/usage.hpp"

namespace host {

using ReservationId = Id<struct ReservationTag>;
using HoldId = Id<struct HoldTag>;

// A cap that keeps something from being granted. Thrown and replied as an Error whose code is
// rate_limited where waiting helps (WhenReached::queue_until_reset, and pause) and denied where it
// does not; the message says which cap, how much of it is left, and when it begins anew.
class BudgetRefusal : public Error {
 public:
  BudgetRefusal(Dimension dimension, std::string name, WhenReached when, std::string message,
                std::string next_step, std::optional<WallTime> reset);
  Dimension dimension;
  std::string name;
  WhenReached when;
  std::optional<WallTime> reset;  // of caps that begin anew
};

struct ReserveAsk {
  Spender spender;
  Tokens tokens;                   // as many as the run may use; 0: none ahead, each hold asks anew
  std::optional<ModelName> model;  // where it is known that there is only one
};

struct HoldAsk {
  ModelName model;
  Tokens input;         // no call of this size can take more
  Tokens output;        // as many as asked for
  Tokens least_output;  // as few as would do: the hold may be lowered down to this
};
struct Hold {
  HoldId id;
  Tokens input;
  Tokens output;  // what was granted; at most what was asked for
};

// How a call ended.
struct Settlement {
  std::optional<TokenUsage> usage;  // nothing: unknown, and the hold is charged
  UsageSource source = UsageSource::meter;
  bool bypassable = false;  // the spender could have reached the model without the host
};
struct Charge {
  std::int64_t row = 0;  // of the ledger
  TokenUsage usage;
  std::optional<Cost> cost;
  Tokens overrun;  // above the hold
};

// A cap, and how it stands.
struct Standing {
  Dimension dimension = Dimension::day;
  std::string name;
  Cap cap;
  Tokens settled, held, reserved;  // reserved: and not held
  std::int64_t runs = 0;
  Cost cost_settled, cost_held;
  Tokens overrun;
  std::optional<WallTime> reset;
  [[nodiscard]] Tokens left() const;  // of the cap's tokens; 0 at least
  [[nodiscard]] bool reached() const;
  [[nodiscard]] bool warned() const;
};

// A pipeline none of whose tasks starts now.
struct PipelinePause {
  std::string pipeline;
  std::string cause;  // "the cap of 500000 tokens a day on pipeline \"nightly\" is reached"
  WallTime since;
  WallTime until;
};

class Ledger {
 public:
  // Store, loop and clock outlive it. `host_name` is in each row.
  Ledger(Store& store, Loop& loop, const Clock& clock, Log log, std::string host_name);
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

  // Caps from now on, kept in the store for the next start. Where there has never been a budget, no
  // reservation is granted.
  void set_budget(Budget budget, Reply<Done> done);
  [[nodiscard]] const std::optional<Budget>& budget() const;

  // Error is BudgetRefusal, or {unavailable} without any budget.
  void reserve(ReserveAsk ask, Reply<ReservationId> done);
  // As reserve(); and {invalid} where a cost is capped and the model has no price.
  void hold(ReservationId reservation, HoldAsk ask, Reply<Hold> done);
  // Once for each hold; a second time is Error{conflict} and changes nothing.
  void settle(HoldId hold, Settlement settlement, Reply<Charge> done);
  // The call never left: nothing is charged, and no row written.
  void drop(HoldId hold, Reply<Done> done);
  // The run is over: what is free goes back. Open holds stay until they are settled.
  void release(ReservationId reservation, Reply<Done> done);

  // What a task says that it used without the host's seeing it. In the transaction of its
  // completion: store thread. Only what exceeds what the host has metered for the same run counts.
  [[nodiscard]] std::function<void(Unit&)> reporting(Spender spender, ModelName model,
                                                     TokenUsage usage);

  // Called on the loop whenever a pause begins or ends.
  void set_pause_handler(std::function<void()> handler);
  [[nodiscard]] const std::map<std::string, PipelinePause>& pauses() const;

  void standings(Reply<std::vector<Standing>> done);

  // Whose the present day is, and when it ends. Follows CLOCK_BOOTTIME within a boot: a clock that
  // is set renews nothing.
  [[nodiscard]] WallTime next_reset() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host
