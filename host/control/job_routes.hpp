// SPDX-License-Identifier: Apache-2.0
//
// What the admin API tells of single jobs and does with them: /v1/jobs and /v1/jobs/ID. Those of
// many at once: control/queue_routes.hpp.
#pragma once

#include <map>
#include <string>

#include "base/loop.hpp"
#include "control/admin_api.hpp"
#include "control/respond.hpp"

namespace host {

// Loop thread. All outlive it.
class JobRoutes {
 public:
  JobRoutes(Loop& loop, Queue& queue, HostControl& control)
      : loop_(&loop), queue_(&queue), control_(&control) {}

  // GET /v1/jobs?state=&task=&held=1&before=&limit=
  void list(const ServerRequest& request, Respond respond);
  // GET /v1/jobs/ID[?wait=SECONDS]
  void show(const ServerRequest& request, Respond respond);
  // A job came to its end: answers who waits for it.
  void ended(JobId job);
  // Answers all who wait.
  void stop();

  // Of a change; each is given to the queue as a reply, audited or not.
  [[nodiscard]] Reply<std::vector<Inserted>> answer_enqueued(Respond respond) const;
  [[nodiscard]] Reply<Cancelled> answer_cancelled(JobId id, Respond respond);
  [[nodiscard]] Reply<Job> answer_changed(JobId id, Respond respond);

 private:
  struct Waiter {
    Respond respond;
    Timer timeout;
  };
  void tell(JobId id, Respond respond);

  Loop* loop_;
  Queue* queue_;
  HostControl* control_;
  std::multimap<JobId, Waiter> waiters_;
};

}  // namespace host
