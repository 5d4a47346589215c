// SPDX-License-Identifier: Apache-2.0
//
// What an administrator may ask of a running host: HTTP with JSON on a UNIX socket. Reading needs
// the socket's file permission; changing anything also needs the cookie from a file that only this
// user can read and that the cage hides from plugins. Each change is audited with the caller's uid
// and pid.
//
//   GET  /v1/status  /v1/tasks  /v1/plugins  /v1/config
//   GET  /v1/db/task                              what came of the last check or backup
//   POST /v1/db/check     /v1/db/backup           control/db_routes.hpp
//   GET  /v1/jobs?state=&task=&held=1&before=&limit=   newest first
//   GET  /v1/jobs/ID[?wait=SECONDS]               with its attempts; waits for its end if asked
//   GET  /v1/queues
//   GET  /v1/schedules[/TASK]
//   POST /v1/jobs                     {task, payload?, priority?, delay_ms?, unique_key?}
//   POST /v1/jobs/batch   /count   /bulk          control/queue_routes.hpp
//   POST /v1/jobs/ID/cancel           /retry  /discard  /run-now
//   POST /v1/tasks/NAME/pause         /resume; likewise /v1/queues/NAME
//   POST /v1/schedules/TASK/pause     /resume  /run
//   POST /v1/plugins/ID/reset         lifts a quarantine
//   GET  /v1/audit?who=&target=&before=&limit=  what was changed, newest first
//   GET  /v1/webhooks?before=&limit=  deliveries, newest first
//   POST /v1/webhooks/ID/replay       starts anew what it started
//   GET  /v1/tokens/today  /top  /show  /rows         control/token_routes.hpp
//   GET  /v1/budget[/explain?of=]
//   POST /v1/tokens/import            takes in what other programs counted
//   POST /v1/tokens/accept-clock      the wall clock is right: its day is today
//   POST /v1/tokens/runs              a metered run of its own   control/run_routes.hpp
//   POST /v1/tokens/runs/ID/close     ends it: what it was charged
//   GET  /v1/items[/ID[/log]]         work items      control/item_routes.hpp
//   POST /v1/items  /v1/items/ID/cancel  /retry  /v1/continuity
//   POST /v1/reload                   as SIGHUP; answers what came of it
//
// An error is {"error": {"code", "message", "next_step"}} with a status that fits the code.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/file.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/loop.hpp"
#include "base/result.hpp"
#include "control/item_routes.hpp"
#include "control/token_routes.hpp"
#include "http/server.hpp"
#include "queue/queue.hpp"
#include "schedule/scheduler.hpp"

namespace host {

// The header that carries the cookie.
inline constexpr std::string_view kCookieHeader = "x-timmy-cookie";

// What the API asks of the host as a whole. Filled in by app/. Loop thread.
class HostControl {
 public:
  virtual ~HostControl() = default;
  [[nodiscard]] virtual Json status() const = 0;
  [[nodiscard]] virtual Json tasks() const = 0;
  [[nodiscard]] virtual Json plugins() const = 0;
  [[nodiscard]] virtual Json config() const = 0;
  // A job ready for the queue, with what its task's manifest says of retries. Throws
  // Error{not_found} with the nearest name if no plugin has the task, conflict with the reason if
  // it can't run here.
  [[nodiscard]] virtual NewJob new_job(const std::string& task) const = 0;
  // Stops a job that runs; false if it does not run here.
  virtual bool stop_running(JobId job) = 0;
  // {"queues": [{"queue", "concurrency", "paused", "running", "tasks": [{"task", "paused"}]}]}.
  [[nodiscard]] virtual Json queues() const = 0;
  // Throws Error{not_found} with the nearest name if there is no such task or queue.
  virtual void check_pausable(Pausable kind, const std::string& name) const = 0;
  virtual void pauses_changed() = 0;
  virtual void reset_plugin(const std::string& id, Reply<bool> done) = 0;
  // control/webhook_json.hpp has the forms.
  virtual void list_webhooks(std::optional<std::int64_t> before, int limit, Reply<Json> done) = 0;
  virtual void replay_webhook(std::int64_t id, Reply<Json> done) = 0;
  // Answers Error{corrupt} with what is wrong.
  virtual void check_database(Reply<Done> done) = 0;
  // Answers with the copy's size in bytes.
  virtual void back_up_database(const std::filesystem::path& file, bool replace,
                                Reply<std::uint64_t> done) = 0;
  // Throws what keeps the new configuration from being taken; the old one then stays.
  virtual void reload() = 0;
};

class AdminApi {
 public:
  // Listens at once. Writes a new cookie of 32 random bytes to `cookie` (mode 0600). Nothing is
  // owned; all outlive the API. Without `tokens` what is asked of them is {unsupported}. Throws
  // Error.
  AdminApi(boost::asio::io_context& context, Loop& loop, Log log, Store& store, Queue& queue,
           Scheduler& scheduler, HostControl& control, const std::filesystem::path& socket,
           const std::filesystem::path& cookie, std::optional<TokenSources> tokens = std::nullopt);
  ~AdminApi();

  // From now on there are work items; before, what is asked of them is {unsupported}. What `items`
  // names outlives the API.
  void set_items(ItemSources items);

  // A job came to its end: answers who waits for it.
  void job_ended(JobId job);

  // Stops listening; `done` follows when requests under way are answered.
  void stop(std::function<void()> done);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace host
