// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace host {

// Where this program's own files are: beside it in a build tree, else where `cmake --install` puts
// them, relative to the program, so that an installation can be moved as a whole.
struct Installation {
  std::filesystem::path worker;      // timmy-worker
  std::filesystem::path supervisor;  // timmy-supervisor
  std::filesystem::path plugins;     // the plugins that came with it
  std::filesystem::path playbooks;   // likewise
  std::filesystem::path program;     // timmy-host itself

  // By /proc/self/exe. Throws Error{not_found} naming both places if there is no worker.
  [[nodiscard]] static Installation find();
};

}  // namespace host
