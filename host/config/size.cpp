// SPDX-License-Identifier: Apache-2.0
#include "config/size.hpp"

#include <array>
#include <charconv>
#include <limits>

#include "base/error.hpp"

namespace host {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr std::array<Unit, 4> kUnits = {{{"GiB", std::uint64_t{1} << 30},
                                         {"MiB", std::uint64_t{1} << 20},
                                         {"KiB", std::uint64_t{1} << 10},
                                         {"B", 1}}};

}  // namespace

std::uint64_t parse_size(std::string_view text) {
  const auto refuse = [&](const char* why) {
    return Error(Code::invalid, "size \"" + std::string(text) + "\" " + why +
                                    ", expected a number and B, KiB, MiB or GiB, as in \"512MiB\"");
  };
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error == std::errc::result_out_of_range) throw refuse("is too large");
  if (error != std::errc()) throw refuse("is not one");
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  for (const Unit& known : kUnits) {
    if (unit != known.name) continue;
    if (count == 0) throw refuse("is zero");
    if (count > std::numeric_limits<std::int64_t>::max() / known.bytes)
      throw refuse("is too large");
    return count * known.bytes;
  }
  throw refuse(unit.empty() ? "has no unit" : "has an unknown unit");
}

std::string format_size(std::uint64_t bytes) {
  for (const Unit& unit : kUnits)
    if (bytes >= unit.bytes && bytes % unit.bytes == 0)
      return std::to_string(bytes / unit.bytes) + std::string(unit.name);
  return std::to_string(bytes) + "B";
}

}  // namespace host
