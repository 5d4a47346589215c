// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "dispatch/blocking_work.hpp"
#include "dispatch/dispatcher_outside.hpp"
#include "dispatch/item_git.hpp"
#include "gitea/gitea.hpp"
#include "store/store.hpp"
#include "tokens/routes.hpp"

namespace host::dispatch {

// What it works with; all outlives it.
struct ReportWorld {
  Store& store;
  Gitea& gitea;
  const ItemGit& git;
  BlockingWork& blocking;
  std::function<std::shared_ptr<const ModelRoutes>()> routes;  // for what is banned now
};

// The real Reporter: the pull request or comment, then the quality gate as often as it is asked.
class ForgeReporter final : public Reporter {
 public:
  explicit ForgeReporter(ReportWorld world)
      : world_(std::make_shared<ReportWorld>(std::move(world))) {}

  void publish(ReportOrder order, Reply<Publication> reply) override;
  void tell(Item item, std::string text, Reply<Done> reply) override;

 private:
  std::shared_ptr<const ReportWorld> world_;
};

}  // namespace host::dispatch
