// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "services/service.hpp"

namespace host {

class Store;

// What the service asks of the host's dispatcher. Filled in by app/. Loop thread; the answers come
// later, on the loop.
class PlaybookDesk {
 public:
  struct Order {
    std::string playbook;
    std::string repository;
    std::int64_t number = 0;
    std::string source;  // "plugin triage"
  };
  virtual ~PlaybookDesk() = default;
  // The item, as the service gives it; durable. Error{conflict} when it is not taken, with why.
  virtual void dispatch(Order order, Reply<Json> reply) = 0;
  // The same without taking it: {"taken", "reasons"}.
  virtual void preview(Order order, Reply<Json> reply) = 0;
  // Error{not_found}.
  virtual void status(std::int64_t item, Reply<Json> reply) = 0;
};

// playbooks/1: work for agents.
//
//   dispatch {name, repository, issue} -> ITEM    taken in; durable when it returns, whatever
//                                                 becomes of the run. The playbook must be on and
//                                                 meant for the repository; labels don't count.
//                                                 conflict: somebody works on it already
//   status {item} -> ITEM
//
// An ITEM has item (its number), playbook, repository, issue, gate, state, reason, pull (null until
// there is one). States: waiting, running, done, declined, failed, stopped.
//
// `playbooks.dispatch` names the playbooks; items of others are not told either. In a dry run of
// the plugin nothing is taken: item is null, and state says "declined" where it would not have
// been.
//
// Both outlive the service.
[[nodiscard]] std::unique_ptr<Service> make_playbooks_service(PlaybookDesk& desk, Store& store,
                                                              const Clock& clock);

}  // namespace host
