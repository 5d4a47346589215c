// SPDX-License-Identifier: Apache-2.0
#include "app/installation.hpp"

#include "base/error.hpp"

namespace host {

Installation Installation::find() {
  namespace fs = std::filesystem;
  Installation found;
  found.program = fs::read_symlink("/proc/self/exe");
  const fs::path folder = found.program.parent_path();
  if (fs::exists(folder / "timmy-worker")) {
    found.worker = folder / "timmy-worker";
    found.supervisor = folder / "timmy-supervisor";
    found.plugins = folder.parent_path() / "plugins";
    found.playbooks = folder.parent_path() / "playbooks";
    return found;
  }
  found.worker = (folder / TIMMY_WORKER_FROM_BIN).lexically_normal();
  found.supervisor = found.worker.parent_path() / "timmy-supervisor";
  found.plugins = (folder / TIMMY_PLUGINS_FROM_BIN).lexically_normal();
  found.playbooks = (folder / TIMMY_PLAYBOOKS_FROM_BIN).lexically_normal();
  if (!fs::exists(found.worker))
    throw Error(
        Code::not_found,
        "no timmy-worker beside " + found.program.string() + " nor at " + found.worker.string(),
        "Install timmy-host as a whole, with cmake --install or its package.");
  return found;
}

}  // namespace host
