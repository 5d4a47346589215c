// SPDX-License-Identifier: Apache-2.0
//
// What a plugin may ask the host for while one of its jobs runs. A service is named "gitea/1": what
// it is and its revision; a changed service gets a new revision, and both are served. Its methods
// take and give JSON objects. Each checks the plugin's grants before it does anything.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/ids.hpp"
#include "base/json.hpp"
#include "base/result.hpp"
#include "plugins/grants.hpp"
#include "plugins/write_terms.hpp"
#include "queue/job.hpp"
#include "tokens/hold.hpp"

namespace host {

class Unit;

// The budget at the moment at which something is asked for: as long as it is the same, and no cap
// begins anew, what is refused would be again.
struct BudgetMoment {
  std::int64_t generation = 0;  // Ledger::budget_generation
  WallTime renews;              // when the caps begin anew, by the wall clock
};

// One run of a job, as the services see it. Lives from the moment the job is handed to a worker
// until it has ended. Loop thread.
struct RunContext {
  RunId run;
  std::string plugin;
  std::string task;
  std::string key;  // the job's idempotency key
  Grants grants;
  WriteTerms writes;
  int written = 0;               // writes that it asked for and was allowed, by any service
  bool refused_writing = false;  // that it reached its cap is in the audit
  int looks = 0;                 // of process/1

  // Jobs that follow this one, in the transaction of its end, when it ends in the way that each
  // names.
  std::vector<Follower> followers;
  // Values of state/1 that join the transaction of its completion and are dropped when it fails,
  // crashes or turns out stale; null removes a key. A run reads its own.
  std::map<std::string, Json> staged_state;
  std::size_t staged_bytes = 0;  // of all that is staged, see count_staged()

  // Outside systems that a call of this run found unreachable ("gitea"). A run that then fails is
  // not charged an attempt when its task waits for that system.
  std::set<std::string> unreachable;
  bool forge_asked_to_wait = false;  // a call got a 429: a run that then fails waits at no cost

  int attempt = 0;
  std::string pipeline;                   // whose budget its tokens count for
  std::optional<IssueName> issue;         // likewise: that which the job is about
  bool bypassable = false;                // it could reach a model without the host
  std::optional<std::int64_t> token_day;  // of its first reservation: its reports are of it, too
  std::vector<Report> reports;            // what it said that it used; charged however it ends
  std::set<ReservationId> reservations;   // open ones of its own; released at its end
  std::optional<BudgetMoment> refused;    // by a cap that begins anew: it may wait at no cost

  // What gives up the calls that are under way, by numbers that nobody else has. Called when the
  // run is over.
  std::map<std::uint64_t, std::function<void()>> give_up;
  std::uint64_t last_call = 0;  // of these numbers

  bool begun = false;        // its code is being called; before that it has no business here
  bool over = false;         // the door is closed: what comes now nobody takes
  bool tokens_held = false;  // others held what its budget has left: it may wait shortly at no cost
};

class Service {
 public:
  virtual ~Service() = default;
  // "gitea/1".
  [[nodiscard]] virtual std::string_view id() const = 0;
  // The reply may come at once or later, on the loop, exactly once. `method` is the part after the
  // dot. Throws (or replies) Error{usage} for an unknown method or missing parameter, not_granted
  // where the operator has not granted it.
  virtual void call(const std::shared_ptr<RunContext>& run, std::string_view method,
                    const Json& params, Reply<Json> reply) = 0;
};

// Who a run is in the audit: "plugin triage, job 7 of close_stale".
[[nodiscard]] std::string audited_as(const RunContext& run);

// Throws Error{not_granted} naming the grant, the value and the lines of host.yaml that add it,
// unless the run's plugin holds the grant for `value` (a repository, "host:port", a task name).
void require_grant(const RunContext& run, std::string_view grant, std::string_view value);

// Adds to what the run has staged. Throws Error{too_large} past 16 MiB or 10,000 writes: the host
// holds them in memory until the run ends.
void count_staged(RunContext& run, std::size_t bytes);

// A parameter of a call, or of a request to the admin API, of the given JSON type. Absent and null
// are the same: the fallback. Throws Error{usage} naming the parameter and what it must be.
// Without a fallback an absent or empty text is refused.
[[nodiscard]] std::string text_parameter(const Json& params, std::string_view name);
[[nodiscard]] std::string text_parameter(const Json& params, std::string_view name,
                                         std::string_view fallback);
[[nodiscard]] std::int64_t number_parameter(
    const Json& params, std::string_view name, std::int64_t fallback,
    std::int64_t least = std::numeric_limits<std::int64_t>::min(),
    std::int64_t most = std::numeric_limits<std::int64_t>::max());
// One that has to be there, and counts something: from 1.
[[nodiscard]] std::int64_t needed_number(const Json& params, std::string_view name);
// {} when absent.
[[nodiscard]] Json object_parameter(const Json& params, std::string_view name);
// Milliseconds from 0 to ten years.
[[nodiscard]] Duration milliseconds_parameter(const Json& params, std::string_view name,
                                              std::chrono::milliseconds fallback);

}  // namespace host
