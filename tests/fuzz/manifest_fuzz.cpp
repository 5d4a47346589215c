// SPDX-License-Identifier: Apache-2.0
//
// The manifest reader on anybody's bytes: as a plugin's file, and as a manifest's text.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <span>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "plugins/elf.hpp"
#include "plugins/manifest.hpp"

namespace {

void read_text(std::string_view text) {
  const auto reading = host::read_manifest(text);
  if (!reading.problems.empty() || reading.version_refusal) return;
  // A manifest without problems keeps what the rest of the host relies on.
  if (!reading.manifest || reading.manifest->id.empty() || reading.manifest->tasks.empty()) abort();
  std::set<std::string> names;
  for (const auto& task : reading.manifest->tasks)
    if (!names.insert(task.name).second || task.timeout <= host::Duration::zero()) abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    read_text(host::read_manifest_section(std::as_bytes(std::span(data, size)), "x.so"));
  } catch (const host::Error&) {
  }
  read_text({reinterpret_cast<const char*>(data), size});
  return 0;
}
