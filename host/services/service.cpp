// SPDX-License-Identifier: Apache-2.0
#include "services/service.hpp"

#include <fmt/format.h>

namespace host {
namespace {

constexpr std::size_t kStagedBytes = 16u << 20;
constexpr std::size_t kStagedWrites = 10'000;
constexpr std::chrono::milliseconds kTenYears = std::chrono::hours(24 * 3650);

[[noreturn]] void refuse(std::string_view name, std::string_view why) {
  throw Error(Code::usage, "parameter \"" + std::string(name) + "\" " + std::string(why));
}

// Null when there is none.
const Json* find(const Json& params, std::string_view name) {
  const auto found = params.find(name);
  return found == params.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace

std::string audited_as(const RunContext& run) {
  return fmt::format("plugin {}, job {} of {}", run.plugin, run.run.job.value(), run.task);
}

void count_staged(RunContext& run, std::size_t bytes) {
  if (run.followers.size() + run.staged_state.size() >= kStagedWrites ||
      run.staged_bytes + bytes > kStagedBytes)
    throw Error(Code::too_large,
                "a run stages at most 10,000 writes and followers of 16 MiB in all",
                "Do the rest in a follower, or write it with put_now.");
  run.staged_bytes += bytes;
}

void require_grant(const RunContext& run, std::string_view grant, std::string_view value) {
  if (run.grants.permits(grant, value)) return;
  throw Error(Code::not_granted,
              "plugin \"" + run.plugin + "\" is not granted " + std::string(grant) + " for \"" +
                  std::string(value) + "\"",
              "To allow it, add under plugins." + run.plugin + ".grants in host.yaml: " +
                  std::string(grant) + ": [\"" + std::string(value) + "\"]");
}

std::string text_parameter(const Json& params, std::string_view name) {
  auto text = text_parameter(params, name, "");
  if (text.empty()) refuse(name, "must be a text that is not empty");
  return text;
}

std::string text_parameter(const Json& params, std::string_view name, std::string_view fallback) {
  const Json* given = find(params, name);
  if (given == nullptr) return std::string(fallback);
  if (!given->is_string()) refuse(name, "must be a text");
  return given->get<std::string>();
}

std::int64_t number_parameter(const Json& params, std::string_view name, std::int64_t fallback,
                              std::int64_t least, std::int64_t most) {
  const Json* given = find(params, name);
  if (given == nullptr) return fallback;
  constexpr std::uint64_t largest = std::numeric_limits<std::int64_t>::max();
  const bool fits = given->is_number_integer() &&
                    !(given->is_number_unsigned() && given->get<std::uint64_t>() > largest);
  if (!fits) refuse(name, "must be a whole number");
  const auto number = given->get<std::int64_t>();
  if (number < least || number > most)
    refuse(name, fmt::format("is {}, expected {} to {}", number, least, most));
  return number;
}

std::int64_t needed_number(const Json& params, std::string_view name) {
  if (find(params, name) == nullptr) refuse(name, "is missing");
  return number_parameter(params, name, 0, 1);
}

Json object_parameter(const Json& params, std::string_view name) {
  const Json* given = find(params, name);
  if (given == nullptr) return Json::object();
  if (!given->is_object()) refuse(name, "must be a JSON object");
  return *given;
}

Duration milliseconds_parameter(const Json& params, std::string_view name,
                                std::chrono::milliseconds fallback) {
  const std::chrono::milliseconds value(number_parameter(params, name, fallback.count()));
  if (value < std::chrono::milliseconds::zero() || value > kTenYears)
    throw Error(Code::usage, "parameter \"" + std::string(name) +
                                 "\" must be a number of milliseconds, from 0 to ten years");
  return value;
}

}  // namespace host
