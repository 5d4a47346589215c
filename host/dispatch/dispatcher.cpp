// SPDX-License-Identifier: Apache-2.0
#include "dispatch/dispatcher.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <tuple>

#include "dispatch/cap_wait.hpp"
#include "dispatch/dispatcher_impl.hpp"
#include "dispatch/dispatcher_refusal.hpp"
#include "dispatch/item_account.hpp"

namespace host::dispatch {
namespace {

struct Kept {
  std::vector<Item> items;
  std::map<ItemId, std::string> cap_waits;  // noted_cap_wait()
  std::set<ItemId> refused;                 // waits_refused()
};

// What a host before had under way is interrupted, and what did that to too many hosts fails.
Kept take_over(Unit& unit, std::int64_t instance, int most, WallTime now) {
  Kept kept;
  for (auto& item : live_items(unit)) {
    if (item.at.state != ItemState::running || item.instance == instance) {
      if (item.due > now) {
        kept.cap_waits.emplace(item.id, noted_cap_wait(unit, item));
        if (waits_refused(item, gate_visits(unit, item.id))) kept.refused.insert(item.id);
      }
      kept.items.push_back(std::move(item));
      continue;
    }
    item.due = now;
    if (++item.interruptions > most) {
      const auto why = fmt::format("{} hosts ended while it was under way", item.interruptions);
      (void)move_item(unit, std::move(item), Move::fail, {.reason = why, .evidence = {}}, now);
    } else {
      kept.items.push_back(move_item(unit, std::move(item), Move::interrupt,
                                     {.reason = "the host ended", .evidence = {}}, now));
    }
  }
  return kept;
}

}  // namespace

Dispatcher::Impl::Impl(DispatchWorld world, Log log, std::int64_t instance,
                       DispatchSettings settings)
    : world_(std::move(world)),
      log_(std::move(log)),
      instance_(instance),
      settings_(settings),
      timeline_(world_.loop.clock()),
      search_(world_.loop, world_.gitea, world_.find_repositories, log_, settings.sweep) {}

void Dispatcher::Impl::start(std::shared_ptr<const DispatchRules> rules, Reply<Done> started) {
  rules_ = std::move(rules);
  world_.store.run([instance = instance_, most = settings_.most_interruptions,
                    at = now()](Unit& unit) { return take_over(unit, instance, most, at); },
                   [weak = weak_from_this(), started = std::move(started)](Result<Kept> kept) {
                     const auto self = weak.lock();
                     if (!self) return;
                     if (!kept.ok()) return started(kept.error());
                     for (auto& item : kept.value().items) {
                       auto& live = self->take_up(std::move(item));
                       live.waits_under = std::move(kept.value().cap_waits[live.item.id]);
                       live.refused = kept.value().refused.contains(live.item.id);
                       live.reported = live.item.at.gate == Gate::report;
                     }
                     self->started_ = true;
                     started(Done{});
                     self->look();
                     self->pump();
                   });
}

void Dispatcher::Impl::set_rules(std::shared_ptr<const DispatchRules> rules) {
  rules_ = std::move(rules);
  search_.forget();
  // Who reloads may have changed what was refused.
  for (auto& [id, live] : live_)
    if (live.refused && !live.busy) live.item.due = now();
  pump();
  if (started_) look();
}

Dispatcher::Impl::Live& Dispatcher::Impl::take_up(Item item) {
  auto& live = live_[item.id];
  live.item = std::move(item);
  return live;
}

void Dispatcher::Impl::guarded(Live& live, const std::function<void()>& work) {
  // `work` may have ended the item, and `live` with it.
  const auto id = live.item.id;
  try {
    work();
  } catch (...) {
    const auto error = current_error();
    log_.error("item {}: {}", id.value(), error.what());
    const auto found = live_.find(id);
    if (found == live_.end()) return;
    if (found->second.running) return fail_with_run(found->second, error.message());
    end_work(found->second, error.message());
    commit(found->second, Move::fail, {.reason = error.message(), .evidence = {}});
  }
}

// Left at work it would go on in a clone that is let go, or beside the run of a retry.
void Dispatcher::Impl::fail_with_run(Live& live, const std::string& reason) {
  live.running = false;
  world_.runs.settle(live.item.run,
                     whatever<RunFacts>(live, [this, reason](Live& at, Result<RunFacts> facts) {
                       if (facts.ok()) at.item.run_open = false;
                       commit(at, Move::fail, {.reason = reason, .evidence = {}});
                     }));
  world_.runs.cancel(live.item.run, reason);
}

void Dispatcher::Impl::end_work(const Live& live, const std::string& why) {
  if (live.preparing) world_.workspaces.cancel(live.item.id, why);
  if (live.running) world_.runs.cancel(live.item.run, why);
  if (live.verifying) world_.verifier.cancel(live.item.id);
}

bool Dispatcher::Impl::break_off(Live& live) {
  if (!live.item.stop.empty()) {
    commit(live, Move::stop, {.reason = live.item.stop, .evidence = {}});
    return true;
  }
  // A run that is open is dealt with before its item goes.
  if (live.hand && !live.item.run_open) {
    is_to_go(live) ? hand_on(live) : stay(live);
    return true;
  }
  if (!drained_) return false;
  interrupted(live, "the host stopped");
  return true;
}

void Dispatcher::Impl::interrupted(Live& live, std::string reason, std::optional<Json> evidence) {
  live.item.due = now();
  const bool too_often = ++live.item.interruptions > settings_.most_interruptions;
  if (too_often) reason += fmt::format("; that was interruption {}", live.item.interruptions);
  commit(live, too_often ? Move::fail : Move::interrupt,
         {.reason = std::move(reason), .evidence = std::move(evidence)});
}

void Dispatcher::Impl::fall(Live& live, const Error& error) {
  if (error.code() == Code::denied) return refused(live, error);
  if (!error.transient()) return commit(live, Move::fail, {.reason = error.what(), .evidence = {}});
  live.for_forge = error.code() == Code::unavailable;
  wait(live, error.message(),
       longer_each_time(settings_.retry_after, live.falls++, settings_.longest_retry));
}

void Dispatcher::Impl::ended(Live& live) {
  const Item item = live.item;
  const bool rearms = live.unfit && item.at.state == ItemState::stopped;
  live_.erase(item.id);
  log_.info("item {}, {} by {}: {} at {}{}{}", item.id.value(), item.subject(), item.playbook,
            name(item.at.state), name(item.at.gate), item.reason.empty() ? "" : ": ", item.reason);
  const auto noted = [log = log_, id = item.id](const char* what) {
    return [log, id, what](Status done) {
      if (!done.ok()) log.warn("item {}: {}: {}", id.value(), what, done.error().what());
    };
  };
  const bool unfinished = item.at.state == ItemState::failed || item.at.state == ItemState::stopped;
  if (unfinished && item.runs > 0) {
    auto text = fmt::format("{}: {}.", item.at.state == ItemState::failed ? "Failed" : "Stopped",
                            item.reason);
    if (!item.head.empty()) text += " The work is kept.";
    world_.reporter.tell(item, std::move(text), noted("nobody could be told of its end"));
  }
  if (!item.base.empty()) world_.workspaces.let_go(item, noted("its clone is kept"));
  // Another playbook may be next.
  if (item.at.state == ItemState::done) look_at(item.repository, item.number);
  if (rearms) rearm(item);
  pump();
  check_drained();
}

void Dispatcher::Impl::pump() {
  if (std::exchange(pumping_, true)) return;
  world_.loop.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->pump_now();
  });
}

void Dispatcher::Impl::pump_now() {
  pumping_ = false;
  if (drained_) return check_drained();
  if (!started_) return;
  const auto rank = [this](const Live* live) {
    const auto* entry = rules_->find(live->item.playbook);
    // What was begun is finished first.
    return std::tuple(live->item.runs == 0, entry ? entry->playbook->priority : 0, live->item.id);
  };
  std::vector<Live*> idle;
  for (auto& [id, live] : live_)
    if (!live.busy) idle.push_back(&live);
  std::sort(idle.begin(), idle.end(),
            [&](const Live* a, const Live* b) { return rank(a) < rank(b); });
  std::optional<WallTime> next;
  const auto at = now();
  for (auto* live : idle) {
    if (live->item.due <= at || !live->item.stop.empty() || caps_changed(*live)) {
      guarded(*live, [&] { advance(*live); });
    } else if (!next || live->item.due < *next) {
      next = live->item.due;
    }
  }
  due_timer_.cancel();
  if (next) due_timer_ = world_.loop.after(*next - at, [this] { pump(); });
}

// Waits for something that is no time: a place, a playbook. Written down once.
void Dispatcher::Impl::hold(Live& live, const std::string& reason) {
  if (live.item.reason == reason) return;
  commit(live, Move::wait, {.reason = reason, .evidence = {}});
}

void Dispatcher::Impl::stop_unjudged(Live& live, const std::string& why) {
  live.item.instance = instance_;
  commit(live, Move::begin, {}, [this, why](Live& begun) {
    begun.running = true;
    world_.runs.settle(begun.item.run,
                       whatever<RunFacts>(begun, [this, why](Live& at, Result<RunFacts> facts) {
                         at.running = false;
                         stop_with_clone(at, facts.ok() ? facts.value() : RunFacts{}, why);
                       }));
  });
}

bool Dispatcher::Impl::has_place(const Lane& lane) const {
  return std::count_if(live_.begin(), live_.end(), [&](const auto& each) {
           return each.second.in_lane && each.second.item.lane == lane.name;
         }) < lane.concurrency;
}

std::string Dispatcher::Impl::caps_of(const Lane* lane) const {
  return caps_in_force(world_.budget_generation ? world_.budget_generation() : 0, lane);
}

bool Dispatcher::Impl::caps_changed(const Live& live) const {
  return !live.waits_under.empty() &&
         live.waits_under != caps_of(rules_->lanes().find(live.item.lane));
}

std::optional<std::string> Dispatcher::Impl::held(const Lane& lane) const {
  return world_.held ? world_.held(pipeline_of(lane)) : std::nullopt;
}

void Dispatcher::Impl::advance(Live& live) {
  const auto& item = live.item;
  const bool begun = item.run_open;
  if (!item.stop.empty() && !begun)
    return commit(live, Move::stop, {.reason = item.stop, .evidence = {}});
  // It stayed as long as its row could not be read.
  if (live.hand && !begun) return hand_on(live);
  const auto hold_or_stop = [&](const std::string& why) {
    return item.stop.empty() ? hold(live, why) : stop_unjudged(live, why);
  };
  const auto* entry = rules_->find(item.playbook);
  if (entry == nullptr)
    return hold_or_stop(
        fmt::format("playbook {} is not there, or its file is wrong", item.playbook));
  if (!entry->enabled && item.at.gate <= Gate::track && !begun)
    return hold(live, fmt::format("playbook {} is off in host.yaml", item.playbook));
  live.lane.reset();
  if (item.at.gate > Gate::route) {
    const auto* lane = rules_->lanes().find(item.lane);
    if (lane == nullptr) return hold_or_stop(fmt::format("there is no lane {}", item.lane));
    live.lane = std::make_shared<const Lane>(*lane);
    if (item.at.gate == Gate::track && !begun)
      if (const auto why = held(*lane)) return hold(live, *why);
    // Who waited at verify has given its place up, and what an agent left is dealt with in any
    // case.
    const bool needs_place =
        (item.at.gate == Gate::track && !begun) || item.at.gate == Gate::verify;
    if (needs_place && !live.in_lane && !has_place(*lane))
      return hold(live, fmt::format("lane {} is full: {} at work", lane->name, lane->concurrency));
    live.in_lane = item.at.gate != Gate::report;
  }
  live.playbook = entry->playbook;
  live.for_forge = live.refused = false;
  live.waits_under.clear();
  live.item.instance = instance_;
  commit(live, Move::begin, {}, [this](Live& at) { step(at); });
}

void Dispatcher::Impl::step(Live& live) {
  switch (live.item.at.gate) {
    case Gate::intake: return intake(live);
    case Gate::triage: return triage(live);
    case Gate::route: return route(live);
    case Gate::track: return track(live);
    case Gate::verify: return verify(live);
    case Gate::report: return report(live);
  }
}

void Dispatcher::Impl::forge_is_back() {
  for (auto& [id, live] : live_)
    if (live.for_forge && !live.busy) live.item.due = now();
  pump();
}

void Dispatcher::Impl::budget_changed() { pump(); }

std::vector<Item> Dispatcher::Impl::live() const {
  std::vector<Item> all;
  for (const auto& [id, live] : live_) all.push_back(live.item);
  return all;
}

std::map<std::string, LaneLoad> Dispatcher::Impl::lanes() const {
  std::map<std::string, LaneLoad> all;
  for (const auto& [name, lane] : rules_->lanes().by_name) all[name];
  for (const auto& [id, live] : live_) {
    if (live.item.lane.empty()) continue;
    auto& load = all[live.item.lane];
    load.busy += live.in_lane;
    const auto [gate, state] = live.item.at;
    load.waiting += state == ItemState::waiting && !live.in_lane &&
                    (gate == Gate::track || gate == Gate::verify);
  }
  return all;
}

void Dispatcher::Impl::drain(std::function<void()> done) {
  drained_ = std::move(done);
  look_timer_.cancel();
  due_timer_.cancel();
  for (const auto& [id, live] : live_) end_work(live, "the host is stopping");
  pump();
}

void Dispatcher::Impl::check_drained() {
  if (!drained_) return;
  if (std::any_of(live_.begin(), live_.end(), [](const auto& each) { return each.second.busy; }))
    return;
  std::exchange(drained_, [] {})();
}

Dispatcher::Dispatcher(DispatchWorld world, Log log, std::int64_t instance,
                       DispatchSettings settings)
    : impl_(std::make_shared<Impl>(std::move(world), std::move(log), instance, settings)) {}
Dispatcher::~Dispatcher() = default;

void Dispatcher::start(std::shared_ptr<const DispatchRules> rules, Reply<Done> started) {
  impl_->start(std::move(rules), std::move(started));
}
void Dispatcher::set_rules(std::shared_ptr<const DispatchRules> rules) {
  impl_->set_rules(std::move(rules));
}
void Dispatcher::look() { impl_->look(); }
void Dispatcher::look_at(const std::string& repository, std::int64_t number) {
  impl_->look_at(repository, number);
}
void Dispatcher::forge_is_back() { impl_->forge_is_back(); }
void Dispatcher::budget_changed() { impl_->budget_changed(); }
void Dispatcher::renamed(const std::string& from, const std::string& to) {
  impl_->renamed(from, to);
}
void Dispatcher::dispatch(DispatchOrder order, Reply<Item> reply) {
  impl_->dispatch(std::move(order), std::move(reply));
}
void Dispatcher::preview(DispatchOrder order, Reply<DispatchPreview> reply) {
  impl_->preview(std::move(order), std::move(reply));
}
void Dispatcher::cancel(ItemId id, std::string why, Reply<Item> reply) {
  impl_->cancel(id, std::move(why), std::move(reply));
}
void Dispatcher::retry(ItemId id, Reply<Item> reply) { impl_->retry(id, std::move(reply)); }
void Dispatcher::hand_over(HandOver order, Reply<int> reply) {
  impl_->hand_over(order, std::move(reply));
}
std::vector<Item> Dispatcher::live() const { return impl_->live(); }
std::map<std::string, LaneLoad> Dispatcher::lanes() const { return impl_->lanes(); }
void Dispatcher::drain(std::function<void()> done) { impl_->drain(std::move(done)); }

}  // namespace host::dispatch
