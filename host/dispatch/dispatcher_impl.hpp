// SPDX-License-Identifier: Apache-2.0
//
// Private to the dispatcher. A step of an item is a chain of calls, each with a Reply; between two
// of them nothing but the item's row in the store is counted on. Replies hold the dispatcher weakly
// and find their item by its id: destroyed, it does nothing any more.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
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
  void hand_over(const HandOver& order, Reply<int> reply);
  [[nodiscard]] std::vector<Item> live() const;
  [[nodiscard]] std::map<std::string, LaneLoad> lanes() const;
  void drain(std::function<void()> done);

 private:
  // An item that has not ended.
  struct Live {
    Item item;                  // as the store has it, and what the step under way found since
    bool busy = false;          // a step, or a write, is under way
    bool in_lane = false;       // it takes one of its lane's places
    bool goes_on = false;       // its last move has a step of it follow at once
    bool preparing = false;     // its workspace is being made and set up
    bool running = false;       // its agent is at work
    bool started_here = false;  // its run, by this host
    bool verifying = false;     // the host's gates are
    bool reported = false;      // its report may have been begun, also by a host before
    bool for_forge = false;     // it waits for the forge to be back
    std::string caps;           // that its run began under; empty: another host's run
    std::string waits_under;    // caps that it was refused by and waits for; empty: for none
    bool unfit = false;         // its playbook would not find it when it was found to be stopped
    bool refused = false;       // it waits for somebody to give the host a permission
    int falls = 0;              // failures that may pass, one after another
    // Of its issue and its pull request, when its last look at them began; what changed since.
    std::optional<WallTime> issue_seen, pull_seen;
    bool changed = false;
    // The look before that saw the same. A mark is a second's: more may come within it.
    bool settled = false;
    // To another lane, as soon as no step and no write is under way. Only while it waits for an
    // agent of HandOver::from, by what the store has of it.
    std::optional<HandOver> hand;
    // Of the step under way:
    std::shared_ptr<const Playbook> playbook;
    std::shared_ptr<const Lane> lane;  // from track on
    Issue issue;
    Workspace workspace;
  };
  using Then = std::function<void(Live&)>;
  // It takes no step by itself for long.
  [[nodiscard]] static bool at_work(const Live& live) {
    return live.preparing || live.running || live.verifying;
  }
  // Its pull request is open, and people say what becomes of it.
  [[nodiscard]] static bool waits_for_people(const Live& live) {
    return live.item.at.gate == Gate::report && live.item.pull != 0;
  }

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
  // Whatever is at work for it for long ends soon.
  void end_work(const Live& live, const std::string& why);
  // Whether somebody wants the step to end: then it does.
  bool break_off(Live& live);
  void fall(Live& live, const Error& error);
  // The host may not, until somebody changes that: so long, and then it fails.
  void refused(Live& live, const Error& error);
  void judge_refusal(Live& live, const Error& error, const std::vector<GateVisit>& visits);

  // Writes.

  // Makes the move with all that was changed in `live.item`, then goes on, or rests.
  void commit(Live& live, Move move, MoveNote note, Then then = {});
  // The same without a move.
  void keep(Live& live, Then then);
  void write(Live& live, std::function<Item(Unit&, WallTime)> work, Then then);
  void wrote(Live& live, const Then& then);
  // Nothing of it is under way any more. Its place is kept for a step that follows at once.
  void rest(Live& live);
  void rearm(const Item& item);
  void take_row(Live& live, Duration pause);
  void write_failed(Live& live, const Error& error, std::function<void(Live&)> again);
  // A step, or its run, was cut short by nobody's will: so often, and then it fails.
  void interrupted(Live& live, std::string reason, std::optional<Json> evidence = {});
  void wait(Live& live, std::string reason, Duration delay, std::optional<Json> evidence = {});
  // From its next wait on it waits for a cap; with the evidence of that.
  void note_cap(Live& live, Json& evidence);
  void ended(Live& live);
  // Whether `hand` still holds for it.
  [[nodiscard]] bool is_to_go(const Live& live) const;
  // It goes to its other lane, and that is noted, in one unit. REQUIRES: hand, no run that is open
  void hand_on(Live& live, std::optional<Json> evidence = {});
  // It stays where it is after all, since its other lane is gone: at no cost. REQUIRES: the same
  void stay(Live& live, std::optional<Json> evidence = {});

  // What is next.

  void pump();
  void pump_now();
  void advance(Live& live);
  void hold(Live& live, const std::string& reason);
  // One whose playbook or lane is gone: its run's end is waited for, and no commits are taken in.
  void stop_unjudged(Live& live, const std::string& why);
  [[nodiscard]] bool has_place(const Lane& lane) const;
  // As caps_in_force(), by the budget as it is now.
  [[nodiscard]] std::string caps_of(const Lane* lane) const;
  // Whether it has to be tried anew, since the caps that it waits for are others by now.
  [[nodiscard]] bool caps_changed(const Live& live) const;
  // Why a run that the lane is for may not start now.
  [[nodiscard]] std::optional<std::string> held(const Lane& lane) const;
  void step(Live& live);
  void check_drained();

  // What people do meanwhile.

  // Of the issues and pull requests that were just read.
  void reconcile(const FoundIssues& found);
  void reconcile_work(Live& live, const Issue* issue, bool whole);
  void reconcile_waiting(Live& live, const Issue* issue, const Issue* pull, bool whole);
  // The issues of those at work that were not among these: repositories, and whether their pull
  // requests were read.
  void watch_others(const std::map<std::string, bool>& read);
  void ask_about(const Live& live);
  void heard_of(Live& live, const Issue& issue);
  [[nodiscard]] std::set<std::string> repositories_of_waiting_pulls() const;

  // Taking work in.

  void look_now();
  void take_found(FoundIssues found);
  void take_rows(std::vector<Item> rows);
  void take_chosen(const std::string& repository, const std::vector<Issue>& issues, bool whole,
                   const std::vector<Item>& settled);
  void admit(Item item, Reply<Item> reply);
  void reopen(ItemId id, bool by_person, Reply<Item> reply);
  Live& take_up(Item item);
  void sweep_pulls();
  void look_at_pulls(std::function<bool(const Item&)> wanted);
  void judge_next_pull();
  void pull_judged(const Item& item, const Result<Publication>& judged);
  [[nodiscard]] Item new_item(const ItemFacts& facts, const Playbook& playbook,
                              std::string source) const;
  void know_login(std::function<void(Status)> then);
  void judge_orders(const DispatchOrder& order, Reply<DispatchPreview> reply);
  void preview_guard(const Item& item, DispatchPreview seen, const Reply<DispatchPreview>& reply);
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
  // Once all that the item has used is known.
  void spent(Live& live, const RunFacts& facts, const Result<std::int64_t>& tokens);
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
  // The issue and the pull request, before people's word on it is looked for.
  void look_at_own_pull(Live& live);
  void judge_own_pull(Live& live, const std::string& why, Result<PullRequest> pull);
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
  // How long that is from now, by the clock that people see and budgets tell.
  [[nodiscard]] Duration until(WallTime wall) const { return wall - world_.loop.clock().wall(); }

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
