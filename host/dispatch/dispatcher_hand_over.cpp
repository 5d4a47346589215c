// SPDX-License-Identifier: Apache-2.0
//
// A dead agent's work goes on in another lane. Whether an item goes is decided when nothing of it
// is under way, by what the store has of it then: what a step is just writing may take it past its
// agent, or leave it waiting for one.
#include <fmt/format.h>

#include "dispatch/dispatcher_impl.hpp"

namespace host::dispatch {
namespace {

std::string in_words(const HandOver& order) {
  return fmt::format("from lane {} to {}: {}", order.from, order.to, order.why);
}

}  // namespace

void Dispatcher::Impl::hand_over(const HandOver& order, Reply<int> reply) {
  for (const auto& lane : {order.from, order.to})
    if (rules_->lanes().find(lane) == nullptr)
      return reply(
          Error(Code::usage, "there is no lane " + lane, "See timmy-host playbooks list."));
  if (order.from == order.to)
    return reply(Error(Code::usage,
                       fmt::format("lane {} can't hand its work over to itself", order.from),
                       "Name another lane as the one to go to."));
  int count = 0;
  for (auto& [id, live] : live_) {
    const bool on_its_way = live.hand && live.hand->to == order.to;
    if (on_its_way || !live.item.stop.empty() || !live.item.waits_for_agent_of(order.from))
      continue;
    ++count;
    live.hand = order;
    // Nothing of the other kinds is under way while it waits for an agent.
    end_work(live, in_words(order));
    if (!live.busy && !live.item.run_open) hand_on(live);
  }
  // One that waits with its run open goes when that is dealt with.
  pump();
  reply(count);
}

bool Dispatcher::Impl::is_to_go(const Live& live) const {
  return live.item.stop.empty() && live.item.waits_for_agent_of(live.hand->from) &&
         rules_->lanes().find(live.hand->to) != nullptr;
}

void Dispatcher::Impl::hand_on(Live& live, std::optional<Json> evidence) {
  auto item = live.item;
  item.lane = live.hand->to;
  item.due = now();
  // `hand` stays until that is written: an order meanwhile is the same one.
  write(live,
        [item = std::move(item), order = *live.hand, evidence = std::move(evidence)](Unit& unit,
                                                                                     WallTime at) {
          auto gone = move_item(unit, item, Move::wait,
                                {.reason = in_words(order), .evidence = evidence}, at);
          if (order.note) order.note(unit, gone);
          return gone;
        },
        {});
}

void Dispatcher::Impl::stay(Live& live, std::optional<Json> evidence) {
  auto why = fmt::format("it was to go to lane {}, which is gone", live.hand->to);
  live.hand.reset();
  wait(live, std::move(why), {}, std::move(evidence));
}

}  // namespace host::dispatch
