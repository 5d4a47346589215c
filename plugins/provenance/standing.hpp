// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "index.hpp"
#include "manifest_file.hpp"

namespace provenance {

// The output as it stands, also while a run makes the next one: a manifest, and the index as it was
// for it.
struct Standing {
  Manifest manifest;
  std::unique_ptr<const Index> index;  // null: there is none that knows all of it

  // Waits for nobody and writes nothing. Throws what Manifest::load does, and Retryable "busy" in
  // the unlikely case that it is another one at each look. `looked` is called after each look at
  // the manifest, before the index is opened: for tests.
  [[nodiscard]] static Standing of(
      const std::filesystem::path& folder, const std::function<void()>& looked = [] {});
};

}  // namespace provenance
