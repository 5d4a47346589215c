// SPDX-License-Identifier: Apache-2.0
#include "services/interrupted_writes.hpp"

#include <algorithm>
#include <utility>

#include "gitea/gitea.hpp"

namespace host {
namespace {

// Between two looks at writes that the forge could not be asked about.
constexpr Duration kFirst = std::chrono::seconds(1);
constexpr Duration kLongest = std::chrono::minutes(1);
// After so many, what alone can't be read is given up: some minutes.
constexpr int kTries = 8;

}  // namespace

InterruptedWrites::InterruptedWrites(Gitea& gitea, Store& store, Loop& loop, Log log,
                                     std::function<void()> known)
    : gitea_(&gitea),
      store_(&store),
      loop_(&loop),
      log_(std::move(log)),
      known_(std::move(known)) {}

void InterruptedWrites::look() {
  rest();
  resting_ = false;
  ask();
}

void InterruptedWrites::rest() {
  resting_ = true;
  pause_ = Duration::zero();
  again_.cancel();
}

void InterruptedWrites::ask() {
  if (std::exchange(asking_, true)) return;
  resolve_intents(*gitea_, *store_, loop_->clock(), log_, ++tries_ > kTries,
                  [this](Result<ResolvedIntents> intents) {
                    asking_ = false;
                    told(std::move(intents));
                  });
}

void InterruptedWrites::told(Result<ResolvedIntents> intents) {
  if (intents.ok())
    found_ = std::move(intents).value();
  else
    log_.warn("looking after interrupted writes: {}", intents.error().what());
  if (intents.ok() && found_.open == 0) {
    pause_ = Duration::zero();
    tries_ = 0;
    return known_();
  }
  if (resting_) return;
  // Until it is known a run might write again what is there already.
  if (pause_ == Duration::zero())
    log_.warn(
        "it is not known what became of {} writes that were interrupted ({}); jobs that need Gitea "
        "wait",
        found_.open, found_.first_open);
  pause_ = std::clamp<Duration>(pause_ * 2, kFirst, kLongest);
  again_ = loop_->after(pause_, [this] {
    if (gitea_->available()) ask();
  });
}

}  // namespace host
