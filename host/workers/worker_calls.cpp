// SPDX-License-Identifier: Apache-2.0
//
// What a run says while it goes on: the services that it calls, its log lines and its output.
#include <fmt/core.h>

#include "workers/message.hpp"
#include "workers/worker.hpp"

namespace host {
namespace {

constexpr int kCallsInFlight = 64;

}  // namespace

void Worker::on_call(const Frame& frame) {
  const auto call = decode_call(frame.body);
  const auto refuse = [&](Code code, const char* message) {
    answer(frame.run, call.id, Error(code, message));
  };
  if (!current_is(frame.run)) {
    ++around_.owner.counters().stale_frames;
    return refuse(Code::stale, "this run has ended");
  }
  if (calls_ >= kCallsInFlight)
    return refuse(Code::rate_limited, "64 service calls of this worker are under way already");
  ++calls_;
  around_.services.call(
      {frame.run, spec_->plugin_id, task_, std::string(call.method), std::string(call.params)},
      [weak = std::weak_ptr(self_), run = frame.run, id = call.id](Result<std::string> result) {
        const auto self = weak.lock();
        if (!self) return;
        --(*self)->calls_;
        if ((*self)->current_is(run)) (*self)->answer(run, id, result);
      });
}

void Worker::answer(RunId run, std::uint64_t id, const Result<std::string>& result) {
  if (result.ok() && result.value().size() + kFrameHeader + 64 < kFrameCap)
    return process_->send(FrameType::answer, run,
                          encode(AnswerMessage{.id = id, .result = result.value()}));
  const auto error = result.ok() ? Error(Code::too_large, "the answer is too large for one frame",
                                         "Ask for less at once")
                                 : result.error();
  process_->send(FrameType::answer, run,
                 encode(AnswerMessage{.id = id,
                                      .status = status_of(error),
                                      .code = name(error.code()),
                                      .message = error.what()}));
}

void Worker::on_log(const Frame& frame) {
  const auto log = decode_log(frame.body);
  pass_line(current_is(frame.run) ? frame.run : RunId{}, level_of(log.level), log.text);
}

void Worker::on_line(std::string_view line) {
  const auto text = printable(line);
  last_lines_.add(text);
  pass_line(begun_ ? sent_.front().run.request.run : RunId{}, Level::info, text);
}

void Worker::pass_line(RunId run, Level level, std::string_view text) {
  if (!limit_.pass(around_.loop.clock().monotonic())) return;
  report_dropped_lines();
  around_.services.log(run, spec_->plugin_id, level, printable(text));
}

void Worker::report_dropped_lines() {
  const auto dropped = limit_.take_dropped();
  if (dropped == 0) return;
  around_.owner.counters().dropped_lines += dropped;
  around_.log.warn("{}: {} lines were dropped, over {} a second", spec_->plugin_id, dropped,
                   around_.settings.lines_per_second);
}

}  // namespace host
