// SPDX-License-Identifier: Apache-2.0
//
// The tables `items`, `item_gates` and `item_claims`. Each change of an item is one unit of work:
// its row, its visit to the gate, and the claim, which is there exactly while the item lives. Store
// thread, inside a unit of work.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dispatch/item.hpp"

namespace host {
class Unit;
}

namespace host::dispatch {

// Takes an issue in: the row, and the claim on (repository, number), which is unique whatever the
// playbook, and compared without case. Throws Error{conflict} naming the item that has it. What an
// earlier item of the issue pushed to the same branch is this one's as well.
[[nodiscard]] Item insert_item(Unit& unit, Item item, WallTime now);
// The same with nothing written: throws where that would, and says what is this one's as well.
[[nodiscard]] Item would_insert_item(Unit& unit, Item item);

// What goes with a move.
struct MoveNote {
  std::string reason;            // for people; cut at kReasonBytes
  std::optional<Json> evidence;  // of the visit; nothing: as it was
};
// Makes a move and keeps what else changed in `item`, whose position and revision must be the
// row's. Throws Error{stale} when they are not, {internal} for a move that after() forbids,
// {conflict} when it is to be reopened and another item has the claim. Returns it as it is then.
[[nodiscard]] Item move_item(Unit& unit, Item item, Move move, const MoveNote& note, WallTime now);
// The same without a move.
[[nodiscard]] Item save_item(Unit& unit, Item item, WallTime now);

// Somebody wants it stopped: kept until it is, whatever step is under way. Throws Error{not_found},
// and {conflict} when it has ended.
[[nodiscard]] Item ask_stop(Unit& unit, ItemId id, const std::string& reason);

[[nodiscard]] std::optional<Item> find_item(Unit& unit, ItemId id);
// Throws Error{not_found}.
[[nodiscard]] Item read_item(Unit& unit, ItemId id);
// Those that have not ended, oldest first.
[[nodiscard]] std::vector<Item> live_items(Unit& unit);
// Whose the issue is; nothing: nobody's.
[[nodiscard]] std::optional<ItemId> claim_on(Unit& unit, const std::string& repository,
                                             std::int64_t number);
// Those of a repository that have ended and are not rearmed, newest first; with a number, only
// those of that issue.
[[nodiscard]] std::vector<Item> settled_items(Unit& unit, const std::string& repository,
                                              std::optional<std::int64_t> number = {});
// Those that ended with a pull request, not before `since`; the newest `limit` of them.
[[nodiscard]] std::vector<Item> reported_items(Unit& unit, WallTime since, int limit);
void rearm_items(Unit& unit, const std::vector<ItemId>& items);

struct ItemFilter {
  std::optional<ItemState> state;
  bool live = false;  // only those that have not ended
  std::string repository;
  std::optional<std::int64_t> number;
  std::string playbook;
  std::optional<ItemId> before;  // the last one of the page before
  int limit = 50;                // 1 to 500
};
// Newest first.
[[nodiscard]] std::vector<Item> list_items(Unit& unit, const ItemFilter& filter);
// Oldest first.
[[nodiscard]] std::vector<GateVisit> gate_visits(Unit& unit, ItemId id);

// Work that is at the forge: each item of that issue that had it is done.
struct PublishedWork {
  std::string repository;
  std::string branch;
  std::int64_t repository_id = 0;  // as Item
};
[[nodiscard]] std::vector<PublishedWork> published_work(Unit& unit);

// What is kept of items that have ended. One that is not rearmed says that its issue was worked on,
// so it stays longer.
struct ItemRetention {
  Duration visits = std::chrono::hours(24 * 30);
  Duration rearmed = std::chrono::hours(24 * 90);
  Duration settled = std::chrono::hours(24 * 730);
  std::int64_t most = 50'000;  // items that have ended, the newest
};
// Forgets a few that are too old, `limit` at most. How many.
int prune_items(Unit& unit, const ItemRetention& retention, WallTime now, int limit = 100);

// A repository has a new name. An item whose issue is claimed under the new name already keeps its
// own.
void rename_items(Unit& unit, const std::string& from, const std::string& to);
// The same of the repository that the forge knows by that id, under whatever name its items are.
// Nothing may have told of it: the forge sends nobody on by a name that another repository has
// taken. Whether any item has a new name by this. With id 0 nothing is done.
[[nodiscard]] bool follow_repository(Unit& unit, std::int64_t id, const std::string& name);

}  // namespace host::dispatch
