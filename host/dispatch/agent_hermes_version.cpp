// SPDX-License-Identifier: Apache-2.0
#include "dispatch/agent_hermes_version.hpp"

#include <fmt/format.h>
#include <re2/re2.h>

namespace host::dispatch {
namespace {

// As a word of its own: "--format" is no part of "--format-x".
bool has_flag(std::string_view help, std::string_view flag) {
  for (auto at = help.find(flag); at != help.npos; at = help.find(flag, at + 1)) {
    const auto end = at + flag.size();
    const char next = end < help.size() ? help[end] : ' ';
    const bool goes_on = (next >= 'a' && next <= 'z') || next == '-' || next == '_';
    if (!goes_on) return true;
  }
  return false;
}

}  // namespace

std::string to_string(const HermesVersion& version) {
  return fmt::format("{}.{}.{}", version.major, version.minor, version.patch);
}

std::optional<HermesVersion> hermes_version_in(std::string_view output) {
  static const RE2 kVersion(R"((?i)hermes[^\n]*?\bv?(\d{1,4})\.(\d{1,4})(?:\.(\d{1,6}))?)");
  HermesVersion version;
  std::string patch;
  if (!RE2::PartialMatch(re2::StringPiece(output.data(), output.size()), kVersion, &version.major,
                         &version.minor, &patch))
    return std::nullopt;
  if (!patch.empty()) version.patch = std::stoi(patch);
  return version;
}

std::string_view name(HermesWay way) noexcept {
  switch (way) {
    case HermesWay::stream: return "stream";
    case HermesWay::oneshot: return "oneshot";
    case HermesWay::quiet: return "quiet";
  }
  return "quiet";
}

HermesWay hermes_way(std::string_view help, std::string_view chat_help) {
  if (has_flag(chat_help, "--format") && has_flag(chat_help, "--query-file"))
    return HermesWay::stream;
  if (has_flag(help, "--oneshot") || has_flag(help, "-z"))
    if (has_flag(help, "--usage-file")) return HermesWay::oneshot;
  return HermesWay::quiet;
}

}  // namespace host::dispatch
