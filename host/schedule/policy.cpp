// SPDX-License-Identifier: Apache-2.0
#include "schedule/policy.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "base/error.hpp"

namespace host {
namespace {

using namespace std::string_view_literals;

constexpr std::array kCatchUps{std::pair{CatchUp::skip, "skip"sv},
                               std::pair{CatchUp::latest, "latest"sv},
                               std::pair{CatchUp::all, "all"sv}};

constexpr std::array kOverlaps{std::pair{Overlap::skip, "skip"sv},
                               std::pair{Overlap::buffer_one, "buffer_one"sv},
                               std::pair{Overlap::buffer_all, "buffer_all"sv},
                               std::pair{Overlap::cancel_other, "cancel_other"sv},
                               std::pair{Overlap::terminate_other, "terminate_other"sv},
                               std::pair{Overlap::allow_all, "allow_all"sv}};

template <class Table, class Value>
std::string_view find_name(const Table& table, Value value) {
  for (const auto& [candidate, text] : table)
    if (candidate == value) return text;
  return "?";
}

template <class Table>
auto find_value(const Table& table, std::string_view text, std::string_view what) {
  std::string choices;
  for (const auto& [value, choice] : table) {
    if (choice == text) return value;
    if (!choices.empty()) choices += ", ";
    choices += choice;
  }
  throw Error(
      Code::invalid,
      "\"" + std::string(text) + "\" is not " + std::string(what) + ", expected one of " + choices,
      "Write one of these words.");
}

}  // namespace

Duration schedule_delay(Duration jitter, std::string_view host, std::string_view task) noexcept {
  if (jitter <= Duration::zero()) return Duration::zero();
  // FNV-1a: std::hash may differ from build to build, and the delay must not.
  std::uint64_t hash = 14695981039346656037u;
  const auto mix = [&hash](std::string_view text) {
    for (const char letter : text) {
      hash ^= static_cast<unsigned char>(letter);
      hash *= 1099511628211u;
    }
  };
  mix(host);
  mix("/");
  mix(task);
  hash ^= hash >> 32;  // its low bits alone follow the last letters too closely
  // Schedules are due at whole milliseconds.
  const auto steps = static_cast<std::uint64_t>(jitter / std::chrono::milliseconds(1));
  return std::chrono::milliseconds(steps == 0 ? 0 : hash % steps);
}

std::string_view name(CatchUp policy) noexcept { return find_name(kCatchUps, policy); }

CatchUp parse_catch_up(std::string_view text) {
  return find_value(kCatchUps, text, "a catch-up policy");
}

std::string_view name(Overlap policy) noexcept { return find_name(kOverlaps, policy); }

Overlap parse_overlap(std::string_view text) {
  return find_value(kOverlaps, text, "an overlap policy");
}

}  // namespace host
