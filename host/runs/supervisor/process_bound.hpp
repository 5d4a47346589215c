// SPDX-License-Identifier: Apache-2.0
//
// What keeps a run's processes few where no cgroup does: by the kernel, so that a fork bomb stays
// small also while its supervisor does not run.
#pragma once

#include "runs/run.hpp"

namespace host::runs::supervisor {

// RLIMIT_NPROC of this process and what it starts: `processes` and threads, and the run's first
// process besides. The kernel counts them for each user in each user namespace: for a process in
// one of the run's own. Tries it with a fork, since root is bound by none. The only thread of the
// process, with all signals as they are by default. Throws what setrlimit() refuses.
[[nodiscard]] InForce::Layer bound_by_user_namespace(int processes);

// pid_max of this process's pid namespace, which binds root, too, and is 300 above `processes`: the
// kernel takes no lower one. `proc`: an open /proc whose kernel settings may be written.
[[nodiscard]] InForce::Layer bound_by_pid_namespace(int proc, int processes);

}  // namespace host::runs::supervisor
