// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/clock.hpp"
#include "base/log.hpp"
#include "services/service.hpp"

namespace host {

class Gitea;
class Store;

// gitea/1: the host's forge, with the host's token.
//
//   whoami {} -> {login, id}                          any gitea.read or gitea.write
//   version {} -> {version}                           any gitea.read or gitea.write
//   list_repos {owner} -> {repos: [...]}              gitea.read; only those that it covers
//   list_issues {repo, state?, since?} -> {issues}    gitea.read
//   get_issue {repo, number} -> {issue fields}        gitea.read
//   list_labels {repo} -> {labels: [names]}           gitea.read
//   add_labels {repo, number, labels} -> {labels}     gitea.write; what the issue carries then
//
// A write commits an intent before it goes out, fenced by the run's lease, and its result and an
// audit line after; so a host that dies in between knows what it may have done.
// All that it is given outlives the service.
[[nodiscard]] std::unique_ptr<Service> make_gitea_service(Gitea& gitea, Store& store,
                                                          const Clock& clock);

// At start, and when the forge is back: looks at what runs that are over (those of a host that
// died) may have written, reads it back from the forge, and closes those intents with what was
// found. One that the forge can't be asked about now is left open: ask again, and until then let no
// run that writes there begin.
struct ResolvedIntents {
  int closed = 0;
  int open = 0;  // left for the next time
};
void resolve_intents(Gitea& gitea, Store& store, const Clock& clock, Log log,
                     Reply<ResolvedIntents> done);

}  // namespace host
