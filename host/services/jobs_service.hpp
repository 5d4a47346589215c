// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "services/service.hpp"

namespace host {

class Queue;
class Store;

// jobs/1: more work for the queue.
//
//   enqueue {task, payload?, priority?, delay_ms?, unique_key?, unique_window_ms?}
//       -> {id, duplicate}      durable when it returns, whatever becomes of the run
//   follow  {the same}
//       -> {}                   inserted in the transaction of this run's completion, or not at all
//   progress {percent?, text?}
//       -> {}                   shown by `jobs show` while the run lasts
//
// A plugin may always enqueue its own tasks; others need the grant jobs.enqueue: [task]. Payloads
// are at most 256 KiB.
[[nodiscard]] std::unique_ptr<Service> make_jobs_service(
    Queue& queue, Store& store, std::function<std::string(const std::string& task)> plugin_of_task);

}  // namespace host
