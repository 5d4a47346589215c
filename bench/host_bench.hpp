// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "figure.hpp"

namespace bench {

// host.idle_anon, host.idle_pss and host.idle_wakeups: a host that has nothing to do. Over two
// minutes.
void idle(const Output& output);

// host.ready_100k: a start with 100,000 jobs waiting, after a kill.
void ready_100k(const Output& output);

// workers.orphan_end: how long workers outlive a host that is killed.
void orphan_end(const Output& output);

// queue.enqueue_batch: jobs from a file into a running host.
void enqueue_batch(const Output& output);

// catalogue.list_100: `timmy-host --list-tasks` with 100 plugins of 1 MB, warm.
void list_100(const Output& output);

}  // namespace bench
