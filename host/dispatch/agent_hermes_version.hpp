// SPDX-License-Identifier: Apache-2.0
//
// Which Hermes this is, and so how it is driven. Its numbers and its exit status are no word on the
// work at any version; the ladder is about how much else it tells.
#pragma once

#include <compare>
#include <optional>
#include <string>
#include <string_view>

namespace host::dispatch {

struct HermesVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;
  auto operator<=>(const HermesVersion&) const = default;
};
[[nodiscard]] std::string to_string(const HermesVersion& version);

// Out of "Hermes Agent v0.19.0 (2026.7.20)", whatever stands around it; none: there is none.
[[nodiscard]] std::optional<HermesVersion> hermes_version_in(std::string_view output);

// The oldest that the host drives.
inline constexpr HermesVersion kOldestHermes{0, 6, 0};

// How a prompt is put to it, the best first.
enum class HermesWay {
  stream,   // chat --query-file, --format stream-json: a record for each step
  oneshot,  // -z, with --usage-file
  quiet,    // chat -Q -q: the last answer, and a line with the session
};
[[nodiscard]] std::string_view name(HermesWay way) noexcept;

// By what its own help says: forks and packages carry flags that their version would not tell.
[[nodiscard]] HermesWay hermes_way(std::string_view help, std::string_view chat_help);

}  // namespace host::dispatch
