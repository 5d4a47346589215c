// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bench {

// host.idle_anon, host.idle_pss and host.idle_wakeups: a host that has nothing to do. Over two
// minutes.
void idle(bool json);

// host.ready_100k: a start with 100,000 jobs waiting, after a kill.
void ready_100k(bool json);

// queue.enqueue_batch: jobs from a file into a running host.
void enqueue_batch(bool json);

// catalogue.list_100: `timmy-host --list-tasks` with 100 plugins of 1 MB, warm.
void list_100(bool json);

}  // namespace bench
