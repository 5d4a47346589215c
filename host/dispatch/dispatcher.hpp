// SPDX-License-Identifier: Apache-2.0
//
// The dispatcher: looks for work on the forge, and takes each item through its gates. What it does
// next is decided by the item's row in the store, so it can end at any moment: the next one goes on
// from there, and where an effect may have been brought about, looks before it brings it about
// again. Loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.hpp"
#include "base/loop.hpp"
#include "dispatch/dispatcher_outside.hpp"
#include "dispatch/dispatcher_rules.hpp"
#include "dispatch/dispatcher_search.hpp"
#include "dispatch/item_store.hpp"
#include "gitea/gitea.hpp"
#include "store/store.hpp"

namespace host::dispatch {

struct DispatchSettings {
  Duration poll = std::chrono::seconds(30);   // between looks for work
  Duration sweep = std::chrono::minutes(10);  // between looks at all that is open
  // When something failed that may pass; then twice as long each time, up to the longest.
  Duration retry_after = std::chrono::minutes(1);
  Duration longest_retry = std::chrono::minutes(15);
  // When the forge, or the machine, says that the host may not: the same, up to an hour. What is
  // still refused after so long fails.
  Duration longest_refused_retry = std::chrono::hours(1);
  Duration refused_for = std::chrono::hours(24);
  // Of a pull request that is to be merged: what leaves a mark on it or on its issue is seen by the
  // looks for work; checks, once it is approved, and the forge's own rules are not.
  Duration approval_poll = std::chrono::minutes(1);
  Duration approval_sweep = std::chrono::hours(1);
  // A pull request that people merge is judged again at each sweep and event while it is open:
  // those of so long, and the newest so many.
  Duration pull_watch = std::chrono::hours(24 * 14);
  int most_pulls = 100;
  Duration look_again = std::chrono::hours(1);  // at what was declined
  std::size_t most_live = 1'000;                // items
  int most_interruptions = 20;                  // as Item::interruptions
  // After a run that ended because it was rate-limited; then twice as long each time, up to the
  // longest. An item that has had so many pauses fails at its next one.
  Duration rate_limit_pause = std::chrono::minutes(5);
  Duration longest_rate_limit_pause = std::chrono::hours(4);
  int most_rate_limits = 10;
  // Likewise after a run that ended for want of tokens of a cap that begins anew, and waits for
  // that: fails at the next one after so many pauses of either kind.
  int most_cap_pauses = 30;
  ItemRetention retention;
};

// Why no run of a pipeline starts now, for people; nothing: runs start. Loop thread.
using PipelineHold = std::function<std::optional<std::string>(const std::string& pipeline)>;

// All outlive the dispatcher.
struct DispatchWorld {
  Loop& loop;
  Store& store;
  Gitea& gitea;
  Workspaces& workspaces;
  AgentRuns& runs;
  Verifier& verifier;
  Reporter& reporter;
  FindRepositories find_repositories;
  PipelineHold held = {};  // empty: none ever is
  // Ledger::budget_generation(); empty: there is but one.
  std::function<std::int64_t()> budget_generation = {};
};

// Work that somebody asks for.
struct DispatchOrder {
  std::string repository;
  std::int64_t number = 0;
  std::string playbook;  // empty: the one whose matching takes it
  std::string lane;      // empty: as the item's labels and the playbook say
  std::string source;    // Item::source
};

// What would become of one.
struct DispatchPreview {
  ItemFacts facts;
  std::vector<PlaybookVerdict> verdicts;
  std::string playbook;  // that would take it; empty: none
  std::string lane;
  std::vector<std::string> reasons;  // what stands in the way; empty: it would be taken
};

// The agent of a lane is dead: its work is to go on in another one.
struct HandOver {
  std::string from;
  std::string to;
  std::string why;  // for people
  // Called in the unit of work in which an item goes, with the item as it is then: what it writes
  // is on the disk exactly when the item is in its new lane. Store thread. May be left out.
  std::function<void(Unit&, const Item&)> note = {};
};

struct LaneLoad {
  int busy = 0;     // runs and verifications
  int waiting = 0;  // for their turn
};

class Dispatcher {
 public:
  // `instance` is the host's row in `instances`: what another one had under way is interrupted.
  Dispatcher(DispatchWorld world, Log log, std::int64_t instance, DispatchSettings settings = {});
  ~Dispatcher();
  Dispatcher(const Dispatcher&) = delete;
  Dispatcher& operator=(const Dispatcher&) = delete;

  // Takes up what is kept, then looks for work now and again. An Error: the store can't be read.
  void start(std::shared_ptr<const DispatchRules> rules, Reply<Done> started);
  // From now on. What is at work goes on by the limits that it began with.
  void set_rules(std::shared_ptr<const DispatchRules> rules);

  // Looks for work now, whenever it would have.
  void look();
  // Something happened to an issue: it is read again soon.
  void look_at(const std::string& repository, std::int64_t number);
  // The forge can be reached again: what waits for it goes on.
  void forge_is_back();
  // Caps or pauses may be others: what waits for one that is asks again.
  void budget_changed();
  // A repository has a new name.
  void renamed(const std::string& from, const std::string& to);

  // Takes it in; durable when the reply comes. The playbook must be on and meant for the
  // repository; labels, author and assignees may be others than it asks for. Error{not_found},
  // {conflict} when the issue is somebody's already or is closed, {usage} for a playbook or lane
  // that there is none of, or that is off.
  void dispatch(DispatchOrder order, Reply<Item> reply);
  void preview(DispatchOrder order, Reply<DispatchPreview> reply);
  // Has it stopped; a run is ended first, and its work kept. The reply is the item as it is now.
  // Durable. Error{not_found}, {conflict} when it has ended.
  void cancel(ItemId id, std::string why, Reply<Item> reply);
  // Takes one that was declined, failed or stopped from its first gate on, with all attempts, from
  // the work that was kept. It brings no tokens: what its runs have used counts against
  // limits.tokens. Error{not_found}, {conflict}, also where those are spent.
  void retry(ItemId id, Reply<Item> reply);
  // What waits for an agent of the lane or is at work there goes on in the other one, as soon as no
  // step of it and no write is under way; a run is ended first, and its commits are taken in. No
  // attempt is used up. What its agent turns out to be through with by then stays. Replies how many
  // items are on their way now, without those that were already. When this host ends, what has not
  // gone is where it was, and has to be ordered again. Error{usage} for a lane that there is none
  // of, and where both are the same.
  void hand_over(HandOver order, Reply<int> reply);

  // Those that have not ended, oldest first.
  [[nodiscard]] std::vector<Item> live() const;
  [[nodiscard]] std::map<std::string, LaneLoad> lanes() const;

  // Begins nothing any more and ends what runs; all items are kept. `done` is called when nothing
  // is under way.
  void drain(std::function<void()> done);

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace host::dispatch
