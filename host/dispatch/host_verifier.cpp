// SPDX-License-Identifier: Apache-2.0
#include "dispatch/host_verifier.hpp"

#include "base/error.hpp"
#include "dispatch/item_account.hpp"
#include "dispatch/verify.hpp"
#include "dispatch/verify_clone.hpp"

namespace host::dispatch {
namespace {

// Blocks. `stop` ends its git, `cage` what it runs besides.
WorkVerdict verify_item(const VerifyWorld& world, const ItemWork& work, const ForgeAccess& access,
                        const ItemAccount& account, const ModelRoutes& routes,
                        const std::shared_ptr<const StopLine>& stop, ItemCage& cage) {
  const auto& item = work.item;
  const auto git = world.git.git().stopped_by(stop);
  const auto mirror = world.git.mirror_of(item, git);
  // The base as it is now: what was merged meanwhile counts.
  fetch(mirror, access);
  const auto head = commit_named(item.head);
  const VerifyClone fresh(world.git.clones(), mirror, work_item(item), item.branch,
                          item.base_branch, head);
  const VerifyRequest request{.playbook = work.playbook.get(),
                              .lane = work.lane.get(),
                              .mirror = &mirror,
                              .repository = item.repository,
                              .number = item.number,
                              .base = commit_named(item.base),
                              .head = head,
                              .base_branch = item.base_branch,
                              .tree = fresh.tree(),
                              .models = account.models,
                              .banned = &routes.banned,
                              .redactor = world.redactor.get()};
  return verify_work(request, cage);
}

}  // namespace

// One that can be ended: its git by the line, its cage by itself.
struct HostVerifier::Verification {
  Verification(const VerifyWorld& world, const ItemWork& work)
      : stop(std::make_shared<StopLine>(world.git.git().stop_line())),
        cage(world.cages, work.playbook, Errors::in_output) {}
  std::shared_ptr<StopLine> stop;
  ItemCage cage;
};

void HostVerifier::verify(VerifyOrder order, Reply<WorkVerdict> reply) {
  const auto& work = order.work;
  if (work.playbook->report.kind == ReportKind::comment)
    return world_->blocking.run(
        [world = world_, playbook = work.playbook, report = order.facts.report] {
          return verify_report(*playbook, report, world->redactor.get());
        },
        std::move(reply));
  if (work.item.head.empty())
    return world_->blocking.run([] { return no_work(); }, std::move(reply));
  const auto made = attempt([&] { return std::make_shared<Verification>(*world_, work); });
  if (!made.ok())
    return world_->blocking.run([error = made.error()]() -> WorkVerdict { throw error; },
                                std::move(reply));
  const auto mine = made.value();
  (*verifications_)[work.item.id] = mine;
  const Reply<WorkVerdict> done = [all = verifications_, id = work.item.id, mine,
                                   reply = std::move(reply)](Result<WorkVerdict> verdict) {
    const auto found = all->find(id);
    if (found != all->end() && found->second == mine) all->erase(found);
    reply(std::move(verdict));
  };
  world_->store.run(
      [item = work.item](Unit& unit) { return account_of_item(unit, item); },
      [world = world_, work, mine, done](Result<ItemAccount> account) {
        if (!account.ok()) return done(account.error());
        const auto access = attempt([&] { return world->access(work.item.repository); });
        if (!access.ok()) return done(access.error());
        world->blocking.run(
            WorkKind::placed,
            [world, work, mine, account = account.value(), access = access.value(),
             routes = world->routes()] {
              return verify_item(*world, work, access, account, *routes, mine->stop, mine->cage);
            },
            done);
      });
}

void HostVerifier::cancel(ItemId item) {
  const auto found = verifications_->find(item);
  if (found == verifications_->end()) return;
  found->second->stop->pull();
  found->second->cage.cancel("it was cancelled");
}

}  // namespace host::dispatch
