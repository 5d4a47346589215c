// SPDX-License-Identifier: Apache-2.0
#include "stores.hpp"

#include <chrono>

#include "library.hpp"

namespace provenance {
namespace {

using timmy::Json;

Instant now() {
  return std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
}

class HermesStores final : public SessionSource {
 public:
  explicit HermesStores(const Json& config)
      : places_{config.at("homes"), config.at("runs"), config.at("transcripts"),
                config.at("exports")} {}

  Json read(const Json& cursor, const std::function<void(Session&&)>& take) override {
    Library library(find_stores(places_));
    const auto since = cursor.is_object() ? cursor.get<Cursors>() : Cursors();
    auto pass = library.read(since, now(), [&](Session&& session) {
      take(std::move(session));
      return true;
    });
    return pass.cursors;
  }
  std::optional<Session> find(const std::string& id) override {
    return Library(find_stores(places_)).find(id, now());
  }

 private:
  Places places_;
};

}  // namespace

std::unique_ptr<SessionSource> open_stores(const Json& config) {
  return std::make_unique<HermesStores>(config);
}

}  // namespace provenance
