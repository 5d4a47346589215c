// SPDX-License-Identifier: Apache-2.0
#include "services/service.hpp"

namespace host {
namespace {

constexpr std::size_t kStagedBytes = 16u << 20;
constexpr std::size_t kStagedWrites = 10'000;
constexpr std::chrono::milliseconds kTenYears = std::chrono::hours(24 * 3650);

}  // namespace

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
  const auto found = params.find(name);
  if (found == params.end() || !found->is_string() || found->get_ref<const std::string&>().empty())
    throw Error(Code::usage,
                "parameter \"" + std::string(name) + "\" must be a text that is not empty");
  return found->get<std::string>();
}

std::int64_t number_parameter(const Json& params, std::string_view name, std::int64_t fallback) {
  const auto found = params.find(name);
  if (found == params.end() || found->is_null()) return fallback;
  if (!found->is_number_integer())
    throw Error(Code::usage, "parameter \"" + std::string(name) + "\" must be a whole number");
  return found->get<std::int64_t>();
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
