// SPDX-License-Identifier: Apache-2.0
//
// A worker that breaks the protocol. It starts as the real one would, then does what the plugin's
// config names.
#include <signal.h>
#include <string.h>
#include <timmy/abi.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <string>

#include "workers/message.hpp"

namespace {

using namespace host;

constexpr int kChannel = 3;

FrameDecoder decoder;

// The next frame of a type; what comes before it is dropped.
Frame await(FrameType type) {
  char bytes[65536];
  for (;;) {
    while (const auto frame = decoder.next())
      if (frame->type == type) return *frame;
    const ssize_t got = ::read(kChannel, bytes, sizeof bytes);
    if (got <= 0) ::_exit(0);
    decoder.feed({bytes, static_cast<std::size_t>(got)});
  }
}

void write_raw(const std::string& bytes) {
  if (::write(kChannel, bytes.data(), bytes.size()) < 0) ::_exit(0);
}

void send(FrameType type, RunId run, std::string_view body = {}) {
  std::string out;
  append_frame(out, type, run, body);
  write_raw(out);
}

std::string result(timmy_status status = TIMMY_OK) {
  std::string out;
  encode_to(out, ResultMessage{.status = status});
  return out;
}

// Waits for what the host does about it. A kill, if the test passes.
void linger() {
  for (;;) ::pause();
}

void serve_the_rest() {
  for (;;) {
    const auto run = await(FrameType::job).run;
    send(FrameType::begun, run);
    send(FrameType::result, run, result());
  }
}

RunId other(RunId run) { return {JobId(run.job.value() + 100), run.lease}; }
RunId older(RunId run) { return {run.job, RunLease(run.lease.value() - 1)}; }

const std::map<std::string, std::function<void(RunId)>> modes = {
    {"garbage", [](RunId) { write_raw(std::string(1000, '\xee')); }},
    {"huge", [](RunId) { write_raw(std::string("\xff\xff\xff\xff\x13", 5)); }},
    {"short", [](RunId) { write_raw(std::string("\x03\x00\x00\x00\x13\x00\x00", 7)); }},
    {"partial",
     [](RunId run) {
       send(FrameType::begun, run);
       write_raw(std::string("\x00\x10\x00\x00\x13half", 9));
     }},
    {"unknown", [](RunId run) { send(static_cast<FrameType>(99), run); }},
    {"malformed",
     [](RunId run) {
       send(FrameType::begun, run);
       send(FrameType::result, run, "no result");
     }},
    {"wrong_job", [](RunId run) { send(FrameType::begun, other(run)); }},
    {"old_lease",
     [](RunId run) {
       send(FrameType::begun, run);
       send(FrameType::result, older(run), result());
     }},
    {"not_begun", [](RunId run) { send(FrameType::result, run, result()); }},
    {"begun_twice",
     [](RunId run) {
       send(FrameType::begun, run);
       send(FrameType::begun, run);
     }},
    {"result_twice",
     [](RunId run) {
       send(FrameType::begun, run);
       send(FrameType::result, run, result());
       send(FrameType::result, run, result());
     }},
    {"after_cancel",
     [](RunId run) {
       send(FrameType::begun, run);
       await(FrameType::cancel);
       send(FrameType::result, run, result(TIMMY_RETRYABLE));
       serve_the_rest();
     }},
    {"stale_call",
     [](RunId run) {
       send(FrameType::begun, run);
       send(FrameType::call, older(run), encode(CallMessage{7, "test/1.write", "{}"}));
       const auto answer = decode_answer(await(FrameType::answer).body);
       std::string out;
       encode_to(out, ResultMessage{
                          .status = TIMMY_PERMANENT, .code = answer.code, .message = "refused"});
       send(FrameType::result, run, out);
     }},
    {"flood_calls",
     [](RunId run) {
       send(FrameType::begun, run);
       for (std::uint64_t id = 1; id <= 65; ++id)
         send(FrameType::call, run, encode(CallMessage{id, "test/1.slow", "{}"}));
       const auto answer = decode_answer(await(FrameType::answer).body);
       std::string out;
       encode_to(out, ResultMessage{
                          .status = TIMMY_PERMANENT, .code = answer.code, .message = "refused"});
       send(FrameType::result, run, out);
     }},
    {"never_reads",
     [](RunId run) {
       send(FrameType::begun, run);
       for (std::uint64_t id = 1;; ++id)
         send(FrameType::call, run, encode(CallMessage{id, "test/1.large", "{}"}));
     }},
    {"never_begins", [](RunId) {}},
    {"begins_once",
     [](RunId run) {
       send(FrameType::begun, run);
       send(FrameType::result, run, result());
     }},
    {"ready_twice", [](RunId) { send(FrameType::ready, {}, encode(Ready{})); }},
    {"old_version", [](RunId) {}},
    {"close",
     [](RunId run) {
       send(FrameType::begun, run);
       ::close(kChannel);
     }},
};

}  // namespace

int main() {
  const auto mode = decode_hello(await(FrameType::hello).body).config_json;
  Ready ready;
  if (mode == "old_version") ready.version = 0;
  send(FrameType::ready, {}, encode(ready));
  const auto job = await(FrameType::job).run;
  modes.at(mode)(job);
  linger();
}
