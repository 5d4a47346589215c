// SPDX-License-Identifier: Apache-2.0
//
// The SQL of what is open: reservations, and the holds inside them. A row goes when it is over.
// Store thread.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "store/unit.hpp"
#include "tokens/hold.hpp"

namespace host {

struct OpenReservation {
  ReservationId id;
  WallTime at;
  std::int64_t day = 0;  // also of its holds and of their rows
  Spender spender;
  std::optional<ModelName> model;
  Tokens free;            // reserved, and not held
  bool released = false;  // and kept for the holds that are still open
};

struct OpenHold {
  HoldId id;
  ReservationId reservation;
  ModelName model;
  Tokens input;
  Tokens output;
  Tokens from_free;  // of the reservation; the rest was asked for anew
  Cost cost;         // the most that it can cost; 0 without a price
  [[nodiscard]] Tokens total() const { return input + output; }
};

// The id is given by the table.
[[nodiscard]] ReservationId insert_reservation(Unit& unit, const OpenReservation& reservation);
[[nodiscard]] std::optional<OpenReservation> find_reservation(Unit& unit, ReservationId id);
void set_free(Unit& unit, ReservationId id, Tokens free);
// Its issue is of that repository, by name. Touches no account.
void set_repo(Unit& unit, ReservationId id, std::string_view repo);
// Nothing of it is free any more. Erases it, unless holds are open.
void end_reservation(Unit& unit, ReservationId id);

[[nodiscard]] HoldId insert_hold(Unit& unit, const OpenHold& hold, std::int64_t day, WallTime now);
[[nodiscard]] std::optional<OpenHold> find_hold(Unit& unit, HoldId id);
void erase_hold(Unit& unit, HoldId id);

// All that are open, oldest first.
[[nodiscard]] std::vector<HoldId> open_holds(Unit& unit);
[[nodiscard]] std::vector<OpenReservation> open_reservations(Unit& unit);
// The day of the newest open reservation of this run.
[[nodiscard]] std::optional<std::int64_t> reserved_day(Unit& unit, const std::string& run);

}  // namespace host
