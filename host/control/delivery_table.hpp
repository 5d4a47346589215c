// SPDX-License-Identifier: Apache-2.0
//
// The deliveries of webhooks that were believed, and the jobs that they started. A row is found
// again by its body, which is all that the forge's signature covers: neither a new delivery id nor
// a new day makes a second job of the same bytes. Store thread, inside a unit of work.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "gitea/webhook.hpp"
#include "queue/job.hpp"

namespace host {

class Unit;

// How long a delivery is remembered, and how many at most, the newest.
inline constexpr Duration kDeliveryMemory = std::chrono::hours(24 * 7);
inline constexpr std::int64_t kDeliveriesMost = 250'000;

struct Delivery {
  std::int64_t id = 0;
  WallTime received{};
  std::string uuid;       // as the forge named it; unsigned
  std::string body_hash;  // SHA-256, hexadecimal
  ForgeEvent event;
  std::vector<JobId> jobs;   // those that it started, or that waited for the same object already
  std::int64_t repeats = 0;  // how often the same body came again
};

// What became of one.
struct Taken {
  std::int64_t id = 0;     // the delivery's, or of the one with the same body
  bool duplicate = false;  // that was there already; nothing was inserted
  std::vector<Inserted> jobs;
};

// Inserts the jobs that an event starts. One that joins a job which waits for later (in back-off,
// snoozed) makes that one due now.
[[nodiscard]] std::vector<Inserted> insert_event_jobs(Unit& unit, const std::vector<NewJob>& jobs,
                                                      WallTime now);

// Records a delivery and inserts its jobs, in one transaction, unless its body is remembered.
// Forgets a few that are too old on the way. `at` is the wall clock, `now` the queue's timeline.
Taken take_delivery(Unit& unit, const Delivery& delivery, const std::vector<NewJob>& jobs,
                    WallTime now);

// Newest first, by keyset: `before` is the last id of the page before.
std::vector<Delivery> list_deliveries(Unit& unit, std::optional<std::int64_t> before, int limit);

// Throws Error{not_found}.
Delivery find_delivery(Unit& unit, std::int64_t id);

// Jobs that a delivery started when it was replayed.
void add_delivery_jobs(Unit& unit, std::int64_t id, const std::vector<Inserted>& jobs);

}  // namespace host
