// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "services/service.hpp"

namespace host {

class Gitea;
class Store;

// gitea/1: the host's forge, with the host's token.
//
// docs/services.md has its methods, with their parameters and grants. Reading takes gitea.read for
// the repository, writing gitea.write, merging gitea.merge; what is told of teams, gitea.read for
// anything of the organisation's.
//
// A write commits an intent before it goes out, fenced by the run's lease, and its result and an
// audit line after; so a host that dies in between knows what it may have done. Comments and
// reviews carry a marker made of the job's key: a job that is run again does not write them twice.
// A run makes so many writes as its terms say; the next is refused as too_large, which is audited
// once a run. In a dry run a write is only rehearsed: logged, audited as not sent, and answered as
// far as the forge tells, with "dry_run": true.
// All that it is given outlives the service. `written` is told what each write that got through was
// on, such as "org/app#7": no webhook tells the host of what it did itself before that is known.
[[nodiscard]] std::unique_ptr<Service> make_gitea_service(
    Gitea& gitea, Store& store, const Clock& clock, Log log,
    std::function<void(const std::string& target)> written = nullptr);

// At start, and when the forge is back: looks at what runs that are over (those of a host that
// died) may have written, reads it back from the forge, and closes those intents with what was
// found. One that the forge can't be asked about now is left open: ask again, and until then let no
// run that writes there begin. `last`: it was asked often enough. Then what it answers with an
// error for, while it answers otherwise, is closed as what a person has to look at: one object that
// can't be read, ever, must not hold back all jobs.
struct ResolvedIntents {
  int closed = 0;
  int open = 0;            // left for the next time
  std::string first_open;  // of these, "gitea/1.add_labels on org/app#7"
};
void resolve_intents(Gitea& gitea, Store& store, const Clock& clock, Log log, bool last,
                     Reply<ResolvedIntents> done);

}  // namespace host
