// SPDX-License-Identifier: Apache-2.0
//
// The header of a bundle as an agent may have written it: refused with an Error, or one ref, its
// prerequisites and a pack that begins where the header says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "workspaces/import_bundle.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try {
    const auto header = host::workspaces::parse_bundle_header(bytes);
    if (header.ref.empty() || header.prerequisites.size() > 64 ||
        header.pack_at > host::workspaces::kBundleHeader || bytes.substr(header.pack_at, 4) != "PACK")
      std::abort();
  } catch (const host::Error& error) {
    if (error.code() != host::Code::invalid || error.message().empty()) std::abort();
  }
  return 0;
}
