// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "plugins/manifest.hpp"

namespace host {

struct BuiltManifest {
  Manifest manifest;
  std::vector<std::string> problems;  // as in ManifestReading, but only what a schema can't state
};

// The C++ shape of a manifest that no schema has seen: takes what is of the right type, leaves the
// rest at its default. Never throws. Any thread.
[[nodiscard]] BuiltManifest build_manifest(const Json& raw);

}  // namespace host
