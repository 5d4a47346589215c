// SPDX-License-Identifier: Apache-2.0
#include "dispatch/housekeeping.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>

#include "base/error.hpp"
#include "dispatch/item_store.hpp"

namespace host::dispatch {
namespace {

using WorkByBranch = std::map<std::string, workspaces::ObjectId>;

// First is looked at what there is, then asked what of it is needed, and only then removed: what
// came after the look is not among it, and what is needed since then was there under another name.
struct FoundOnDisk {
  FoundRuns runs;
  std::map<std::string, WorkByBranch> work;  // by mirror
  std::vector<std::string> failed;
};

struct NeededOnDisk {
  RunsInUse runs;
  workspaces::ClonesInUse clones_in_use;
  std::set<std::string> live_clones;  // of items that have not ended
  std::vector<PublishedWork> published;
};

// More than a person reads at once.
constexpr std::size_t kMostKeptLines = 5;

std::vector<std::string> kept_lines(const std::vector<workspaces::DiskReport::Kept>& kept) {
  std::vector<std::string> lines;
  for (const auto& [name, reason, subject] : kept) {
    if (lines.size() == kMostKeptLines) {
      lines.push_back(fmt::format("{} more clones of items that have ended are kept",
                                  kept.size() - kMostKeptLines));
      break;
    }
    lines.push_back(fmt::format(
        "the clone {} of {} is kept, though its item has ended: {}. Take out of it what is of use, "
        "and remove the folder.",
        name, subject, reason));
  }
  return lines;
}

std::string mirror_name(const PublishedWork& work) {
  return workspaces::folder_name(work.repository, work.repository_id);
}

// Between two steps: a host that is to end waits for one at most.
using Stopped = std::shared_ptr<std::atomic<bool>>;

template <class Work>
void step_of(const Stopped& stopped, std::vector<std::string>& failed, const std::string& what,
             Work work) {
  if (*stopped) return;
  const auto done = attempt(work);
  if (!done.ok()) failed.push_back(what + ": " + done.error().what());
}

FoundOnDisk look_at_disk(const HousekeepingWorld& world, const Stopped& stopped) {
  FoundOnDisk found;
  step_of(stopped, found.failed, "runs", [&] { found.runs = find_runs(world.folders); });
  step_of(stopped, found.failed, "mirrors", [&] {
    for (const auto& name : world.git.mirrors())
      step_of(stopped, found.failed, "mirror " + name,
              [&] { found.work[name] = world.git.mirror_named(name).work(); });
  });
  return found;
}

class DiskClearing {
 public:
  DiskClearing(const HousekeepingWorld& world, const HousekeepingSettings& settings,
               const RunBounds& bounds, FoundOnDisk found, NeededOnDisk needed, Stopped stopped)
      : world_(world),
        settings_(settings),
        bounds_(bounds),
        found_(std::move(found)),
        needed_(std::move(needed)),
        stopped_(std::move(stopped)) {
    cleared_.failed = std::move(found_.failed);
  }

  Cleared run() {
    step("runs", [this] {
      cleared_.runs = clear_runs(world_.folders, found_.runs, needed_.runs, bounds_);
    });
    step("clones", [this] { clear_clones(); });
    for (const auto& published : needed_.published)
      step("work of " + published.repository, [&] { give_up(published); });
    for (const auto& [name, work] : found_.work)
      step("mirror " + name, [this, name = name] {
        world_.git.mirror_named(name).tidy(settings_.tidy_limit, settings_.most_packs);
      });
    return std::move(cleared_);
  }

 private:
  template <class Work>
  void step(const std::string& what, Work work) {
    step_of(stopped_, cleared_.failed, what, std::move(work));
  }

  void clear_clones() {
    const workspaces::DiskRoom room(
        world_.git.clones(),
        [this](const workspaces::WorkItem& item) { return world_.git.mirror_of(item); }, {});
    const auto report = room.remove_ended(
        // By its own name: one that was set aside is of nobody who is at work.
        [this](const workspaces::Clone& clone) {
          return !*stopped_ && !needed_.live_clones.contains(clone.name());
        },
        needed_.clones_in_use);
    cleared_.clones = report.removed;
    cleared_.kept = report.kept;
  }

  // A clone that is still there holds something besides, and is judged by what the mirror has.
  void give_up(const PublishedWork& published) {
    const auto mirror = found_.work.find(mirror_name(published));
    if (mirror == found_.work.end()) return;
    const auto work = mirror->second.find(published.branch);
    if (work == mirror->second.end() || has_clone(published)) return;
    if (world_.git.mirror_named(mirror->first).forget_work(work->first, work->second))
      cleared_.work.push_back(fmt::format("{} {}", published.repository, published.branch));
  }

  [[nodiscard]] bool has_clone(const PublishedWork& published) {
    if (!clones_) clones_ = world_.git.clones().list().clones;
    return std::any_of(clones_->begin(), clones_->end(), [&](const workspaces::Clone& clone) {
      const auto& item = clone.record.item;
      return workspaces::folder_name(item.repository, item.repository_id) ==
                 mirror_name(published) &&
             clone.record.branch == published.branch;
    });
  }

  const HousekeepingWorld& world_;
  HousekeepingSettings settings_;
  RunBounds bounds_;
  FoundOnDisk found_;
  NeededOnDisk needed_;
  Stopped stopped_;
  std::optional<std::vector<workspaces::Clone>> clones_;
  Cleared cleared_;
};

}  // namespace

class Housekeeping::Impl : public std::enable_shared_from_this<Impl> {
 public:
  Impl(HousekeepingWorld world, HousekeepingSettings settings)
      : world_(std::make_shared<const HousekeepingWorld>(std::move(world))), settings_(settings) {}

  void start() {
    clear([weak = weak_from_this()](const Result<Cleared>& cleared) {
      const auto self = weak.lock();
      if (!self || *self->stopped_) return;
      self->tell(cleared);
      self->timer_ = self->world_->loop.after(self->settings_.every, [weak] {
        if (const auto again = weak.lock()) again->start();
      });
    });
  }

  void set_bounds(RunBounds bounds) { bounds_ = bounds; }

  void clear(Reply<Cleared> reply) {
    if (std::exchange(busy_, true))
      return reply(Error(Code::conflict, "housekeeping is under way already"));
    const auto done = [weak = weak_from_this(), reply](Result<Cleared> cleared) {
      if (const auto self = weak.lock()) {
        self->busy_ = false;
        if (cleared.ok()) self->attention_ = kept_lines(cleared.value().kept);
      }
      reply(std::move(cleared));
    };
    world_->blocking.run(
        WorkKind::upkeep,
        [world = world_, stopped = stopped_] { return look_at_disk(*world, stopped); },
        [weak = weak_from_this(), done](Result<FoundOnDisk> found) {
          const auto self = weak.lock();
          if (!self) return;
          if (!found.ok()) return done(found.error());
          self->ask(std::make_shared<FoundOnDisk>(std::move(found).value()), done);
        });
  }

  void stop() {
    *stopped_ = true;
    timer_.cancel();
  }

  [[nodiscard]] std::vector<std::string> attention() const { return attention_; }

 private:
  void ask(const std::shared_ptr<FoundOnDisk>& found, const Reply<Cleared>& done) {
    world_->store.run(
        [](Unit& unit) { return published_work(unit); },
        [weak = weak_from_this(), found, done](Result<std::vector<PublishedWork>> published) {
          const auto self = weak.lock();
          if (!self) return;
          if (!published.ok()) return done(published.error());
          self->remove(found, self->needed(std::move(published).value()), done);
        });
  }

  [[nodiscard]] NeededOnDisk needed(std::vector<PublishedWork> published) const {
    NeededOnDisk needed;
    const auto live = world_->live();
    needed.runs = {.runs = world_->at_work(), .items = {}, .life = world_->life};
    for (const auto& item : live) {
      needed.runs.items.insert(item.id);
      if (item.run_open) needed.runs.runs.insert(item.run);
      needed.live_clones.insert(workspaces::folder_name(work_item(item)));
    }
    needed.clones_in_use = clones_in_use(live, world_->clock.wall());
    needed.published = std::move(published);
    return needed;
  }

  void remove(const std::shared_ptr<FoundOnDisk>& found, NeededOnDisk needed,
              const Reply<Cleared>& done) {
    world_->blocking.run(
        WorkKind::upkeep,
        [world = world_, settings = settings_, bounds = bounds_, stopped = stopped_, found,
         needed = std::move(needed)] {
          return DiskClearing(*world, settings, bounds, std::move(*found), needed, stopped).run();
        },
        done);
  }

  void tell(const Result<Cleared>& cleared) const {
    if (!cleared.ok())
      return world_->log.warn("nothing was cleared away: {}", cleared.error().what());
    const auto& [runs, clones, work, kept, failed] = cleared.value();
    for (const auto& each : {runs.failed, failed})
      for (const auto& line : each) world_->log.warn("not cleared away: {}", line);
    if (runs.runs.size() + runs.scratch.size() + clones.size() + work.size() == 0) return;
    world_->log.info(
        "cleared away: {} runs, scratch of {}, {} clones, work of {} items that is at "
        "the forge",
        runs.runs.size(), runs.scratch.size(), clones.size(), work.size());
  }

  std::shared_ptr<const HousekeepingWorld> world_;
  HousekeepingSettings settings_;
  RunBounds bounds_;
  bool busy_ = false;
  std::vector<std::string> attention_;
  Stopped stopped_ = std::make_shared<std::atomic<bool>>(false);
  Timer timer_;
};

Housekeeping::Housekeeping(HousekeepingWorld world, HousekeepingSettings settings)
    : impl_(std::make_shared<Impl>(std::move(world), settings)) {}
Housekeeping::~Housekeeping() { impl_->stop(); }
void Housekeeping::start() { impl_->start(); }
void Housekeeping::set_bounds(RunBounds bounds) { impl_->set_bounds(bounds); }
void Housekeeping::clear(Reply<Cleared> reply) { impl_->clear(std::move(reply)); }
void Housekeeping::stop() { impl_->stop(); }
std::vector<std::string> Housekeeping::attention() const { return impl_->attention(); }

}  // namespace host::dispatch
