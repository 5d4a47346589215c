// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace bench {

// host.idle_anon and host.idle_pss: memory of a host that has nothing to do.
void idle(bool json);

// host.ready_100k: a start with 100,000 jobs waiting, after a kill.
void ready_100k(bool json);

// catalogue.list_100: `timmy-host --list-tasks` with 100 plugins of 1 MB, warm.
void list_100(bool json);

}  // namespace bench
