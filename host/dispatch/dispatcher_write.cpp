// SPDX-License-Identifier: Apache-2.0
//
// How an item's row changes: what is not on the disk has not happened.
#include <utility>

#include "dispatch/cap_wait.hpp"
#include "dispatch/dispatcher_impl.hpp"

namespace host::dispatch {
namespace {

constexpr Duration kWriteAgain = std::chrono::seconds(5);

}  // namespace

void Dispatcher::Impl::wait(Live& live, std::string reason, Duration delay,
                            std::optional<Json> evidence) {
  live.item.due = now() + delay;
  commit(live, Move::wait, {.reason = std::move(reason), .evidence = std::move(evidence)});
}

// Of another host's run it is not known what refused it: then it asks again at once.
void Dispatcher::Impl::note_cap(Live& live, Json& evidence) {
  live.waits_under = live.caps.empty() ? "not known" : live.caps;
  note_cap_wait(evidence, live.waits_under);
}

void Dispatcher::Impl::commit(Live& live, Move move, MoveNote note, Then then) {
  if (move == Move::pass) live.falls = 0;
  live.goes_on = move == Move::pass || move == Move::send_back;
  write(
      live,
      [item = live.item, move, note = std::move(note)](Unit& unit, WallTime at) {
        return move_item(unit, item, move, note, at);
      },
      std::move(then));
}

void Dispatcher::Impl::keep(Live& live, Then then) {
  write(
      live, [item = live.item](Unit& unit, WallTime at) { return save_item(unit, item, at); },
      std::move(then));
}

void Dispatcher::Impl::write(Live& live, std::function<Item(Unit&, WallTime)> work, Then then) {
  live.busy = true;
  world_.store.run(
      [work, at = now()](Unit& unit) { return work(unit, at); },
      whatever<Item>(live, [this, work, then = std::move(then)](Live& at, Result<Item> item) {
        if (!item.ok())
          return write_failed(at, item.error(),
                              [this, work, then](Live& again) { write(again, work, then); });
        // Somebody may have asked for it while the write was on its way.
        auto stop = std::move(at.item.stop);
        at.item = std::move(item).value();
        if (at.item.stop.empty()) at.item.stop = std::move(stop);
        wrote(at, then);
      }));
}

void Dispatcher::Impl::wrote(Live& live, const Then& then) {
  if (!live.item.live()) return ended(live);
  // It may have been asked for while the write was on its way; what counts is what it is now.
  if (live.hand && !is_to_go(live)) live.hand.reset();
  if (live.item.at.state == ItemState::waiting) {
    rest(live);
    // What people did while it was being written came too late for what it says.
    if (waits_for_people(live) && live.changed) live.item.due = now();
    if (live.hand && !live.item.run_open) return hand_on(live);
    pump();
  }
  if (then) then(live);
}

void Dispatcher::Impl::rest(Live& live) {
  live.busy = false;
  live.preparing = live.running = live.verifying = false;
  const auto gate = live.item.at.gate;
  const bool at_once = std::exchange(live.goes_on, false) && live.item.due <= now();
  // Said of a stop that did not come about, it would be taken for what the next one is for.
  if (live.item.stop.empty()) live.unfit = false;
  if (!at_once || (gate != Gate::track && gate != Gate::verify)) live.in_lane = false;
}

// What is not on the disk has not happened: the item stays where it is until it can be written.
void Dispatcher::Impl::write_failed(Live& live, const Error& error,
                                    std::function<void(Live&)> again) {
  // Its repository has another name by now, and nothing else: that holds nobody up.
  if (error.code() == Code::stale) return take_row(live, {});
  log_.warn("item {} can't be written: {}", live.item.id.value(), error.what());
  const auto id = live.item.id;
  const bool passes = error.transient();
  auto timer = std::make_shared<Timer>();
  *timer = world_.loop.after(kWriteAgain, [weak = weak_from_this(), id, passes,
                                           again = std::move(again), raw = std::weak_ptr(timer)] {
    const auto self = weak.lock();
    if (!self) return;
    if (const auto held = raw.lock()) self->retries_.erase(held);
    const auto found = self->live_.find(id);
    if (found == self->live_.end()) return;
    if (passes) return self->guarded(found->second, [&] { again(found->second); });
    // Whoever ordered it does so again.
    found->second.hand.reset();
    self->take_row(found->second, self->settings_.retry_after);
  });
  retries_.insert(std::move(timer));
}

// The row is another than was thought: the row is right.
void Dispatcher::Impl::take_row(Live& live, Duration pause) {
  world_.store.run([id = live.item.id](Unit& unit) { return read_item(unit, id); },
                   whatever<Item>(live, [this, pause](Live& at, Result<Item> row) {
                     // As long as it can't be read nothing is known of it.
                     const auto wait = row.ok() ? pause : settings_.retry_after;
                     if (row.ok()) at.item = std::move(row).value(), at.unfit = false;
                     if (!at.item.live()) return ended(at);
                     at.item.due = now() + wait;
                     if (at.item.at.state == ItemState::running)
                       return commit(at, Move::interrupt,
                                     {.reason = "it was changed meanwhile", .evidence = {}});
                     // The step that was to follow does not.
                     at.goes_on = false;
                     rest(at);
                     if (at.hand && !is_to_go(at)) at.hand.reset();
                     if (row.ok() && at.hand && !at.item.run_open) return hand_on(at);
                     pump();
                   }));
}

}  // namespace host::dispatch
