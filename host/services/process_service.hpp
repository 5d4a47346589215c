// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "deadman/watchman.hpp"
#include "services/service.hpp"

namespace host {

// What the service asks of the host's deadman. Filled in by app/. Loop thread; the answers come
// later, on the loop.
class DeadmanDesk {
 public:
  virtual ~DeadmanDesk() = default;
  virtual void survey(bool dry_run, Reply<deadman::Survey> reply) = 0;
  // Fills in `order.tasks` itself. Error{rate_limited} when too many wait already.
  virtual void look(deadman::LookOrder order, Reply<deadman::Looked> reply) = 0;
  // How a watch that was read by survey() stands now.
  [[nodiscard]] virtual deadman::Moment now() const = 0;
  [[nodiscard]] virtual std::string host_name() const = 0;
};

// process/1: the watches of deadman.yaml, and looks at them.
//
//   watches {} -> {host, dry_run, watches: [WATCH]}
//   look {name, sign?} -> WATCH, and `records`: what the look led to
//
// A WATCH has its name, what it watches and how it stands (deadman/standing.hpp), for work at the
// forge `work`: {repositories, user}, its last records as `history`, and `withheld`: why a restart
// that deadman.yaml declares is not this plugin's to have; "" when it is. No text of a command.
//
// `sign` is for work at the forge alone: {kind: "there", mark}, {kind: "missing"} or
// {kind: "untrusted", mark: why}. Everything else the host looks at itself, so that no plugin can
// keep it alive or have it killed.
//
// `process.watch` names what a plugin may look at; others are left out. Only with `process.restart`
// for the name a look restarts; without it a death is flagged and told. In a dry run of the plugin,
// as in one of deadman.yaml, nothing is run.
//
// A run looks 200 times at most; what is more is refused as rate_limited.
//
// `desk` outlives the service.
[[nodiscard]] std::unique_ptr<Service> make_process_service(DeadmanDesk& desk);

}  // namespace host
