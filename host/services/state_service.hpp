// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/clock.hpp"
#include "services/service.hpp"

namespace host {

class Store;
class Unit;

// state/1: a plugin's durable keys and values, its own and nobody else's.
//
//   get {key} -> {value}          null if there is none; a run reads its own writes
//   put {key, value} -> {}        counts only if the run completes: joins that transaction
//   put_now {key, value} -> {}    durable when it returns, whatever becomes of the run
//   list {prefix} -> {keys}       at most 1,000, sorted; with this run's writes
//
// A null value removes the key. Keys are 1 to 256 bytes, values at most 64 KiB as JSON text.
[[nodiscard]] std::unique_ptr<Service> make_state_service(Store& store, const Clock& clock);

// What a run put: for the transaction of its completion. Store thread.
void write_staged_state(Unit& unit, const std::string& plugin,
                        const std::map<std::string, Json>& values, WallTime now);

}  // namespace host
