// SPDX-License-Identifier: Apache-2.0
//
// What the frames' bodies hold. Binary where a run passes (job, begun, result), so that an empty
// run costs no JSON; JSON where a worker starts. Views point into the frame.
//
// Encoding: integers little-endian; a text is a u32 length and its bytes. Reading throws
// Error{invalid} on a body that is too short or too long.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "workers/cage.hpp"
#include "workers/frame.hpp"

namespace host {

// hello: JSON.
struct Hello {
  std::vector<int> versions = {kFrameVersion};  // of frames that the host speaks
  std::string plugin_id;
  std::string config_json;
  CageSpec cage;
  Duration cpu_per_run{};  // zero: only the deadline
  int rehearsals = 0;      // so often the instance is made and destroyed before the one that stays
};
[[nodiscard]] std::string encode(const Hello& hello);
[[nodiscard]] Hello decode_hello(std::string_view body);

// ready: JSON.
struct Ready {
  int version = kFrameVersion;
  CageReport cage;
};
[[nodiscard]] std::string encode(const Ready& ready);
[[nodiscard]] Ready decode_ready(std::string_view body);

// refused.
struct Refused {
  bool permanent = false;  // the same bytes and config will be refused again
  std::string_view code;
  std::string_view message;
};
[[nodiscard]] std::string encode(const Refused& refused);
[[nodiscard]] Refused decode_refused(std::string_view body);

// job.
struct JobMessage {
  Duration timeout{};  // from `begun`
  std::string_view task;
  std::string_view job_json;
};
[[nodiscard]] std::string encode(const JobMessage& job);
[[nodiscard]] JobMessage decode_job(std::string_view body);

// result.
struct ResultMessage {
  std::int32_t status = 0;     // timmy_status
  std::int64_t delay_ms = -1;  // -1: none was set
  std::string_view code;
  std::string_view message;
  std::string_view result;  // as the plugin set it; JSON, it says
  // Of the worker's process since it started.
  Duration cpu{};
  std::uint64_t max_rss_bytes = 0;
  // What the run left behind, over what there was before it.
  std::uint32_t threads = 0;
  std::uint32_t descriptors = 0;
  std::uint32_t children = 0;

  [[nodiscard]] bool clean() const { return threads == 0 && descriptors == 0 && children == 0; }
};
// Whether the worker begins no further run after this one, and the host replaces it: the run
// failed, or left something behind. Both sides go by this.
[[nodiscard]] bool ends_worker(const ResultMessage& result);
void encode_to(std::string& out, const ResultMessage& result);
[[nodiscard]] ResultMessage decode_result(std::string_view body);

// call.
struct CallMessage {
  std::uint64_t id = 0;  // of this call, within the worker
  std::string_view method;
  std::string_view params;
};
[[nodiscard]] std::string encode(const CallMessage& call);
[[nodiscard]] CallMessage decode_call(std::string_view body);

// answer.
struct AnswerMessage {
  std::uint64_t id = 0;
  std::int32_t status = 0;  // timmy_status
  std::int64_t delay_ms = -1;
  std::string_view code;     // empty with TIMMY_OK
  std::string_view message;  // likewise
  std::string_view result;   // JSON
};
[[nodiscard]] std::string encode(const AnswerMessage& answer);
[[nodiscard]] AnswerMessage decode_answer(std::string_view body);

// The code of a failure that the plugin did not tell but threw across the C interface.
inline constexpr std::string_view kThrew = "threw";
// The code of a failure of which it told nothing.
inline constexpr std::string_view kNoReason = "no_reason";
// How the line begins that tells what its destroy threw.
inline constexpr std::string_view kDestroyThrew = "the plugin's destroy threw ";
// How a worker's line begins that tells of a service call which came when its run was over.
inline constexpr std::string_view kLateCall = "called a service after its run had ended: ";

// log.
struct LogMessage {
  std::int32_t level = 0;  // TIMMY_LOG_*
  std::string_view text;
};
[[nodiscard]] std::string encode(const LogMessage& log);
[[nodiscard]] LogMessage decode_log(std::string_view body);

}  // namespace host
