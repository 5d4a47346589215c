// SPDX-License-Identifier: Apache-2.0
#include "dispatch/host_verifier.hpp"

#include "base/error.hpp"
#include "dispatch/item_account.hpp"
#include "dispatch/verify.hpp"
#include "dispatch/verify_clone.hpp"

namespace host::dispatch {
namespace {

// Blocks.
WorkVerdict verify_item(const VerifyWorld& world, const ItemWork& work, const ForgeAccess& access,
                        const ItemAccount& account, const ModelRoutes& routes, ItemCage& cage) {
  const auto& item = work.item;
  const auto mirror = world.git.mirror_of(item);
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
  auto cage = std::make_shared<ItemCage>(world_->cages, work.playbook, Errors::in_output);
  (*cages_)[work.item.id] = cage;
  const Reply<WorkVerdict> done = [cages = cages_, id = work.item.id, cage,
                                   reply = std::move(reply)](Result<WorkVerdict> verdict) {
    const auto found = cages->find(id);
    if (found != cages->end() && found->second == cage) cages->erase(found);
    reply(std::move(verdict));
  };
  world_->store.run([item = work.item](Unit& unit) { return account_of_item(unit, item); },
                    [world = world_, work, cage, done](Result<ItemAccount> account) {
                      if (!account.ok()) return done(account.error());
                      const auto access =
                          attempt([&] { return world->access(work.item.repository); });
                      if (!access.ok()) return done(access.error());
                      world->blocking.run(
                          WorkKind::placed,
                          [world, work, cage, account = account.value(), access = access.value(),
                           routes = world->routes()] {
                            return verify_item(*world, work, access, account, *routes, *cage);
                          },
                          done);
                    });
}

void HostVerifier::cancel(ItemId item) {
  const auto found = cages_->find(item);
  if (found != cages_->end()) found->second->cancel("it was cancelled");
}

}  // namespace host::dispatch
