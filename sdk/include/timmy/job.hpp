// SPDX-License-Identifier: Apache-2.0
//
// What a run is told. Everything here: since ABI 1.0; plain values, each for one thread at a time.
#pragma once

#include <timmy/abi.h>
#include <timmy/failure.hpp>
#include <timmy/time.hpp>

#if !__has_include(<nlohmann/json.hpp>)
#error \
    "timmy/plugin.hpp needs nlohmann_json (Debian: nlohmann-json3-dev); timmy/abi.h needs nothing"
#endif
#include <nlohmann/json.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace timmy {

using Json = nlohmann::json;

namespace detail {

inline std::string_view view(timmy_str text) {
  return text.len == 0 ? std::string_view() : std::string_view(text.ptr, text.len);
}

inline timmy_str borrow(std::string_view text) { return {text.data(), text.size()}; }

inline Json parse(timmy_str text) {
  return text.len == 0 ? Json::object() : Json::parse(view(text));
}

// Compact text; bytes that are not UTF-8 become U+FFFD instead of throwing.
inline std::string dump(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace detail

// One job, as this run of it sees it. A job runs at least once: after a crash or a failed commit it
// runs again, with the same `id` and `key`.
struct Job {
  std::int64_t id = 0;
  std::string task;
  // The idempotency key: no other job has it, each run of this one does. What must not happen twice
  // outside of the host is to be keyed by it.
  std::string key;
  // Which attempt this is: the first is 1.
  int attempt = 1;
  int max_attempts = 1;
  // The tick that it was inserted for; nothing if somebody asked for it.
  std::optional<Time> scheduled_for;
  // What it was inserted with, an object.
  Json payload = Json::object();

  // Whether a retryable failure of this run is the job's end.
  [[nodiscard]] bool last_attempt() const { return attempt >= max_attempts; }

  // From the ABI's job_json. Throws Json::exception on what the ABI does not promise.
  [[nodiscard]] static Job from_json(const Json& json) {
    Job job;
    job.id = json.at("id").get<std::int64_t>();
    job.task = json.at("task").get<std::string>();
    job.key = json.at("key").get<std::string>();
    job.attempt = json.at("attempt").get<int>();
    job.max_attempts = json.at("max_attempts").get<int>();
    if (const auto at = json.find("scheduled_for"); at != json.end() && at->is_string())
      job.scheduled_for = parse_time(at->get<std::string>());
    job.payload = json.value("payload", Json::object());
    return job;
  }
};

}  // namespace timmy
