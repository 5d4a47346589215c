// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "services/service.hpp"

namespace host {

class Queue;
class Store;

// A task that runs on this host.
struct KnownTask {
  std::string plugin;
  NewJob prototype;  // with what its manifest says of retries and keys
};

// jobs/1: more work for the queue.
//
//   enqueue {task, payload?, priority?, delay_ms?, unique_key?, unique_window_ms?,
//   concurrency_key?}
//       -> {id, duplicate}      durable when it returns, whatever becomes of the run
//   follow  {the same, when?}
//       -> {}                   inserted in the transaction that ends this job: on "success" (the
//                               default), on "failure" (no attempt is left), or "always"
//   progress {percent?, text?}
//       -> {}                   shown by `jobs show` while the run lasts
//
// A plugin may always enqueue its own tasks; others need the grant jobs.enqueue: [task]. Payloads
// are at most 256 KiB.
[[nodiscard]] std::unique_ptr<Service> make_jobs_service(
    Queue& queue, Store& store,
    std::function<std::optional<KnownTask>(const std::string& task)> find_task);

}  // namespace host
