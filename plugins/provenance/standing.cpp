// SPDX-License-Identifier: Apache-2.0
#include "standing.hpp"

#include <timmy/failure.hpp>
#include <utility>

namespace provenance {
namespace {

constexpr int kMostLooks = 20;

}  // namespace

// What an index keeps of a generation goes once the manifest of the next one is there: so one that
// was opened while the manifest stayed what it is has all of it.
Standing Standing::of(const std::filesystem::path& folder, const std::function<void()>& looked) {
  const auto path = folder / "manifest.json";
  auto manifest = Manifest::load(path);
  for (int look = 0; look < kMostLooks; ++look) {
    looked();
    auto index = Index::as_of(folder / "index.db", manifest.generation);
    auto now = Manifest::load(path);
    if (now.generation == manifest.generation) return {std::move(manifest), std::move(index)};
    manifest = std::move(now);
  }
  throw timmy::Retryable("busy", path.string() + " is another one each time that it is looked at");
}

}  // namespace provenance
