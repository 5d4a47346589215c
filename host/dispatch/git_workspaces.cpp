// SPDX-License-Identifier: Apache-2.0
#include "dispatch/git_workspaces.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/failpoint.hpp"
#include "dispatch/import_rules.hpp"
#include "dispatch/item_account.hpp"
#include "dispatch/report_facts.hpp"
#include "workspaces/clone_locks.hpp"
#include "workspaces/clone_state.hpp"
#include "workspaces/import.hpp"
#include "workspaces/push.hpp"

namespace host::dispatch {
namespace {

namespace fs = std::filesystem;
using workspaces::Clone;
using workspaces::Mirror;

// Beside the clone, where its agent can't write: that its setup is done.
fs::path setup_mark(const Clone& clone) { return clone.folder / "set-up"; }

// All that is wanted of it is its report.
bool is_comment(const Playbook& playbook) { return playbook.report.kind == ReportKind::comment; }

bool is_of(const Clone& clone, const Item& item) {
  // An older host did not write it down: then it was this item that has been in it till now.
  return clone.record.owner == item.id.value() || clone.record.owner == 0;
}

// Blocks, like all below.
class Preparation {
 public:
  // `stop` ends its git, `cage` what it runs besides.
  Preparation(const GitWorld& world, const ItemWork& work, const ForgeAccess& access,
              std::string base_branch, workspaces::ClonesInUse in_use,
              workspaces::DiskLimits limits, const std::shared_ptr<const StopLine>& stop,
              ItemCage& cage)
      : world_(world),
        work_(work),
        access_(access),
        base_branch_(std::move(base_branch)),
        in_use_(std::move(in_use)),
        limits_(limits),
        git_(world.git.git().stopped_by(stop)),
        cage_(cage) {}

  Workspace run() {
    const auto held = world_.git.clones().hold(work_item(work_.item));
    const auto mirror = world_.git.mirror_of(work_.item, git_);
    fetch(mirror, access_);
    auto clone = world_.git.clones().take(work_item(work_.item), work_.item.id.value());
    if (!clone) {
      make_way(mirror);
      clone = make(mirror);
    }
    // Of an attempt that was killed.
    workspaces::clear_locks(*clone);
    set_up(*clone);
    world_.git.clones().save(*clone);
    const auto& record = clone->record;
    return {clone->tree(), record.branch, record.base_branch, record.base.text(),
            record.imported ? record.imported->text() : ""};
  }

 private:
  // What an earlier item of the issue has left goes on as nobody's: neither its files nor its
  // commits are this one's.
  void make_way(const Mirror& mirror) const {
    const auto& clones = world_.git.clones();
    const auto left = clones.find(work_item(work_.item));
    if (!left) return;
    if (left->record.disposable || inspect(mirror, *left).clean) return clones.remove(*left);
    clones.set_aside(*left);
  }

  // Work of an earlier attempt whose clone is gone is gone on from, and no other item's.
  [[nodiscard]] bool resumes(const Mirror& mirror) const {
    if (work_.item.head.empty()) return false;
    const auto work = mirror.work_head(work_.item.branch);
    return work && mirror.is_ancestor(commit_named(work_.item.head), *work);
  }

  [[nodiscard]] Clone make(const Mirror& mirror) const {
    const workspaces::DiskRoom room(
        world_.git.clones(),
        [this](const workspaces::WorkItem& item) { return world_.git.mirror_of(item); }, limits_);
    (void)room.make_room(in_use_);
    return world_.git.clones().make(mirror, {.item = work_item(work_.item),
                                             .branch = work_.item.branch,
                                             .base_branch = base_branch_,
                                             .resume = resumes(mirror),
                                             .disposable = is_comment(*work_.playbook),
                                             .owner = work_.item.id.value()});
  }

  void set_up(const Clone& clone) const {
    struct stat there {};
    if (::lstat(setup_mark(clone).c_str(), &there) == 0) return;
    int number = 0;
    for (const auto& step : work_.playbook->workspace.setup) {
      ++number;
      workspaces::CagedCommand command{
          .arguments = step.run, .folder = clone.tree(), .limit = step.timeout};
      const auto ending = cage_.run(command, [](std::string_view) { return true; });
      if (!ending.ok())
        throw Error(Code::invalid,
                    fmt::format("step {} of playbook {}'s setup, \"{}\", failed{}", number,
                                work_.playbook->name, step.run.front(),
                                ending.kind == decltype(ending.kind)::timed_out
                                    ? ": it was not done after " + format_duration(step.timeout)
                                    : fmt::format(" ({})", ending.number)),
                    "Mend workspace.setup of the playbook, or the repository.");
    }
    TIMMY_FAILPOINT("dispatch.set_up");
    write_atomically(setup_mark(clone), "", 0600);
  }

  const GitWorld& world_;
  const ItemWork& work_;
  const ForgeAccess& access_;
  std::string base_branch_;
  workspaces::ClonesInUse in_use_;
  workspaces::DiskLimits limits_;
  workspaces::Git git_;
  ItemCage& cage_;
};

ImportedWork import(const GitWorld& world, const ItemWork& work) {
  const auto held = world.git.clones().hold(work_item(work.item));
  auto clone = world.git.clones().find(work_item(work.item));
  if (!clone || !is_of(*clone, work.item)) return {};
  const workspaces::ImportLimits limits;
  ItemCage cage(world.cages, work.playbook, Errors::in_ending);
  if (!bundle_work(cage, world.git.git(), *clone, limits.bundle_bytes)) return {};
  TIMMY_FAILPOINT("dispatch.bundled");
  workspaces::ImportRequest request{.bundle = clone->bundle(),
                                    .base = clone->record.base,
                                    .branch = clone->record.branch,
                                    .expected = clone->record.imported,
                                    .rules = import_rules(*work.playbook, *work.lane)};
  request.rules.closes = work.item.number;
  const auto result = import_work(world.git.mirror_of(work.item), request);
  ImportedWork came;
  came.commits = result.commits;
  for (const auto& problem : result.problems)
    came.problems.push_back(problem.path.empty() ? problem.text
                                                 : problem.path + ": " + problem.text);
  if (!came.problems.empty()) return came;
  TIMMY_FAILPOINT("dispatch.imported");
  came.head = result.head.text();
  came.changed.assign(result.changed.begin(), result.changed.end());
  clone->record.imported = result.head;
  clone->record.owner = work.item.id.value();
  world.git.clones().save(*clone);
  return came;
}

PushedWork push_sealed(const GitWorld& world, const Item& item, const ForgeAccess& access) {
  const auto mirror = world.git.mirror_of(item);
  const workspaces::GitCredential credential(access.remote.url, access.token);
  workspaces::PushRequest request{
      .head = commit_named(item.sealed), .branch = item.branch, .expected = {}};
  if (!item.pushed.empty()) request.expected = commit_named(item.pushed);
  const auto result = workspaces::push(mirror, access.remote, &credential, request);
  using Kind = workspaces::PushResult::Kind;
  switch (result.kind) {
    case Kind::pushed:
    case Kind::already_there: return {};
    case Kind::moved: return {PushedWork::Kind::moved, result.text};
    case Kind::refused: return {PushedWork::Kind::refused, result.text};
  }
  throw Error(Code::internal, "a push ended in no known way");
}

void remove_clean(const GitWorld& world, const Item& item, const std::atomic<bool>& in_use) {
  const auto held = world.git.clones().hold(work_item(item));
  // By who comes first to the hold: a prepare() that is yet to come finds no clone, and makes one.
  if (in_use) return;
  const auto clone = world.git.clones().find(work_item(item));
  if (!clone || !is_of(*clone, item)) return;
  if (clone->record.disposable) return world.git.clones().remove(*clone);
  const auto state = inspect(world.git.mirror_of(item), *clone);
  if (!state.clean)
    throw Error(Code::conflict, fmt::format("{}: {}", clone->tree().string(), state.reason),
                "Look at it; remove the folder when nothing in it is wanted.");
  world.git.clones().remove(*clone);
}

// From outside of the call that it answers.
template <class T>
void answer(const GitWorld& world, const Error& error, Reply<T> reply) {
  world.blocking.run([error]() -> T { throw error; }, std::move(reply));
}

}  // namespace

workspaces::DiskLimits disk_limits(const CloneSettings& settings, const Lanes& lanes) {
  constexpr std::size_t kClonesOfOne = 4;
  std::size_t agents = 0;
  for (const auto& [name, lane] : lanes.by_name)
    agents += static_cast<std::size_t>(lane.concurrency);
  workspaces::DiskLimits limits;
  limits.clones = std::max(static_cast<std::size_t>(settings.most), agents * kClonesOfOne);
  limits.clone_bytes = settings.bytes;
  return limits;
}

// A preparation that can be ended: its git by the line, its cage by itself.
struct GitWorkspaces::Setup {
  Setup(const GitWorld& world, const ItemWork& work)
      : stop(std::make_shared<StopLine>(world.git.git().stop_line())),
        cage(world.cages, work.playbook, Errors::in_ending) {}
  std::shared_ptr<StopLine> stop;
  ItemCage cage;
};

void GitWorkspaces::prepare(ItemWork work, Reply<Workspace> reply) {
  const auto made = attempt([&] { return std::make_shared<Setup>(*world_, work); });
  if (!made.ok()) return answer(*world_, made.error(), reply);
  std::erase_if(setups_, [](const auto& each) { return each.second.expired(); });
  setups_[work.item.id] = made.value();
  if (const auto leaving = leaving_.extract(work.item.id))
    if (const auto in_use = leaving.mapped().lock()) *in_use = true;
  const auto go_on = [world = world_, setup = made.value(), work, reply](std::string base_branch) {
    const auto access = attempt([&] { return world->access(work.item.repository); });
    if (!access.ok()) return answer(*world, access.error(), reply);
    world->blocking.run(
        WorkKind::placed,
        [world, setup, work, access = access.value(), base_branch,
         in_use = clones_in_use(world->live(), world->clock.wall()), limits = world->disk()] {
          return Preparation(*world, work, access, base_branch, in_use, limits, setup->stop,
                             setup->cage)
              .run();
        },
        reply);
  };
  if (!work.playbook->workspace.base.empty()) return go_on(work.playbook->workspace.base);
  world_->gitea.get_repo(parse_repo_name(work.item.repository),
                         [go_on, reply](Result<Repository> repository) {
                           if (!repository.ok()) return reply(repository.error());
                           go_on(repository.value().default_branch);
                         });
}

void GitWorkspaces::cancel(ItemId item, const std::string& why) {
  const auto found = setups_.find(item);
  if (found == setups_.end()) return;
  if (const auto setup = found->second.lock()) {
    setup->stop->pull();
    setup->cage.cancel(why);
  }
  setups_.erase(found);
}

void GitWorkspaces::take_in(ItemWork work, Reply<ImportedWork> reply) {
  world_->blocking.run(
      WorkKind::placed, [world = world_, work = std::move(work)] { return import(*world, work); },
      std::move(reply));
}

void GitWorkspaces::seal(ReportOrder order, Reply<std::string> reply) {
  world_->store.run([item = order.work.item](Unit& unit) { return account_of_item(unit, item); },
                    [world = world_, order, reply](Result<ItemAccount> account) {
                      if (!account.ok()) return reply(account.error());
                      const auto facts = report_facts(order, account.value());
                      // It waits for a fetch into the same mirror.
                      world->blocking.run(
                          WorkKind::remote,
                          [world, order, facts, at = world->clock.wall()] {
                            const auto& item = order.work.item;
                            const auto head = commit_named(item.head);
                            return seal_work(world->git.mirror_of(item), head, item.branch,
                                             trailer_message(*order.work.playbook, facts, head),
                                             CommitIdentity{}, at)
                                .text();
                          },
                          reply);
                    });
}

void GitWorkspaces::push(ItemWork work, Reply<PushedWork> reply) {
  const auto access = attempt([&] { return world_->access(work.item.repository); });
  if (!access.ok()) return answer(*world_, access.error(), reply);
  world_->blocking.run(
      WorkKind::remote,
      [world = world_, item = work.item, access = access.value()] {
        return push_sealed(*world, item, access);
      },
      std::move(reply));
}

void GitWorkspaces::let_go(Item item, Reply<Done> reply) {
  const auto in_use = std::make_shared<std::atomic<bool>>(false);
  std::erase_if(leaving_, [](const auto& each) { return each.second.expired(); });
  leaving_[item.id] = in_use;
  world_->blocking.run(
      [world = world_, item = std::move(item), in_use] { remove_clean(*world, item, *in_use); },
      std::move(reply));
}

}  // namespace host::dispatch
