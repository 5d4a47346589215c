// SPDX-License-Identifier: Apache-2.0
//
// The admin API's tasks on the database: a check, a backup. One at a time, since each reads all of
// it, and longer than a request may take: who asks is answered after 50 s with {"state":
// "running"}, and asks for the outcome again.
#pragma once

#include <list>
#include <optional>

#include "base/json.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "control/admin_api.hpp"

namespace host {

// Loop thread. Loop and control outlive it.
class DbRoutes {
 public:
  DbRoutes(Loop& loop, HostControl& control) : loop_(&loop), control_(&control) {}

  // POST /v1/db/check {}: {"state": "done", "task": "check"}, or Error{corrupt} with what is wrong.
  void check(Reply<Json> answer);
  // POST /v1/db/backup {"file", "replace"?}: {"state": "done", "task": "backup", "file", "bytes"}.
  // Throws Error{usage} for a wrong request; both answer {conflict} while a task runs.
  void backup(const Json& request, Reply<Json> answer);
  // GET /v1/db/task: the outcome of the last one, once it is there; Error{not_found} if none was.
  void outcome(Reply<Json> answer);

 private:
  struct Waiter {
    Reply<Json> answer;
    Timer limit;
  };
  void begin(const char* task);
  void wait(Reply<Json> answer);
  void done(Result<Json> result);

  Loop* loop_;
  HostControl* control_;
  const char* running_ = nullptr;  // the name of the task
  std::optional<Result<Json>> last_;
  std::list<Waiter> waiters_;
};

}  // namespace host
