// SPDX-License-Identifier: Apache-2.0
//
// The body of a webhook, after its signature was found to be right: a forge may send anything. It
// is refused with an Error, or is an event whose fields are bounded and whose repository is a name.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "gitea/types.hpp"
#include "gitea/webhook.hpp"

namespace {

void require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  try {
    const host::ForgeEvent event = host::read_forge_event(body);
    require(event.number >= 0);
    require(event.action.size() <= 255 && event.sender.size() <= 255 && event.ref.size() <= 255);
    if (event.kind != "other") require(host::parse_repo_name(event.repo).full() == event.repo);
  } catch (const host::Error& error) {
    require(!error.message().empty());
  }
  return 0;
}
