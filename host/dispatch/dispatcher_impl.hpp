// SPDX-License-Identifier: Apache-2.0
//
// Private to the dispatcher. A step of an item is a chain of calls, each with a Reply; between two
// of them nothing but the item's row in the store is counted on. Replies hold the dispatcher weakly
// and find their item by its id: destroyed, it does nothing any more.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "dispatch/dispatcher.hpp"
#include "dispatch/dispatcher_guard.hpp"
#include "dispatch/dispatcher_outcome.hpp"

namespace host::dispatch {

class Dispatcher::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(DispatchWorld world, Log log, std::int64_t instance, DispatchSettings settings);

  void start(std::shared_ptr<const DispatchRules> rules, Reply<Done> started);
  void set_rules(std::shared_ptr<const DispatchRules> rules);
  void look();
  void look_at(const std::string& repository, std::int64_t number);
  void forge_is_back();
  void budget_changed();
  void renamed(const std::string& from, const std::string& to);
  void dispatch(DispatchOrder order, Reply<Item> reply);
  void preview(DispatchOrder order, Reply<DispatchPreview> reply);
  void cancel(ItemId id, std::string why, Reply<Item> reply);
  void retry(ItemId id, Reply<Item> reply);
  void hand_over(const std::string& from, const std::string& to, const std::string& why,
                 Reply<int> reply);
  [[nodiscard]] std::vector<Item> live() const;
  [[nodiscard]] std::map<std::string, LaneLoad> lanes() const;
  void drain(std::function<void()> done);

 private:
  // An item that has not ended.
  struct Live {
    Item item;                  // as the store has it, and what the step under way found since
    bool busy = false;          // a step, or a write, is under way
    bool in_lane = false;       // it takes one of its lane's places
    bool running = false;       // its agent is at work
    bool started_here = false;  // its run, by this host
    bool verifying = false;     // the host's gates are
    bool reported = false;      // its report may have been begun, also by a host before
    bool for_forge = false;     // it waits for the forge to be back
    bool for_budget = false;    // it waits for a cap to begin anew
    std::string hand_to;        // the lane where it is to go on
    std::string hand_why;
    // Of the step under way:
    std::shared_ptr<const Playbook> playbook;
    std::shared_ptr<const Lane> lane;  // from track on
    Issue issue;
    Workspace workspace;
  };
  using Then = std::function<void(Live&)>;

  // Replies. What throws in a handler fails its item, and nothing else.

  // Whatever came of the call.
  template <class T>
  Reply<T> whatever(const Live& live, std::function<void(Live&, Result<T>)> then) {
    return [weak = weak_from_this(), id = live.item.id, then = std::move(then)](Result<T> result) {
      const auto self = weak.lock();
      if (!self) return;
      const auto found = self->live_.find(id);
      if (found == self->live_.end()) return;
      self->guarded(found->second, [&] { then(found->second, std::move(result)); });
    };
  }
  // The step may be broken off here; an Error makes the item wait, or fails it.
  template <class T>
  Reply<T> need(const Live& live, std::function<void(Live&, T)> then) {
    return whatever<T>(live, [this, then = std::move(then)](Live& at, Result<T> result) {
      if (break_off(at)) return;
      if (!result.ok()) return fall(at, result.error());
      then(at, std::move(result).value());
    });
  }
  void guarded(Live& live, const std::function<void()>& work);
  // Fails it when nothing of its run is left.
  void fail_with_run(Live& live, const std::string& reason);
  // Whether somebody wants the step to end: then it does.
  bool break_off(Live& live);
  void fall(Live& live, const Error& error);

  // Writes.

  // Makes the move with all that was changed in `live.item`, then goes on, or rests.
  void commit(Live& live, Move move, MoveNote note, Then then = {});
  // The same without a move.
  void keep(Live& live, Then then);
  void write(Live& live, std::function<Item(Unit&, WallTime)> work, Then then);
  void wrote(Live& live, const Then& then);
  void take_row(Live& live, Duration pause);
  void write_failed(Live& live, const Error& error, std::function<void(Live&)> again);
  // A step, or its run, was cut short by nobody's will: so often, and then it fails.
  void interrupted(Live& live, std::string reason, std::optional<Json> evidence = {});
  void wait(Live& live, std::string reason, Duration delay, std::optional<Json> evidence = {});
  void ended(Live& live);

  // What is next.

  void pump();
  void pump_now();
  void advance(Live& live);
  void hold(Live& live, const std::string& reason);
  // One whose playbook or lane is gone: its run's end is waited for, and no commits are taken in.
  void stop_unjudged(Live& live, const std::string& why);
  [[nodiscard]] bool has_place(const Lane& lane) const;
  // Why a run that the lane is for may not start now.
  [[nodiscard]] std::optional<std::string> held(const Lane& lane) const;
  void step(Live& live);
  void check_drained();

  // Taking work in.

  void look_now();
  void take_found(FoundIssues found);
  void take_rows(std::vector<Item> rows);
  void take_chosen(const std::string& repository, const std::vector<Issue>& issues, bool whole,
                   const std::vector<Item>& settled);
  void admit(Item item, Reply<Item> reply);
  void reopen(ItemId id, bool by_person, Reply<Item> reply);
  Live& take_up(Item item);
  void watch_running();
  void sweep_pulls();
  void look_at_pulls(std::function<bool(const Item&)> wanted);
  void judge_next_pull();
  void pull_judged(const Item& item, const Result<Publication>& judged);
  [[nodiscard]] Item new_item(const ItemFacts& facts, const Playbook& playbook,
                              std::string source) const;
  void know_login(std::function<void(Status)> then);
  void judge_orders(const DispatchOrder& order, Reply<DispatchPreview> reply);
  [[nodiscard]] DispatchPreview judge_order_on(const DispatchOrder& order,
                                               const Issue& issue) const;
  void prune();

  // The gates.

  // The issue as it is now; the item stops here if that says so.
  void fresh(Live& live, Then then);
  void guard(Live& live, std::function<void(Live&, GuardVerdict)> then);
  [[nodiscard]] ItemWork work_of(const Live& live) const;

  void intake(Live& live);
  void judge_intake(Live& live, GuardVerdict verdict);
  void triage(Live& live);
  void judge_triage(Live& live);
  void route(Live& live);
  void judge_route(Live& live);

  void track(Live& live);
  void prepare(Live& live);
  void prepared(Live& live, Workspace workspace);
  void judge_start(Live& live, GuardVerdict verdict);
  void start_run(Live& live, std::vector<Comment> comments);
  void run_ended(Live& live, Result<RunFacts> facts);
  void not_begun(Live& live, const RunFacts& facts);
  void take_in(Live& live, const RunFacts& facts);
  void judge_run(Live& live, const RunFacts& facts, Result<ImportedWork> work);
  // Of a run that has ended, and whose commits can't be taken in now.
  void stop_with_clone(Live& live, const RunFacts& facts, const std::string& why);
  void apply(Live& live, const Outcome& outcome, Json evidence);

  void verify(Live& live);
  void verify_now(Live& live, const std::vector<GateVisit>& visits);
  void verified(Live& live, Result<WorkVerdict> verdict);

  void report(Live& live);
  void judge_report(Live& live, const GuardVerdict& verdict);
  void seal(Live& live, const std::vector<GateVisit>& visits);
  void sealed(Live& live, std::string commit);
  void push(Live& live);
  void pushed(Live& live, Result<PushedWork> result);
  void open_pull(Live& live, const GuardVerdict& verdict);
  void publish(Live& live);
  void publish_now(Live& live, const std::vector<GateVisit>& visits);
  void published(Live& live, Result<Publication> result);
  // With what the gates before have left.
  void with_visits(Live& live, void (Impl::*then)(Live&, const std::vector<GateVisit>&));
  // Others work on it: the item stops. False: nobody does.
  bool stop_for(Live& live, const GuardVerdict& verdict);

  // The methods above as what comes next.
  template <class... Args>
  auto next(void (Impl::*method)(Live&, Args...)) {
    return std::bind_front(method, this);
  }

  [[nodiscard]] WallTime now() const { return timeline_.now(); }

  DispatchWorld world_;
  Log log_;
  std::int64_t instance_;
  DispatchSettings settings_;
  Timeline timeline_;
  ForgeSearch search_;
  std::shared_ptr<const DispatchRules> rules_ = std::make_shared<DispatchRules>();
  std::string own_login_;
  std::map<ItemId, Live> live_;
  std::set<std::pair<std::string, std::int64_t>> admitting_;  // in lower case
  bool started_ = false;
  bool pumping_ = false;
  std::function<void()> drained_;  // set: draining
  Timer look_timer_, due_timer_;
  std::set<std::shared_ptr<Timer>> retries_;  // of writes
  std::optional<MonotonicTime> pruned_;
  std::optional<MonotonicTime> pulls_swept_;
  std::map<ItemId, Item> pulls_;   // to be judged again
  std::set<ItemId> closed_pulls_;  // of the items, and so nothing more comes of them
  bool judging_pull_ = false;
};

}  // namespace host::dispatch
