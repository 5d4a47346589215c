// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "config/host_config.hpp"
#include "dispatch/blocking_work.hpp"
#include "dispatch/dispatcher_outside.hpp"
#include "dispatch/item_cage.hpp"
#include "dispatch/item_git.hpp"
#include "dispatch/lanes.hpp"
#include "gitea/gitea.hpp"
#include "store/store.hpp"
#include "workspaces/disk.hpp"

namespace host::dispatch {

// What it works with; all outlives it.
struct GitWorld {
  Store& store;
  Gitea& gitea;
  const ItemGit& git;
  BlockingWork& blocking;
  std::shared_ptr<ItemCages> cages;
  AccessForge access;
  std::function<std::vector<Item>()> live;  // items that have not ended
  const Clock& clock;
  std::function<workspaces::DiskLimits()> disk;  // loop thread
};

// At least room for each agent that lanes let work at once, for its checks, and for as many items
// that wait for their next attempt.
[[nodiscard]] workspaces::DiskLimits disk_limits(const CloneSettings& settings, const Lanes& lanes);

// The real Workspaces: git, off the loop. One piece of work on an item at a time is the
// dispatcher's care; mirrors have locks.
class GitWorkspaces final : public Workspaces {
 public:
  explicit GitWorkspaces(GitWorld world) : world_(std::make_shared<GitWorld>(std::move(world))) {}

  void prepare(ItemWork work, Reply<Workspace> reply) override;
  void cancel(ItemId item, const std::string& why) override;
  void take_in(ItemWork work, Reply<ImportedWork> reply) override;
  void seal(ReportOrder order, Reply<std::string> reply) override;
  void push(ItemWork work, Reply<PushedWork> reply) override;
  void let_go(Item item, Reply<Done> reply) override;

 private:
  struct Setup;
  std::shared_ptr<const GitWorld> world_;
  std::map<ItemId, std::weak_ptr<Setup>> setups_;  // those under way
  // Those of let_go() that are yet to come, or at it: set, the item is at work again, and stays.
  std::map<ItemId, std::weak_ptr<std::atomic<bool>>> leaving_;
};

}  // namespace host::dispatch
