// SPDX-License-Identifier: Apache-2.0
//
// Pull requests that people merge. Their item has ended when they approve one, so its quality gate
// is judged again here, as long as it is open: no lane and no claim is held for that.
#include <algorithm>

#include "dispatch/dispatcher_facts.hpp"
#include "dispatch/dispatcher_impl.hpp"

namespace host::dispatch {

void Dispatcher::Impl::sweep_pulls() {
  const auto at = world_.loop.clock().monotonic();
  if (pulls_swept_ && at - *pulls_swept_ < settings_.sweep) return;
  pulls_swept_ = at;
  look_at_pulls([](const Item&) { return true; });
}

void Dispatcher::Impl::look_at_pulls(std::function<bool(const Item&)> wanted) {
  world_.store.run(
      [since = now() - settings_.pull_watch, most = settings_.most_pulls](Unit& unit) {
        return reported_items(unit, since, most);
      },
      [weak = weak_from_this(), wanted = std::move(wanted)](Result<std::vector<Item>> items) {
        const auto self = weak.lock();
        if (!self || !items.ok()) return;
        for (auto& item : items.value())
          if (wanted(item) && !self->closed_pulls_.contains(item.id))
            self->pulls_.insert_or_assign(item.id, std::move(item));
        self->judge_next_pull();
      });
}

// One after another: it is no hurry, and each is some questions to the forge.
void Dispatcher::Impl::judge_next_pull() {
  while (!judging_pull_ && !pulls_.empty() && !drained_) {
    auto item = std::move(pulls_.extract(pulls_.begin()).mapped());
    const auto* entry = rules_->find(item.playbook);
    // What the host merges is looked at before its item ends.
    if (entry == nullptr || entry->playbook->report.merge) continue;
    judging_pull_ = true;
    world_.store.run([id = item.id](Unit& unit) { return gate_visits(unit, id); },
                     [weak = weak_from_this(), item = std::move(item),
                      playbook = entry->playbook](Result<std::vector<GateVisit>> visits) {
                       const auto self = weak.lock();
                       if (!self) return;
                       const auto order = attempt([&] {
                         ItemWork work;
                         work.item = item;
                         work.playbook = playbook;
                         const auto& all = visits.value();
                         return ReportOrder{std::move(work), last_run(all), last_verdict(all)};
                       });
                       if (!order.ok()) return self->pull_judged(item, order.error());
                       self->world_.reporter.publish(order.value(),
                                                     [weak, item](Result<Publication> judged) {
                                                       if (const auto still = weak.lock())
                                                         still->pull_judged(item, judged);
                                                     });
                     });
  }
}

void Dispatcher::Impl::pull_judged(const Item& item, const Result<Publication>& judged) {
  judging_pull_ = false;
  if (!judged.ok())
    log_.debug("pull request {} of item {} can't be judged now: {}", item.pull, item.id.value(),
               judged.error().message());
  else if (!judged.value().open)
    closed_pulls_.insert(item.id);
  judge_next_pull();
}

}  // namespace host::dispatch
