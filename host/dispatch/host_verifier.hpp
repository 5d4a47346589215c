// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>

#include "base/redactor.hpp"
#include "dispatch/blocking_work.hpp"
#include "dispatch/dispatcher_outside.hpp"
#include "dispatch/item_cage.hpp"
#include "dispatch/item_git.hpp"
#include "store/store.hpp"
#include "tokens/routes.hpp"

namespace host::dispatch {

// What it works with; all outlives it.
struct VerifyWorld {
  Store& store;
  const ItemGit& git;
  BlockingWork& blocking;
  std::shared_ptr<ItemCages> cages;
  AccessForge access;
  std::function<std::shared_ptr<const ModelRoutes>()> routes;  // for what is banned now
  std::shared_ptr<const Redactor> redactor;
};

// The real Verifier: verify.hpp's checks on a clone in which nothing of the agent's has run, the
// commands in the item's cage.
class HostVerifier final : public Verifier {
 public:
  explicit HostVerifier(VerifyWorld world)
      : world_(std::make_shared<VerifyWorld>(std::move(world))) {}

  void verify(VerifyOrder order, Reply<WorkVerdict> reply) override;
  void cancel(ItemId item) override;

  // So many have gates' commands under way, or to come.
  [[nodiscard]] std::size_t under_way() const { return verifications_->size(); }

 private:
  struct Verification;
  using Verifications = std::map<ItemId, std::shared_ptr<Verification>>;

  std::shared_ptr<const VerifyWorld> world_;
  // Those under way.
  std::shared_ptr<Verifications> verifications_ = std::make_shared<Verifications>();
};

}  // namespace host::dispatch
