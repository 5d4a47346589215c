// SPDX-License-Identifier: Apache-2.0
#include "stores.hpp"

#include <chrono>
#include <optional>
#include <timmy/failure.hpp>
#include <utility>

#include "library.hpp"

namespace provenance {
namespace {

using timmy::Json;

Instant now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

template <class Do>
auto cancellable(Do&& what) {
  try {
    return what();
  } catch (const Interrupted&) {
    throw timmy::Cancelled();
  }
}

class HermesStores final : public SessionSource {
 public:
  HermesStores(const Json& config, std::function<bool()> is_cancelled)
      : places_{config.at("homes"), config.at("runs"), config.at("transcripts"),
                config.at("exports")},
        is_cancelled_(std::move(is_cancelled)) {}

  Passed read(const Json& cursor, const std::function<void(Session&&)>& take) override {
    const auto stores = find_stores(places_);
    Library library(stores, {}, is_cancelled_);
    const auto since = cursor.is_object() ? cursor.get<Cursors>() : Cursors();
    auto pass = cancellable([&] {
      return library.read(since, now(), [&](Session&& session) {
        take(std::move(session));
        return true;
      });
    });
    auto troubles = stores.troubles;
    for (auto& trouble : pass.troubles)
      if (troubles.size() < kTroublesCap) troubles.push_back(std::move(trouble));
    return {Json(std::move(pass.cursors)), std::move(troubles)};
  }

  // By readers of their own, since those of a pass are in the middle of it.
  std::optional<Session> find(const std::string& id) override {
    if (!found_by_) found_by_.emplace(find_stores(places_), Caps(), is_cancelled_);
    return cancellable([&] { return found_by_->find(id, now()); });
  }

 private:
  static constexpr std::size_t kTroublesCap = 100;

  Places places_;
  std::function<bool()> is_cancelled_;
  std::optional<Library> found_by_;
};

}  // namespace

std::unique_ptr<SessionSource> open_stores(const Json& config, std::function<bool()> is_cancelled) {
  return std::make_unique<HermesStores>(config, std::move(is_cancelled));
}

}  // namespace provenance
